"""The record of real clusters' answers: what to send, and what was answered (RECORD.md)."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from typing import Any, Final, Literal

from dsqlkit.errors import UsageError

Protocol = Literal["simple", "extended"]

_OWN_NAME: Final = re.compile(r"\bbaseline_\w+")
"""Every object of the record is named so: those of `setup.sql`, and those that probes make."""
_CHANGES: Final = re.compile(r"^(?!SELECT |SHOW )")
"""What of the group LIVE may make something. Its names are those of the runs."""
LIVE: Final = "live"
"""The group of what single runs recorded: without tags and names of columns."""
_DATE: Final = re.compile(r"\brecorded (\d{4}-\d\d-\d\d)")


@dataclass(frozen=True, slots=True)
class Result:
    """What one statement answered: its tag and, where it answered rows, their columns and values
    in PostgreSQL's text format. `rows` is None where the record leaves them out, as they change;
    `tag` where it has no more than rows, or that there was no error.
    """

    tag: str | None
    columns: tuple[str, ...] | None = None
    rows: tuple[tuple[str | None, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to one message: results, or an error (`sqlstate` and `message`)."""

    results: tuple[Result, ...] = ()
    sqlstate: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A text to send, how, and the answer on record."""

    sql: str
    protocol: Protocol
    expect: Answer


@dataclass(frozen=True, slots=True)
class Probe:
    """Steps to send, one sequence for each session, from a fresh schema with `schema` and `setup`.

    With several sessions, step i of each comes before step i+1 of any. In a `race` either session
    may be the one whose COMMIT fails. `caveat` says why another answer need not be a fault;
    `recorded` is the date of the answers, and `source` where they were published.
    """

    name: str
    group: str
    note: str
    setup: tuple[str, ...]
    sessions: tuple[tuple[Step, ...], ...]
    race: bool
    caveat: str | None
    recorded: str
    source: str

    @property
    def schema(self) -> tuple[str, ...]:
        """Statements that make the tables of `setup.sql` that this probe names, and their rows."""
        steps = [step.sql for session in self.sessions for step in session]
        return _tables_named(_OWN_NAME.findall(" ".join([*self.setup, *steps])))

    @property
    def needs_schema(self) -> bool:
        """Whether it names anything of its own: others leave no trace in any schema."""
        texts = [*self.setup, *(step.sql for each in self.sessions for step in each)]
        own = _OWN_NAME if self.group != LIVE else _CHANGES
        return any(own.search(text) for text in texts)


@cache
def record() -> tuple[Probe, ...]:
    """All probes, in the order of the record."""
    whole = map(_probe, _lines("record.jsonl"))
    # What would leave something outside of its schema is for a test alone.
    live = (_live(line) for line in _lines("live.jsonl") if "teardown" not in line)
    return (*whole, *live)


def _lines(name: str) -> list[Mapping[str, Any]]:
    text = (files(__package__) / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def groups() -> tuple[str, ...]:
    """The names of the groups, in the order of the record."""
    return tuple(dict.fromkeys(probe.group for probe in record()))


def chosen(names: Sequence[str] = ()) -> tuple[Probe, ...]:
    """The probes of these groups, or all. Raises UsageError for a group that is not there."""
    if unknown := [name for name in names if name not in groups()]:
        raise UsageError(
            f"There is no group {', '.join(map(repr, unknown))}.",
            hint=f"Groups: {', '.join(groups())}.",
        )
    return tuple(probe for probe in record() if not names or probe.group in names)


def statements_of(probe: Probe) -> tuple[tuple[int, str], ...]:
    """All that is sent for a probe, in order, each with the number of its session, from 1. The
    making and removing of the schema is left out.
    """
    before = [(1, text) for text in (*probe.schema, *probe.setup)]
    turns = zip_longest(*probe.sessions)
    steps = [(number, step.sql) for turn in turns for number, step in enumerate(turn, 1) if step]
    return (*before, *steps)


@cache
def _setup() -> tuple[str, ...]:
    text = (files(__package__) / "setup.sql").read_text(encoding="utf-8")
    lines = text.splitlines()
    return tuple(line.rstrip(";") for line in lines if line and not line.startswith("--"))


def _tables_named(names: Iterable[str]) -> tuple[str, ...]:
    needed = set(names)
    for line in reversed(_setup()):  # a table comes after those that it refers to
        table, *others = _OWN_NAME.findall(line)
        if table in needed:
            needed.update(others)
    return tuple(line for line in _setup() if _OWN_NAME.findall(line)[0] in needed)


def _probe(line: Mapping[str, Any]) -> Probe:
    date = _DATE.search(line["source"])
    return Probe(
        name=line["name"],
        group=line["group"],
        note=line.get("note", ""),
        setup=tuple(line.get("setup", ())),
        sessions=tuple(
            tuple(Step(step["sql"], step["protocol"], _answer(step["expect"])) for step in session)
            for session in line["sessions"]
        ),
        race=line.get("race", False),
        caveat=line.get("caveat"),
        recorded=date[1] if date else "",
        source=line["source"],
    )


def _live(line: Mapping[str, Any]) -> Probe:
    expect = line["expect"]
    if expect["outcome"] == "ok":
        expect = {"outcome": "ok", "tag": None, **expect}
    return Probe(
        name=line["name"],
        group=LIVE,
        note=line.get("older", ""),
        setup=tuple(line["setup"]),
        sessions=((Step(line["sql"], "simple", _answer(expect)),),),
        race=False,
        caveat=None,
        recorded=line["date"],
        source=line["source"],
    )


def _answer(expect: Mapping[str, Any]) -> Answer:
    if expect["outcome"] == "error":
        return Answer(sqlstate=expect["sqlstate"], message=expect["message"])
    return Answer(tuple(map(_result, expect.get("results", [expect]))))


def _result(expect: Mapping[str, Any]) -> Result:
    columns, rows = expect.get("columns"), expect.get("rows")
    return Result(
        expect["tag"],
        None if columns is None else tuple(columns),
        None if rows is None else tuple(map(tuple, rows)),
    )
