"""Which cluster, which region, which role: an `Endpoint`, and where each part was read from.

Resolution reads options and environment variables only; nothing is contacted. The one exception
is the word `local`, which asks the caller's function to start the local cluster.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from dsqlkit.cluster_names import (
    CLUSTER_ID,
    REGION_VARIABLES,
    check_region,
    check_role,
    parse_host_port,
    region_of,
)
from dsqlkit.errors import UsageError

BY_ENDPOINT: Final = "`endpoint`"
BY_USER: Final = "`user`"
BY_REGION: Final = "`region`"
"""Where a value came from: what the caller gave. Other sources are variables, by their names."""

LOCAL: Final = "local"
ADMIN: Final = "admin"
DEFAULT_PORT: Final = 5432
DATABASE: Final = "postgres"

LOCAL_REGION: Final = "us-east-1"
LOCAL_AWS_NAME: Final = "local.dsql.us-east-1.on.aws"
"""A name of the local cluster that fits the rules of AWS's connectors and samples for a host."""
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1", LOCAL_AWS_NAME})
"""The names in the local cluster's certificate."""


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """Where the local cluster listens, and what a client needs to trust it and to sign for it."""

    host: str
    port: int
    region: str
    root_certificate: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StaticCredentials:
    """A key pair that is not looked up in the AWS credential chain."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A cluster and the role to connect as.

    `host_source`, `port_source`, `region_source` and `user_source` say where each value came from.
    `root_certificate` is the file of a private CA; None means the public roots. `credentials`
    None means the AWS credential chain, of `profile` if one is given.
    """

    host: str
    port: int
    region: str
    user: str
    host_source: str
    region_source: str
    user_source: str
    root_certificate: str | None = None
    credentials: StaticCredentials | None = None
    profile: str | None = None
    port_source: str = "default"

    @property
    def is_admin(self) -> bool:
        return self.user == ADMIN

    @property
    def is_local(self) -> bool:
        """Whether this is the cluster that dsqlkit runs on this machine."""
        return self.credentials is not None

    @property
    def address(self) -> str:
        """HOST for a cluster's usual port, HOST:PORT otherwise."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORT else f"{host}:{self.port}"


def resolve(
    endpoint: str | None = None,
    *,
    region: str | None = None,
    user: str | None = None,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
    start_local: Callable[[], LocalAddress],
    local_address: Callable[[], LocalAddress | None],
) -> Endpoint:
    """Find the cluster to talk to: `endpoint`, CLUSTER_ENDPOINT, PGHOST, then `local`.

    `start_local` is called for the word `local` (pass `dsqlkit.local.ensure_running`);
    `local_address` for a name of this machine, to learn whether the local cluster is meant
    (pass `dsqlkit.local.address`).

    Raises UsageError for a malformed endpoint, region or role, and when no region can be found.
    """
    role, role_source = _first(
        (user, BY_USER), (environ.get("PGUSER") or None, "PGUSER"), (ADMIN, "default")
    )
    check_role(role, role_source)
    if region is not None:
        check_region(region, BY_REGION)
    target, target_source = _first(
        (endpoint, BY_ENDPOINT),
        (environ.get("CLUSTER_ENDPOINT") or None, "CLUSTER_ENDPOINT"),
        (environ.get("PGHOST") or None, "PGHOST"),
        (LOCAL, "default"),
    )
    if target.lower() == LOCAL:
        address = start_local()
        return _local_endpoint(address, region, role, target_source, role_source)

    host, port, port_source = _host_and_port(target, target_source, environ)
    if host == LOCAL:
        raise UsageError(
            f"{target!r} is not an endpoint: `local` is where the local cluster listens.",
            hint=f"Give `endpoint=local`, or localhost:{port}; "
            f"`dsqlkit local start --port {port}` has it listen there.",
        )
    if host in LOCAL_HOSTS:
        known = local_address()
        if known is not None:
            if host == LOCAL_AWS_NAME and port_source == "default":
                port, port_source = known.port, "the local cluster"
            here = LocalAddress(
                host,
                port,
                known.region,
                known.root_certificate,
                known.access_key_id,
                known.secret_access_key,
            )
            known_there = _local_endpoint(here, region, role, target_source, role_source)
            return replace(known_there, port_source=port_source)

    host, found, found_source = _with_region(host, region, target_source, environ)
    return Endpoint(
        host=host,
        port=port,
        region=found,
        user=role,
        host_source=target_source,
        region_source=found_source,
        user_source=role_source,
        profile=profile,
        port_source=port_source,
    )


def _host_and_port(target: str, source: str, environ: Mapping[str, str]) -> tuple[str, int, str]:
    """The host, the port, and where that was read from."""
    try:
        host, port = parse_host_port(target)
    except UsageError as error:
        if source == BY_ENDPOINT:
            raise
        raise UsageError(
            f"{source} says: {error.message}",
            hint=f"{error.hint} `unset {source}`, or give `endpoint=local` or another.",
        ) from error
    if port is not None:
        return host, port, source
    if source == "PGHOST" and environ.get("PGPORT"):
        return host, _port_variable(environ), "PGPORT"
    return host, DEFAULT_PORT, "default"


def _first(*candidates: tuple[str | None, str]) -> tuple[str, str]:
    for value, source in candidates:
        if value is not None:
            return value, source
    raise AssertionError("the last candidate is a default")


def _local_endpoint(
    address: LocalAddress, region: str | None, role: str, target_source: str, role_source: str
) -> Endpoint:
    return Endpoint(
        host=address.host,
        port=address.port,
        region=region or address.region,
        user=role,
        host_source=target_source,
        region_source=BY_REGION if region else "the local cluster",
        user_source=role_source,
        root_certificate=address.root_certificate,
        credentials=StaticCredentials(address.access_key_id, address.secret_access_key),
    )


def _with_region(
    host: str, region: str | None, host_source: str, environ: Mapping[str, str]
) -> tuple[str, str, str]:
    """The full host name with its region and the region's source; a bare cluster id is expanded."""
    in_name = region_of(host)
    if region is not None:
        found, source = region, BY_REGION
    elif in_name is not None:
        found, source = in_name, "the endpoint's name"
    elif host in LOCAL_HOSTS:
        found, source = LOCAL_REGION, "the local cluster"
    else:
        for variable in REGION_VARIABLES:
            if value := environ.get(variable):
                check_region(value, variable)
                found, source = value, variable
                break
        else:
            named = "" if host_source == BY_ENDPOINT else f" {host_source} names it: "
            overrule = named and f"{named}`unset {host_source}`, or give `endpoint=local`."
            raise UsageError(
                f"No region is known for {host}.",
                hint="Give `region`, or set AWS_REGION, or use the cluster's full name." + overrule,
            )
    if CLUSTER_ID.fullmatch(host):
        host = f"{host}.dsql.{found}.on.aws"
    return host, found, source


def _port_variable(environ: Mapping[str, str]) -> int:
    value = environ["PGPORT"]
    if not (re.fullmatch(r"[0-9]{1,5}", value) and 1 <= int(value) <= 65535):
        raise UsageError(
            f"PGPORT is {value!r}, which is not a port from 1 to 65535.",
            hint="`unset PGPORT`; or give `endpoint`, which overrules PGHOST and PGPORT.",
        )
    return int(value)
