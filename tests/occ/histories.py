"""A checker of recorded histories: what transactions that read and append to lists may have seen.

A list only grows, so each value read of it is a beginning of what it was in the end, and names the
committed transactions that were visible. Pure: it is given what sessions recorded, by one clock.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Recorded:
    """One transaction: when it began and ended (seconds), what it read and appended, by key.

    `reads` are (key, elements, how many of them it had appended itself by then).
    """

    name: str
    began_s: float
    ended_s: float = 0.0
    outcome: str = ""
    reads: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    appended: dict[int, list[str]] = field(default_factory=dict)

    @property
    def committed(self) -> bool:
        return self.outcome == "COMMIT"

    def overlaps(self, other: "Recorded") -> bool:
        return self.began_s < other.ended_s and other.began_s < self.ended_s


def anomalies(
    history: Sequence[Recorded], final: Mapping[int, Sequence[str]], conflict: str
) -> Iterator[str]:
    """All that is wrong with a history, in words. `conflict` is the SQLSTATE of a conflict."""
    writers = {
        element: each for each in history for made in each.appended.values() for element in made
    }
    yield from _appends(history, final)
    for each in history:
        yield from _reads(each, final, writers)
    committed = [each for each in history if each.committed and each.appended]
    for each in history:
        if each.outcome == conflict and not _is_explained(each, committed):
            yield f"{each.name} was told of a conflict, but nobody else wrote what it wrote"


def _appends(history: Sequence[Recorded], final: Mapping[int, Sequence[str]]) -> Iterator[str]:
    there = Counter((key, element) for key, elements in final.items() for element in elements)
    for each in history:
        for key, made in each.appended.items():
            for element in made:
                times, wanted = there.pop((key, element), 0), int(each.committed)
                if times != wanted:
                    yield f"{element} of {each.name} ({each.outcome}) is there {times} times"
    for key, element in there:
        yield f"{element} in list {key} was appended by nobody"


def _reads(
    each: Recorded, final: Mapping[int, Sequence[str]], writers: Mapping[str, Recorded]
) -> Iterator[str]:
    own = {element for made in each.appended.values() for element in made}
    seen: dict[int, tuple[str, ...]] = {}
    for key, elements in each.reads:
        others = tuple(element for element in elements if element not in own)
        if elements[: len(others)] != others or others != tuple(final[key][: len(others)]):
            yield f"{each.name} read {elements} of list {key}, which was never so"
        if seen.setdefault(key, others) != others:
            yield f"{each.name} read list {key} from two snapshots"
    for key, elements in seen.items():
        for element in elements:
            writer = writers.get(element)
            if writer is None:
                continue
            for other_key, made in writer.appended.items():
                if other_key in seen and not set(made) <= set(seen[other_key]):
                    yield f"{each.name} saw a part of {writer.name}: list {key}, not {other_key}"


def _is_explained(loser: Recorded, committed: Sequence[Recorded]) -> bool:
    return any(
        winner is not loser
        and loser.overlaps(winner)
        and not winner.appended.keys().isdisjoint(loser.appended)
        for winner in committed
    )
