"""`local env`: what AWS's SDKs, tools and samples read, for the local cluster."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dsqlkit.cli.options import ErrorOptions
from dsqlkit.cli.streams import write

if TYPE_CHECKING:
    from dsqlkit.endpoint import LocalAddress

OTHER_CREDENTIALS = (
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
)
"""What would make the local cluster's keys useless, or have them passed over."""

ENDPOINT_NAMES = ("CLUSTER_ENDPOINT", "DSQL_ENDPOINT", "DSQL_CLUSTER_ENDPOINT")
REGION_NAMES = ("REGION", "CLUSTER_REGION", "DSQL_REGION")
"""What AWS's samples, and the tests of its tools, call a cluster and its region."""


def env(
    options: ErrorOptions,
    aws_names: Annotated[
        bool,
        typer.Option(
            "--aws-names", help="Name the cluster as AWS does, for AWS's own tools and samples."
        ),
    ] = False,
) -> None:
    """Print `export` lines that let any AWS SDK sign for it.

    \b
    eval "$(dsqlkit local env)"
    eval "$(dsqlkit local env --aws-names)"
    """
    from dsqlkit import local

    del options
    address = local.ensure_running()
    values = signing_variables(address)
    if aws_names:
        values |= _aws_names(address)
    write(f"unset {' '.join(OTHER_CREDENTIALS)}")
    for name, value in values.items():
        write(f"export {name}={shlex.quote(value)}")
    if aws_names:
        _tell_what_is_missing(address)


def signing_variables(address: "LocalAddress") -> dict[str, str]:
    """What lets an AWS SDK sign for this cluster, and says where it is."""
    return {
        "AWS_ACCESS_KEY_ID": address.access_key_id,
        "AWS_SECRET_ACCESS_KEY": address.secret_access_key,
        # Some SDKs read the one, some the other.
        "AWS_REGION": address.region,
        "AWS_DEFAULT_REGION": address.region,
        "CLUSTER_ENDPOINT": f"{address.host}:{address.port}",
        "PGSSLROOTCERT": address.root_certificate,
    }


def _aws_names(address: "LocalAddress") -> dict[str, str]:
    from dsqlkit.endpoint import ADMIN, LOCAL_AWS_NAME
    from dsqlkit.local import trust_bundle

    return {
        **dict.fromkeys(ENDPOINT_NAMES, LOCAL_AWS_NAME),
        **dict.fromkeys(REGION_NAMES, address.region),
        "CLUSTER_USER": ADMIN,
        "SSL_CERT_FILE": str(trust_bundle()),
        "NODE_EXTRA_CA_CERTS": address.root_certificate,
    }


def _tell_what_is_missing(address: "LocalAddress") -> None:
    """Say on stderr what this machine lacks before such a name leads to the cluster."""
    from dsqlkit.endpoint import DEFAULT_PORT
    from dsqlkit.local import HOSTS_FILE, missing_hosts_line

    known = HOSTS_FILE.read_text(errors="replace") if HOSTS_FILE.is_file() else ""
    if line := missing_hosts_line(known):
        write(f"{HOSTS_FILE} lacks this line, without which the name leads nowhere:", sys.stderr)
        write(f"{line}", sys.stderr)
    if address.port != DEFAULT_PORT:
        write(
            f"The local cluster listens on port {address.port}. Most samples expect "
            f"{DEFAULT_PORT}: `dsqlkit local start --port {DEFAULT_PORT}`.",
            sys.stderr,
        )
