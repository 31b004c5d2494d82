"""Why an index is proposed, in words."""

from collections.abc import Mapping, Sequence

from dsqlkit.advisor.candidate import counted
from dsqlkit.advisor.query import Ordering


def by_conditions(fractions: Mapping[str, float], names: Sequence[str], ranged: str | None) -> str:
    """Of columns compared with single values, in the key's order, each of which leaves such a
    fraction of the rows, and then perhaps of one that is compared with a range.
    """
    words = _equality(fractions, names) if names else ""
    if ranged is None:
        return words
    return f"{words}; then the range on {ranged}" if words else f"A range on {ranged}"


def by_order(ordering: Ordering, names: Sequence[str], then: Sequence[str]) -> str:
    """Of the columns `then` that are sorted by, behind those compared with single values."""
    if ordering.whole:
        are = "is" if round(ordering.limit) <= 1 else "are"
        told = f"the first {counted(ordering.limit)} {are} the first of the index"
    else:
        told = "rows of one value are sorted together, and the first few values are enough"
    order = f"order of {', '.join(then)}: {told}"
    return f"Equality on {', '.join(names)}, then the {order}" if names else f"The {order}"


def by_join(names: Sequence[str], probes: float) -> str:
    """Of columns by which a join looks up rows, so many times."""
    return f"Looked up by {', '.join(names)}, for about {counted(probes)} of the query"


def by_range_join(column: str, probes: float) -> str:
    """The same where a join compares the column with a range."""
    return by_join((f"a range of {column}",), probes)


def _equality(fractions: Mapping[str, float], names: Sequence[str]) -> str:
    selective = fractions[names[0]] <= 2 * min(fractions.values())
    lead = "the most selective leading" if selective else "led as an index is that it then replaces"
    parts = [f"{name} ({_percent(fractions[name])} of the rows)" for name in names]
    return f"Equality first, {lead}: {', '.join(parts)}"


def _percent(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction >= 0.01 else "under 1%"
