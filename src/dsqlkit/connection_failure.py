"""What a failed connection attempt means, read from the text that libpq and the server give.

DSQL refuses at start-up with words that libpq passes on without a SQLSTATE, so the words are
what there is to go by. They are AWS's, from the User Guide's troubleshooting and quotas pages.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from dsqlkit.deciding_variables import with_what_decided
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import FAULTS_OFF


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """Why a connection could not be made. `passing`: it may work in a moment."""

    message: str
    hint: str
    passing: bool = False


@dataclass(frozen=True, slots=True)
class _Cause:
    words: tuple[str, ...]
    message: str
    hint: str
    passing: bool = False


_DENIED = ("access denied", "iam authentication failed", "password authentication failed")

_AGED_ON_PURPOSE = _Cause(
    ("on purpose, as a fault is on",),
    "{address} refused the token: it is made stale early, on purpose.",
    f"A fault is on, `token_age_s`: {FAULTS_OFF}",
)
_STALE = _Cause(
    ("signature expired",),
    "{address} refused the token: it is stale.",
    "A fresh token is made for each connection, so this machine's clock is probably off: "
    "compare `date -u` with the real time.",
)
# The first cause with one of its words in the text applies, so the more special come first.
_CAUSES = (
    _Cause(
        ("authentication method requirement",),
        "{address} asks for another proof than a password, which a token is.",
        "Something else than a cluster may be listening there.",
    ),
    _Cause(
        ("definition of service", "service file"),
        "PGSERVICE is set to what is no service, and libpq goes no further.",
        "`unset PGSERVICE`: where a connection goes is said by its endpoint.",
    ),
    _Cause(
        tuple(f'parameter "{name}"' for name in ("timezone", "datestyle", "geqo")),
        "{address} refused a setting that libpq sends by itself.",
        "`unset PGTZ PGDATESTYLE PGGEQO`, whichever is set.",
    ),
    _Cause(
        ("root certificate file", "root certificates from file"),
        "The file of root certificates, {roots}, cannot be read.",
        "For AWS it is SSL_CERT_FILE where that is set: `unset SSL_CERT_FILE`, or mend the file.",
    ),
    _Cause(
        ("the server is not there", "the database system is"),
        "The PostgreSQL behind {address} is not there for the moment.",
        "A local cluster starts it again by itself; if it stays so, `dsqlkit local stop`, then "
        "`dsqlkit local start`.",
        passing=True,
    ),
    _Cause(
        _DENIED,
        "{address} denied access to role {user}.",
        "Check the role (`user`), the region, the AWS credentials, and that their policy allows "
        "{action} on this cluster.",
    ),
    _Cause(
        ("waking up cluster",),
        "{address} is waking up.",
        "Try again in a few seconds.",
        passing=True,
    ),
    _Cause(
        ("too many open connections", "too many clients", "too many connections"),
        "{address} has too many open connections.",
        "Close some, or try again later; a cluster takes 10,000.",
        passing=True,
    ),
    _Cause(
        ("rate exceeded",),
        "{address} gets new connections too fast.",
        "Use fewer threads, or try again in a moment; a cluster takes 100 a second.",
        passing=True,
    ),
    _Cause(
        ("sni was not received", "invalid sni"),
        "{address} could not tell which cluster is meant.",
        "Use the cluster's full name, <id>.dsql.<region>.on.aws, as the endpoint.",
    ),
    _Cause(
        ("certificate verify failed", "does not match host name", "self-signed certificate"),
        "The certificate of {address} is not one to trust for that name.",
        "Something else may be listening there. For the local cluster use `endpoint=local`; for "
        "AWS check the name, and SSL_CERT_FILE if it is set.",
    ),
    _Cause(
        (
            "could not translate host name",
            "failed to resolve host",
            "name or service not known",
            "nodename nor servname",
        ),
        "There is no host named {host}.",
        "Check the endpoint's spelling: <id>.dsql.<region>.on.aws, or `local`.",
    ),
    _Cause(
        ("connection refused",),
        "Nothing listens at {host}, port {port}.",
        "Check the host and the port; `dsqlkit local start` starts the local cluster.",
    ),
    _Cause(
        ("network is unreachable", "no route to host"),
        "The network does not reach {address}.",
        "Check the network; if only IPv6 fails, prefer IPv4 for this host.",
    ),
    _Cause(
        ("timeout expired", "timed out", "connection timeout"),
        "{address} did not answer in time.",
        "Check the host, the port, and any firewall between.",
    ),
    _Cause(
        (
            "unexpected eof",
            "eof detected",
            "reset by peer",
            "broken pipe",
            "server closed the connection",
        ),
        "{host}, port {port}, hung up before the sign-in was over.",
        "Try again; if it stays so, something else than a cluster may be listening there.",
    ),
    _Cause(
        ("does not support ssl", "ssl error", "tlsv1", "wrong version number"),
        "{host}, port {port}, does not speak TLS as a cluster does.",
        "Check the host and the port: something else may be listening there.",
    ),
)


_LOCAL_ROLE = _Cause(
    _DENIED,
    "{address} denied access to role {user}: this local cluster has no such role, or none that an "
    "IAM role signs in as.",
    "`dsqlkit role create {quoted} --arn arn:aws:iam::123456789012:role/app --user admin` makes "
    "one; or give `user=admin`.",
)
_LOCAL_ADMIN = _Cause(
    _DENIED,
    "{address} denied access to role {user}: it is not the local cluster whose keys are here.",
    "Another user's may be listening there, or that of another XDG_DATA_HOME: give "
    "`endpoint=local` for your own.",
)


def failure_of(
    text: str, endpoint: Endpoint, environ: Mapping[str, str] = os.environ
) -> ConnectionFailure:
    """Tell the cause of a failed attempt from the driver's error text.

    The hint names the variables that decided where it went and as whom.
    """
    names = {
        "address": endpoint.address,
        "host": endpoint.host,
        "port": endpoint.port,
        "user": endpoint.user,
        "quoted": shlex.quote(endpoint.user),
        "roots": endpoint.root_certificate or environ.get("SSL_CERT_FILE") or "certifi's",
        "action": "dsql:DbConnectAdmin" if endpoint.is_admin else "dsql:DbConnect",
    }
    lowered = text.lower()
    own = [_LOCAL_ADMIN if endpoint.is_admin else _LOCAL_ROLE] if endpoint.is_local else []
    for cause in (_AGED_ON_PURPOSE, _STALE, *own, *_CAUSES):
        if any(words in lowered for words in cause.words):
            return ConnectionFailure(
                cause.message.format(**names),
                with_what_decided(cause.hint.format(**names), endpoint, environ),
                cause.passing,
            )
    last_line = next((line for line in reversed(text.splitlines()) if line.strip()), "no reason")
    return ConnectionFailure(
        f"No connection to {endpoint.address}: {last_line.strip()}.",
        with_what_decided("Check the endpoint with `dsqlkit connect -v`.", endpoint, environ),
    )
