"""The recorded plans as tests want them."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from dsqlkit.plans.model import Plan
from dsqlkit.plans.parse import parse_plan

_DATA = Path(__file__).parent / "data"
POSTGRES_VERSIONS = (14, 15, 16, 17, 18)


class Recorded(NamedTuple):
    """A statement's plan on one version, as text and as FORMAT JSON gave it."""

    version: int
    name: str
    text: str
    json: dict[str, Any]


def dsql_text(number: str) -> str:
    """The text of the recorded DSQL plan that begins with this number."""
    [file] = (_DATA / "dsql").glob(f"{number}-*.txt")
    return file.read_text(encoding="utf-8")


def dsql(number: str) -> Plan:
    """The recorded DSQL plan that begins with this number."""
    return parse_plan(dsql_text(number))


def recorded() -> list[Recorded]:
    """All recorded plans of PostgreSQL."""
    records = []
    for version in POSTGRES_VERSIONS:
        for line in (_DATA / "postgres" / f"{version}.jsonl").read_text("utf-8").splitlines():
            case = json.loads(line)
            records.append(Recorded(version, case["name"], "\n".join(case["text"]), case["json"]))
    return records


def postgres(name: str, version: int = 16) -> Plan:
    """The plan of one recorded statement."""
    [text] = [case.text for case in recorded() if (case.name, case.version) == (name, version)]
    return parse_plan(text)
