"""The control plane of DSQL in one region, as one AWS profile sees it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dsqlkit import __version__
from dsqlkit.aws.api_errors import explained
from dsqlkit.cluster_names import REGION_VARIABLES, check_region
from dsqlkit.credential_chain import asked
from dsqlkit.endpoint import BY_REGION
from dsqlkit.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_dsql import AuroraDSQLClient

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Where clusters are made and removed. `client` is boto3's; it may be shared by threads."""

    region: str
    client: "AuroraDSQLClient" = field(repr=False)


def open_control_plane(
    region: str | None = None,
    *,
    profile: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> ControlPlane:
    """A client for a region: the one given, that of the environment, or that of the profile.

    Nothing is contacted. A call is tried again by botocore where that helps (its standard mode:
    throttling, errors of the service, broken connections; AWS_MAX_ATTEMPTS says how often).

    Raises UsageError without a region or for a malformed one, ConnectionFailed for a profile that
    is not there.
    """
    if region is not None:
        check_region(region, BY_REGION)
    import boto3
    from botocore.config import Config

    with explained("configuration", region or "no region"):
        session = boto3.Session(profile_name=profile)
        found = region or _region_of(session.region_name, environ)
        asked(session.get_credentials)
        client = session.client(
            "dsql",
            region_name=found,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard"},
                user_agent_extra=f"dsqlkit/{__version__}",
            ),
        )
    return ControlPlane(found, client)


def _region_of(profile_region: str | None, environ: Mapping[str, str]) -> str:
    named = ((environ.get(variable), variable) for variable in REGION_VARIABLES)
    for value, source in (*named, (profile_region, "the profile's region")):
        if value:
            check_region(value, source)
            return value
    raise UsageError(
        "No region is known.", hint="Give `region`, set AWS_REGION, or run `aws configure`."
    )
