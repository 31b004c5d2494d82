"""What is said of an error, as text or as JSON."""

import sys
import unicodedata
from typing import Final

from dsqlkit.cli.json_text import json_text
from dsqlkit.cli.streams import put, write
from dsqlkit.cli.wording import worded
from dsqlkit.errors import DsqlkitError, Interrupted, OutputFailed, Place, SqlError

_EXCERPT: Final = 64
"""Characters of a line of SQL that are shown around an error."""
_HEAD, _TAIL = 480, 120
"""Characters of a sentence that are shown where it quotes something endless."""


def print_error(error: DsqlkitError, *, as_json: bool) -> None:
    """Say what failed, why, and what to do next: on stderr, or as JSON on stdout."""
    place = error.place if isinstance(error, SqlError) else None
    # What a database says is passed on as it is.
    say = str if isinstance(error, SqlError) else worded
    message, hint = say(error.message), say(error.hint) if error.hint else None
    if as_json and not isinstance(error, OutputFailed):
        at = f" (line {place.line}, column {place.column})" if place else ""
        words = {
            "code": error.code,
            "message": message + at,
            "sqlstate": error.sqlstate,
            "hint": hint,
        }
        if put(json_text({"error": words}) + "\n", sys.stdout) is None:
            return
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    write(f"Error: {shortened(message)}{state}", sys.stderr)
    if place:
        write(excerpt(place), sys.stderr)
    if hint:
        write(shortened(hint), sys.stderr)


def shortened(sentence: str) -> str:
    """A sentence for people, without its middle where it would fill the screen. JSON has it all."""
    if len(sentence) <= _HEAD + _TAIL:
        return sentence
    return f"{sentence[:_HEAD]}...{sentence[-_TAIL:]}"


def excerpt(place: Place) -> str:
    """The line with a caret below the place, as psql shows it; a long line is cut on both sides."""
    at = place.column - 1
    first = max(0, min(at - _EXCERPT // 2, len(place.text) - _EXCERPT))
    shown = place.text[first : first + _EXCERPT].replace("\t", " ")
    before, after = "..." if first else "", "..." if place.text[first + _EXCERPT :] else ""
    head = f"LINE {place.line}: {before}"
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in shown[: at - first])
    return f"{head}{shown}{after}\n{' ' * (len(head) + at - first + wide)}^"


def print_interrupted(interrupted: Interrupted, *, as_json: bool) -> None:
    """Say that the user stopped the command, which is no error to a person."""
    if as_json:
        print_error(interrupted, as_json=True)
        return
    write(interrupted.message, sys.stderr)
    if interrupted.hint:
        write(interrupted.hint, sys.stderr)
