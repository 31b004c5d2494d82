"""`connect`, `token`, `env`, `psql`: ways to a session (chapter 3)."""

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import ClusterOptions, DatabaseOptions
from dsqlkit.cli.output import Output, table_of
from dsqlkit.cli.streams import write
from dsqlkit.errors import DsqlkitError
from dsqlkit.token import DEFAULT_LIFE_S

if TYPE_CHECKING:
    from dsqlkit.endpoint import Endpoint


ExpiresIn = Annotated[
    int,
    typer.Option(
        "--expires-in", metavar="SECONDS", help="How long the token is good: up to a week, 604800."
    ),
]


def connect(options: DatabaseOptions) -> None:
    """Sign a token, connect, and time each step.

    \b
    dsqlkit connect
    dsqlkit connect --endpoint <cluster>.dsql.<region>.on.aws -v
    """
    from dsqlkit.connection_report import examine

    output = Output(options)
    report = examine(endpoint_of(options, output))
    times = report.timings_ms
    document = {
        "endpoint": report.endpoint.address,
        "region": report.endpoint.region,
        "user": report.endpoint.user,
        "server_version": report.server_version,
        "tls": report.tls,
        "token_expires_at": report.token_expires_at.isoformat(timespec="seconds"),
        "timings_ms": {
            "token": round(times.token, 3),
            "connect": round(times.connect, 3),
            "first_query": round(times.first_query, 3),
            "round_trip": round(times.round_trip, 3),
        },
    }
    output.result(
        document,
        lambda: table_of(
            {
                "Endpoint": report.endpoint.address,
                "Region": report.endpoint.region,
                "Role": report.endpoint.user,
                "Server": f"PostgreSQL {report.server_version}",
                "TLS": report.tls,
                "Token expires": f"{report.token_expires_at:%Y-%m-%d %H:%M:%S} UTC",
                "Token": f"{times.token:.1f} ms",
                "Connect": f"{times.connect:.1f} ms",
                "First query": f"{times.first_query:.1f} ms",
                "Round trip": f"{times.round_trip:.1f} ms (median of 9)",
            }
        ),
    )
    output.next_step("dsqlkit init-accounts")


def token(options: ClusterOptions, expires_in: ExpiresIn = DEFAULT_LIFE_S) -> None:
    """Print a token, the password for one role on one cluster.

    It is good for 15 minutes unless --expires-in says otherwise, and is looked at only while
    connecting.

    \b
    PGPASSWORD=$(dsqlkit token) psql ...
    dsqlkit token --expires-in 3600
    """
    from dsqlkit.token import TokenSigner, check_life

    check_life(expires_in)
    endpoint = endpoint_of(options)
    _name_the_role(endpoint)
    write(TokenSigner(endpoint).token(expires_in).value)


def env(options: ClusterOptions, expires_in: ExpiresIn = DEFAULT_LIFE_S) -> None:
    """Print `export` lines for psql and every other client.

    What is set in your shell and would lead them elsewhere is unset.

    \b
    eval "$(dsqlkit env)" && psql
    eval "$(dsqlkit env --expires-in 28800)"
    """
    from dsqlkit import libpq
    from dsqlkit.token import check_life

    check_life(expires_in)
    caller = dict(os.environ)
    endpoint = endpoint_of(options)
    _name_the_role(endpoint)
    own = client_environment(endpoint, expires_in)
    if others := libpq.in_the_way(caller, own):
        write(f"unset {' '.join(others)}")
    for name, value in own.items():
        write(f"export {name}={shlex.quote(value)}")


def _name_the_role(endpoint: "Endpoint") -> None:
    """Say whom the token is for, where a variable of the shell decided: whoever uses it is told
    no more than that access is denied."""
    if endpoint.user_source == "PGUSER" and not endpoint.is_admin:
        write(
            f"The token is for role {endpoint.user}, which PGUSER says: `unset PGUSER`, or give "
            "--user admin, if that is not meant.",
            sys.stderr,
        )


def psql(
    options: ClusterOptions,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[ARGS]...", help="Arguments for psql.")
    ] = None,
) -> None:
    """Run psql with a fresh token and verified TLS.

    \b
    dsqlkit psql
    dsqlkit psql -c 'SELECT * FROM accounts LIMIT 5'
    """
    from dsqlkit import libpq
    from dsqlkit.connection import connect as connect_once
    from dsqlkit.deciding_variables import what_decided

    program = shutil.which("psql")
    if program is None:
        raise DsqlkitError(
            "psql is not installed.",
            hint="Install your system's PostgreSQL client (postgresql-client, or libpq).",
        )
    caller = dict(os.environ)
    endpoint = endpoint_of(options)
    if what_decided(endpoint) or not endpoint.is_admin:
        # psql would not say what led it where it cannot sign in, and what to do about it.
        connect_once(endpoint).close()
    environment = libpq.for_psql(caller, client_environment(endpoint))
    # The token goes by the environment: arguments are visible to everyone on the machine.
    os.execve(program, ["psql", *(arguments or [])], environment)  # noqa: S606


def client_environment(endpoint: "Endpoint", life_s: int = DEFAULT_LIFE_S) -> dict[str, str]:
    """What libpq reads to connect to the endpoint, with a token that lives `life_s` seconds."""
    from dsqlkit import libpq
    from dsqlkit.endpoint import DATABASE, LOCAL_AWS_NAME
    from dsqlkit.token import TokenSigner

    address = libpq.route(endpoint)
    if endpoint.is_local and endpoint.host == LOCAL_AWS_NAME:
        address = "127.0.0.1"  # this machine may not know the name
    return {
        **({"PGHOSTADDR": address} if address else {}),
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGUSER": endpoint.user,
        "PGDATABASE": DATABASE,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": libpq.root_certificates(endpoint),
        "PGPASSWORD": TokenSigner(endpoint).token(life_s).value,
    }
