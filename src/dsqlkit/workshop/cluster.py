"""Chapter 2: the cluster that the other chapters run on, and the stack that would make one."""

from collections.abc import Mapping
from typing import Any

from dsqlkit import local
from dsqlkit.aws.cluster_input import ClusterName, parse_name
from dsqlkit.aws.clusters import get
from dsqlkit.aws.control_plane import open_control_plane
from dsqlkit.aws.handlers import HANDLERS
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import DsqlkitError, UsageError
from dsqlkit.workshop.chapter import Code, Part, Shown, Stage, Text

_STACK = (
    f"The stack (dsqlkit stack synth): one cluster without deletion protection, {len(HANDLERS)} "
    "functions that may do dsql:DbConnectAdmin on it and no more, and their names as outputs."
)


def play(stage: Stage) -> Shown:
    """Say what was started here; on AWS, what GetCluster says of it, where it may be asked."""
    if stage.endpoint.is_local:
        parts, facts = _started(stage.endpoint)
    else:
        stage.say("Asking GetCluster")
        parts, facts = _on_aws(stage.endpoint)
    return Shown((*parts, Text(_STACK)), {**facts, "stack": _STACK})


def _started(endpoint: Endpoint) -> tuple[tuple[Part, ...], dict[str, Any]]:
    status = local.status()
    words = (
        f"This one is local: process {status.pid} listens at {endpoint.address} and takes TLS and "
        f"signed tokens alone; behind it is a PostgreSQL {status.server_version} that nobody else "
        f"reaches, with its data in {status.data_dir}. On AWS, dsqlkit cluster create makes one."
    )
    facts = {
        "cluster": "local",
        "endpoint": endpoint.address,
        "region": endpoint.region,
        "pid": status.pid,
        "data_dir": status.data_dir,
        "server_version": status.server_version,
        "started_at": status.started_at,
    }
    return (Text(words),), facts


def _on_aws(endpoint: Endpoint) -> tuple[tuple[Part, ...], dict[str, Any]]:
    facts: dict[str, Any] = {
        "cluster": None,
        "endpoint": endpoint.address,
        "region": endpoint.region,
        "not_asked": None,
    }
    try:
        name = parse_name(endpoint.host)
    except UsageError:
        words = f"{endpoint.host} is no cluster's own name, so GetCluster was not asked about it."
        return (Text(words),), {**facts, "not_asked": words}
    try:
        fields = _fields(name, endpoint)
    except DsqlkitError as error:
        words = f"GetCluster was not answered: {error.message}"
        return (Text(f"{words} The other chapters do without it."),), {**facts, "not_asked": words}
    lines = tuple(f"{key}: {value}" for key, value in fields.items())
    asked = Code((f"$ dsqlkit cluster status {name.id} --region {endpoint.region}", *lines))
    return (Text("GetCluster says of this one:"), asked), {**facts, "cluster": dict(fields)}


def _fields(name: ClusterName, endpoint: Endpoint) -> Mapping[str, Any]:
    plane = open_control_plane(name.region or endpoint.region, profile=endpoint.profile)
    return get(plane, name.id).fields
