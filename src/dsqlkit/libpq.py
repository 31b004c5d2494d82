"""What libpq reads from the environment, and how our connections are kept free of it.

dsqlkit reads PGHOST, PGPORT and PGUSER itself (see endpoint.py), and follows PGHOSTADDR to clusters
that are not on this machine, as a tunnel's user expects: the certificate must still be that of the
cluster's name. libpq would also take from a
variable every parameter that it is not given, and a few things that are no parameters. So each
connection gives it every parameter that has a variable (`own_parameters`), and a process that is
dsqlkit's own drops the rest (`forget`). A program that uses the library keeps its environment; what
cannot be overruled there is named where it makes a connection fail.
"""

import os
from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Final

from dsqlkit.endpoint import Endpoint

BEYOND_PARAMETERS: Final = ("PGSERVICE", "PGDATESTYLE", "PGTZ", "PGGEQO")
"""What libpq reads whatever it is given: a service's name, and settings for each session."""

_OF_PSQL: Final = frozenset({"PGAPPNAME", "PGDATESTYLE", "PGTZ"})
"""How a person wants a session of psql to look. DSQL accepts all three."""

# Where libpq's own default is none, and an empty text is not taken for that.
_INSTEAD: Final = {
    "sslcertmode": "disable",  # a token is all that a cluster asks for
    "require_auth": "!gss,!sspi",  # any way to ask for it: which one DSQL takes is not recorded
    "min_protocol_version": "3.0",
    "max_protocol_version": "3.0",
}


@cache
def own_parameters() -> Mapping[str, str]:
    """A value for each parameter that libpq would otherwise read from a variable: its default.

    `service` is not among them, as libpq takes no value for "none".
    """
    from psycopg.pq import Conninfo

    return {
        name: _INSTEAD.get(name, (option.compiled or b"").decode())
        for option in Conninfo.get_defaults()
        if option.envvar and (name := option.keyword.decode()) != "service"
    }


def route(endpoint: Endpoint, environ: Mapping[str, str] = os.environ) -> str | None:
    """The address by which to reach the endpoint in place of that of its name, if one is set."""
    return None if endpoint.is_local else environ.get("PGHOSTADDR") or None


def root_certificates(endpoint: Endpoint) -> str:
    """The file of root certificates to verify the endpoint with.

    The local cluster's own CA; otherwise SSL_CERT_FILE where it is set, else certifi's file, as
    the driver's wheels carry no roots of their own.
    """
    if endpoint.root_certificate is not None:
        return endpoint.root_certificate
    if named := os.environ.get("SSL_CERT_FILE"):
        return named
    import certifi

    return certifi.where()


@cache
def variables() -> frozenset[str]:
    """The variables from which libpq reads, as this libpq says."""
    from psycopg.pq import Conninfo

    named = (option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar)
    return frozenset({*named, *BEYOND_PARAMETERS})


def forget(environ: MutableMapping[str, str] = os.environ) -> None:
    """Drop what would reach every connection of this process whatever it is given.

    For processes that are dsqlkit's own, before they have threads.
    """
    for name in BEYOND_PARAMETERS:
        environ.pop(name, None)


def for_psql(environ: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a psql: the caller's, with `own` as all that it tells libpq.

    psql may have a newer libpq than ours, so no variable of a PG... name gets through.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in _OF_PSQL or not name.startswith("PG")
    }
    return {**kept, **own}


def in_the_way(environ: Mapping[str, str], own: Mapping[str, str]) -> list[str]:
    """The variables that are set and would change connections for which `own` are exported."""
    return sorted((variables() - _OF_PSQL - own.keys()) & environ.keys())
