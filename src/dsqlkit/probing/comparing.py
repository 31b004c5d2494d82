"""Where an answer differs from the one on record. Pure: no cluster is asked here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from dsqlkit.probing.record import Answer, Probe, Result, Step


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step of a probe that was answered otherwise than on record."""

    probe: Probe
    statement: str
    expected: Answer
    got: Answer


def compare(probe: Probe, answers: Sequence[Sequence[Answer]]) -> Difference | None:
    """The first difference in what each session of a probe was answered, or None.

    An answer that is missing, as a step before it could not be asked, is not compared.
    """
    if probe.race:
        return _compare_race(probe, answers)
    pairs = [
        each
        for session, got in zip(probe.sessions, answers, strict=True)
        for each in zip(session, got, strict=False)
    ]
    return _first(probe, pairs)


def same(expected: Answer, got: Answer) -> bool:
    """Whether an answer is the one on record, as far as the record says: exact words, no less."""
    if (expected.sqlstate, expected.message) != (got.sqlstate, got.message):
        return False
    if expected.sqlstate is not None:
        return True
    pairs = zip_longest(expected.results, got.results)
    return all(one is not None and other is not None and _alike(one, other) for one, other in pairs)


def _alike(expected: Result, got: Result) -> bool:
    if expected.tag is not None and (expected.tag, expected.columns) != (got.tag, got.columns):
        return False
    return expected.rows is None or expected.rows == got.rows


def _first(probe: Probe, pairs: Sequence[tuple[Step, Answer]]) -> Difference | None:
    for step, got in pairs:
        if not same(step.expect, got):
            return Difference(probe, step.sql, step.expect, got)
    return None


def _compare_race(probe: Probe, answers: Sequence[Sequence[Answer]]) -> Difference | None:
    """Either session may lose, but as many as on record, at COMMIT, and in the same words."""
    pairs = [
        each
        for session, got in zip(probe.sessions, answers, strict=True)
        for each in zip(session, got, strict=False)
    ]
    commits = [(step, got) for step, got in pairs if step.sql == "COMMIT"]
    if found := _first(probe, [pair for pair in pairs if pair not in commits]):
        return found
    missing = Counter(step.expect for step, _ in commits)
    missing.subtract(got for _, got in commits)
    for step, got in commits:
        if missing[got] < 0:
            wanted = next(each for each in missing if missing[each] > 0)
            return Difference(probe, step.sql, wanted, got)
    return None
