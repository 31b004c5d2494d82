"""Comparing what a page shows with what a command prints: all but what differs from run to run."""

import re
from collections.abc import Sequence

_NO_CHANGE = "No difference in time beyond the spread of the runs".replace(" ", r"\s+")
_CHANGING = (
    # A busy machine may hide a difference in time, which is then said.
    (rf"[0-9.]+\s+times\s+(?:faster|slower)|{_NO_CHANGE}", "CHANGE"),
    (r"'?\{[0-9a-f]{32},[0-9a-f]*\.\.\.'", "IDS"),
    (r"\b[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\b", "KEY"),
    (r"\b[a-z0-9]{26}\b", "JOB"),
    (r"accounts7_[0-9a-f]{8}", "COPY"),
    (r"(?:/[\w.-]+)+/dsqlkit/local", "FOLDER"),
    (r"[0-9][0-9,.:T+-]*", "#"),
    # A line's length follows from the figures in it, and so do rules and padding.
    (r"[─━]+", "---"),
)


def words_of(text: str) -> Sequence[str]:
    """The words of a transcript, figures as `#`, and without the places where lines break."""
    for pattern, instead in _CHANGING:
        text = re.sub(pattern, instead, text)
    return [word for word in text.split() if word not in {"│"}]
