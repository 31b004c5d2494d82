"""Chapter 7: why the second plan is the better one, in words that its two plans give. Pure."""

from collections.abc import Sequence
from typing import Final

from dsqlkit.endpoint import Endpoint
from dsqlkit.plans.layers import Layer, Move, moves
from dsqlkit.workshop.optimization import Optimization

_LAYERS: Final = (
    "Why: a condition is decided in one of three places. What the key rules out is not read; "
    "what storage drops is read and not sent; what the query processor drops is read and sent for "
    "nothing."
)
_WHO: Final = {
    Layer.STORAGE: "storage's scan of the index",
    Layer.LOOKUP: "the look-up in the table",
    Layer.PROCESSOR: "the query processor",
}


def why(done: Optimization) -> str:
    """Which conditions are decided elsewhere now, and what that saves; empty where none is."""
    moved = moves(done.plan_before, done.plan_after)
    words = [_LAYERS] if moved else []
    if done.before.rows_completed and not done.after.rows_completed:
        words.append(
            f"The Storage Lookup is gone: the index has all that the query needs, so that "
            f"none of its rows is completed from the table; {done.before.rows_completed:,} were, "
            "each by a request of its own."
        )
    to_key = [each for each in moved if each.after is Layer.KEY < each.before]
    if to_key:
        words.append(f"{_listed(to_key)} moved into the key{_from(to_key)}.")
    to_storage = [each for each in moved if each.after is Layer.STORAGE < each.before]
    if to_storage:
        words.append(
            f"{_listed(to_storage)} moved{_from(to_storage)} to storage's scan of the index."
        )
    left = [each for each in moved if each.after is Layer.PROCESSOR]
    if left:
        words.append(
            f"{_listed(left)} {'is' if len(left) == 1 else 'are'} still left to the query "
            "processor."
        )
    return " ".join(words)


def price(done: Optimization, endpoint: Endpoint) -> str:
    """What the query costs now, and what the indexes cost; empty where plans print no DPU."""
    before, after = done.before.storage_dpu, done.after.storage_dpu
    if before is None or after is None or done.insert_before is None or done.insert_after is None:
        return ""
    by = "computed by the local cluster's model" if endpoint.is_local else "as the cluster prints"
    return (
        f"So it costs {after:.5f} DPU of storage instead of {before:.5f}, {by}. The two indexes "
        f"have a price as well: an INSERT of one row writes {done.insert_after:.5f} DPU instead of "
        f"{done.insert_before:.5f}, an entry more for each. See `dsqlkit guide costs`."
    )


def _listed(moved: Sequence[Move]) -> str:
    names = [each.condition for each in moved]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _from(moved: Sequence[Move]) -> str:
    return f" from {_WHO[moved[0].before]}" if len({each.before for each in moved}) == 1 else ""
