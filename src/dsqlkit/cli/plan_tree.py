"""A plan drawn as a tree: a line for each node, its figures in columns at the right.

                                        rows  est.  dropped   own ms  share
    Limit                                  2     5             0.002     0%
    └─ Full Scan on transactions           2     6             0.637    98%
       └─ Storage Scan on transactions     2     6        4  storage
          storage filter: payer_id = 1

Rows are over all loops; `est.` is what the planner expected. Storage nodes have no time of their
own: it is part of the time of the scan above them. Below a node stand the conditions that may drop
its rows, named by the layer that checks them.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from dsqlkit.cli.plan_words import (
    HOT,
    WARM,
    cost_of,
    estimate_factor,
    layers_of,
    name_parts,
    short,
)
from dsqlkit.cli.uncut import UncutConsole
from dsqlkit.plans.conditions import readable
from dsqlkit.plans.findings import FAR_OFF, OFF
from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import PlanNode
from dsqlkit.plans.scans import STORAGE_NODES
from dsqlkit.plans.timing import NodeTime, node_times

_NARROWEST_NAME: Final = 12
_CONDITION_LINES: Final = 3
_LAYER_STYLES: Final = {"early": "green", "middle": "yellow", "late": "red"}
_SUBJECTS: Final = ("Sort Key", "Group Key", "Hash Cond", "Merge Cond")
"""Properties that say what a node without a relation is about."""


class PlanTree:
    """Takes the width it is given: columns move closer, then names that are too long are cut.

    On an `UncutConsole` nothing is cut.
    """

    def __init__(self, plan: Plan, strings: Collection[str] = ()) -> None:
        """`strings` as in `conditions.readable`."""
        self._plan = plan
        self._strings = strings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = list(_rows(node_times(self._plan), _guides(options.ascii_only), self._strings))
        columns = _columns(self._plan)
        widths = {name: max(len(name), *(len(row.cells[name]) for row in rows)) for name in columns}
        longest = max(row.name.cell_len for row in rows)
        uncut = isinstance(console, UncutConsole)
        spacious = options.max_width - sum(width + 2 for width in widths.values())
        gap = 2 if longest <= spacious else 1
        room = options.max_width - sum(width + gap for width in widths.values())
        name_width = longest if uncut else max(min(longest, room), _NARROWEST_NAME)

        yield _line(Text(), {name: Text(name, "dim") for name in columns}, name_width, widths, gap)
        for row in rows:
            if options.ascii_only:
                row.name.truncate(name_width, overflow="crop")
            yield _line(row.name, row.cells, name_width, widths, gap)
            for note in row.notes:
                most = None if uncut else _CONDITION_LINES
                yield from _wrapped(note, row.guide, console, options.max_width, most)


@dataclass(frozen=True, slots=True)
class _Row:
    name: Text
    cells: dict[str, Text]
    notes: tuple[Text, ...]
    guide: Text
    """What stands before the notes."""


@dataclass(frozen=True, slots=True)
class _Guides:
    last: str
    more: str
    past: str
    none: str = "   "


def _guides(ascii_only: bool) -> _Guides:
    return _Guides("`- ", "|- ", "|  ") if ascii_only else _Guides("└─ ", "├─ ", "│  ")


def _columns(plan: Plan) -> list[str]:
    if not plan.analyzed:
        return ["est. rows", "est. cost"]
    dropped = ["dropped"] if any(node.rows_removed for node in plan.walk()) else []
    timed = plan.root.actual is not None and plan.root.actual.total_ms is not None
    return ["rows", "est.", *dropped, *(["own ms", "share"] if timed else [])]


def _rows(
    time: NodeTime,
    guides: _Guides,
    strings: Collection[str],
    before: str = "",
    below: str = "",
    known: str | None = None,
    read: str | None = None,
) -> Iterator[_Row]:
    """`before` stands before the node's name, `below` before what is below it. `known` is the
    index condition of the scan above, which a B-Tree Scan repeats; `read` is what that scan reads,
    of which storage's conditions speak whatever B-tree they stand at.
    """
    node = time.node
    own = (read if node.node_type in STORAGE_NODES else None) or node.own_name
    inner = below + (guides.past if time.children else guides.none)
    yield _Row(
        name=Text.assemble((before, "dim"), _name(time, strings)),
        cells=_cells(time),
        notes=tuple(_layers(node, known, own, strings)),
        guide=Text(inner, "dim"),
    )
    for child in time.children:
        last = child is time.children[-1]
        yield from _rows(
            child,
            guides,
            strings,
            before=below + (guides.last if last else guides.more),
            below=below + (guides.none if last else guides.past),
            known=node.value("Index Cond") or known,
            read=own,
        )


def _name(time: NodeTime, strings: Collection[str]) -> Text:
    node = time.node
    style = "cyan" if node.node_type in STORAGE_NODES else _heat(time.share)
    label, kind, variant, about = name_parts(node)
    name = Text.assemble((label, "italic"), (kind, style), (variant, "dim"), about)
    subject = next(filter(None, map(node.value, _SUBJECTS)), None)
    name.append(f" by {readable(subject, strings=strings)}" if subject else "", "dim")
    name.append(f" x{node.loops:,}" if node.loops and node.loops > 1 else "", "dim")
    name.append(" (never executed)" if node.never_executed else "", "dim")
    return name


def _cells(time: NodeTime) -> dict[str, Text]:
    node = time.node
    expected = None if node.cost is None else float(node.cost.rows)
    expected_in_all = None if expected is None else expected * (node.loops or 1)
    own = Text("" if time.own_ms is None else f"{time.own_ms:,.3f}", _heat(time.share))
    if node.node_type in STORAGE_NODES and time.own_ms is None:
        own = Text("storage", "cyan")
    return {
        "rows": Text(short(node.rows_total)),
        "est.": Text(short(expected_in_all), _off(expected_in_all, node.rows_total)),
        "dropped": Text(short(node.rows_removed or None), "yellow"),
        "own ms": own,
        "share": Text("" if time.share is None else f"{time.share:.0%}", _heat(time.share)),
        "est. rows": Text(short(expected)),
        "est. cost": Text(cost_of(node)),
    }


def _layers(
    node: PlanNode, known: str | None, own: str | None, strings: Collection[str]
) -> Iterator[Text]:
    for layer in layers_of(node, known):
        style = _LAYER_STYLES[layer.rank]
        condition = readable(layer.line.value, own, strings)
        yield Text.assemble((f"{layer.words}: ", style), (condition, "dim"))


def _line(
    name: Text, cells: dict[str, Text], name_width: int, widths: dict[str, int], gap: int
) -> Text:
    line = name.copy()
    line.truncate(name_width, overflow="ellipsis", pad=True)
    for column, width in widths.items():
        line.append(" " * (gap + width - len(cells[column])))
        line.append_text(cells[column])
    line.rstrip()
    # Whoever chose the width knows that it fits, or that nothing is to be cut.
    line.no_wrap, line.overflow = True, "ignore"
    return line


def _wrapped(
    note: Text, guide: Text, console: Console, width: int, most: int | None
) -> Iterator[Text]:
    """The note on lines of this width; the last of the `most` lines says when there were more."""
    lines = note.wrap(console, max(width - len(guide), _NARROWEST_NAME))
    cut = most is not None and len(lines) > most
    for number, line in enumerate(lines[:most], start=1):
        line.rstrip()
        if cut and number == most:
            line.truncate(max(width - len(guide) - 4, _NARROWEST_NAME), overflow="crop")
            line.append(" ...", "dim")
        yield Text.assemble(guide, line)


def _heat(share: float | None) -> str:
    """The style of a node that takes this share of the time."""
    if share is None:
        return "bold"
    return "bold red" if share >= HOT else "bold yellow" if share >= WARM else "green"


def _off(expected: float | None, found: float | None) -> str:
    """The style of an estimate: it stands out when it is off, more so when it is far off."""
    factor = estimate_factor(expected, found)
    return "bold magenta" if factor >= FAR_OFF else "magenta" if factor >= OFF else "dim"
