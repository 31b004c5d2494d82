"""The record of a real cluster's answers, and those of its probes that are not met."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent
_SETUP: Final = [
    line.rstrip(";")
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

    @property
    def schema(self) -> list[str]:
        """Of the schema that all probes start from, the tables that this one names, with rows.

        Making all of it for each of some hundred probes would take longer than the probes do.
        """
        steps = [step["sql"] for session in self.sessions for step in session]
        return _tables_named(_NAME.findall(" ".join([*self.setup, *steps])))


_NAME: Final = re.compile(r"baseline_\w+")


def _tables_named(names: Iterable[str]) -> list[str]:
    needed = set(names)
    for line in reversed(_SETUP):  # a table comes after those that it refers to
        table, *others = _NAME.findall(line)
        if table in needed:
            needed.update(others)
    return [line for line in _SETUP if _NAME.findall(line)[0] in needed]


def _probes() -> list[Probe]:
    lines = map(json.loads, (_FOLDER / "record.jsonl").read_text().splitlines())
    return [
        Probe(line["name"], line.get("setup", []), line["sessions"], line.get("race", False))
        for line in lines
        if "caveat" not in line and line["name"] not in NOT_MET
    ]


PROBES: Final = _probes()
