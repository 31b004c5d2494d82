"""Chapter 2: the cluster that the other chapters run on, and the stack that would make one."""

from typing import Any

from dsqlkit.errors import DsqlkitError
from dsqlkit.workshop.chapter import Code, Facts, Part, Shown, Stage, Text


def play(stage: Stage) -> Shown:
    """Say what was started here; on AWS, what GetCluster says of it, where it may be asked."""
    if stage.endpoint.is_local:
        parts, facts = _started(stage, stage.outside.describe())
    else:
        stage.say("Asking GetCluster")
        parts, facts = _on_aws(stage)
    known = {"endpoint": stage.endpoint.address, "region": stage.endpoint.region}
    stack = stage.outside.stack
    return Shown(
        (*parts, Text(f"The stack (dsqlkit stack synth): {stack}")),
        {**known, **facts, "stack": stack},
    )


def _started(stage: Stage, status: Facts) -> tuple[tuple[Part, ...], dict[str, Any]]:
    words = (
        f"This one is local: process {status['pid']} listens at {stage.endpoint.address} and takes "
        f"TLS and signed tokens alone; behind it is a PostgreSQL {status['server_version']} that "
        f"nobody else reaches, with its data in {status['data_dir']}. On AWS, dsqlkit cluster "
        "create makes one."
    )
    return (Text(words),), {"kind": "local", "cluster": status, "not_asked": None}


def _on_aws(stage: Stage) -> tuple[tuple[Part, ...], dict[str, Any]]:
    try:
        fields = stage.outside.describe()
    except DsqlkitError as error:
        why = f"GetCluster was not answered: {error.message}"
        words = f"{why} The other chapters do without it."
        return (Text(words),), {"kind": "aws", "cluster": None, "not_asked": why}
    lines = tuple(f"{name}: {value}" for name, value in fields.items())
    return (
        Text("GetCluster says of this one:"),
        Code(lines),
    ), {"kind": "aws", "cluster": fields, "not_asked": None}
