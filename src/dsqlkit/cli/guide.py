"""`guide`: what there is to read, in the terminal."""

import os
import sys
from typing import Annotated, Final

import typer

from dsqlkit.cli.options import ErrorOptions
from dsqlkit.cli.streams import wants_plain_text, write

_NARROWEST: Final = 40
_USUAL: Final = 80
# As git has it: colours pass, and what fits the screen stays on it.
_LESS: Final = "FRX"


def guide(
    _: ErrorOptions,
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]", show_default=False, help="What to read; lists all for none."
        ),
    ] = None,
) -> None:
    """List the guides, or show one.

    It is shown by your pager on a terminal, and as plain text in a pipe.

    \b
    dsqlkit guide
    dsqlkit guide plans
    dsqlkit guide local-cluster | less
    """
    from dsqlkit.guide import TOPICS, read

    if topic is None:
        guides = [read(each) for each in TOPICS]
        width = max(map(len, TOPICS))
        lines = [f"{each.topic:<{width}}  {each.title}" for each in guides]
        write("\n".join([*lines, "", "dsqlkit guide TOPIC shows one."]))
        return
    _show(topic)


def _show(topic: str) -> None:
    import io

    from rich.console import Console

    from dsqlkit.cli.guide_view import guide_view
    from dsqlkit.cli.wrapped import WIDEST
    from dsqlkit.guide import read

    found = read(topic)
    on_terminal = sys.stdout.isatty()
    styled = on_terminal and not wants_plain_text()
    drawn = Console(
        file=io.StringIO(),
        width=min(max(_width(), _NARROWEST), WIDEST),
        force_terminal=on_terminal,
        color_system="auto" if styled else None,
        highlight=False,
    )
    drawn.print(guide_view(found, styled=styled), crop=False)
    assert isinstance(drawn.file, io.StringIO)
    text = drawn.file.getvalue().rstrip("\n")
    if not on_terminal:
        write(text)
        return
    import pydoc

    os.environ.setdefault("LESS", _LESS)
    pydoc.pager(text + "\n")


def _width() -> int:
    """The terminal's width, also where only stderr is one: a pipe into a pager has it too."""
    if (given := os.environ.get("COLUMNS", "")).isdigit():
        return int(given)
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        try:
            return os.get_terminal_size(stream.fileno()).columns
        except (OSError, ValueError):
            continue
    return _USUAL
