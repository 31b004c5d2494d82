"""The record of a real cluster's answers, and those of its probes that are not met."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent
SETUP: Final = [
    line
    for line in (_FOLDER / "setup.sql").read_text().splitlines()
    if line and not line.startswith("--")
]

NOT_MET: Final[dict[str, str]] = {}
"""By name, with the reason. Probes with a caveat are left out for the reason in the record."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Steps to send, one list per session, each with its protocol and the recorded answer."""

    name: str
    setup: list[str]
    sessions: list[list[dict[str, Any]]]
    race: bool


def _probes() -> list[Probe]:
    lines = map(json.loads, (_FOLDER / "record.jsonl").read_text().splitlines())
    return [
        Probe(line["name"], line.get("setup", []), line["sessions"], line.get("race", False))
        for line in lines
        if "caveat" not in line and line["name"] not in NOT_MET
    ]


PROBES: Final = _probes()
