"""`workshop`: the chapters, end to end."""

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output, label_of, table_of, write

if TYPE_CHECKING:
    from dsqlkit.workshop import Played

_WIDTH = 78


def workshop(
    options: DatabaseOptions,
    chapters: Annotated[
        list[int] | None, typer.Argument(metavar="[CHAPTER]...", help="3 to 7; all for none.")
    ] = None,
) -> None:
    """Run the workshop's chapters, saying what each shows.

    \b
    dsqlkit workshop
    dsqlkit workshop 5 7
    """
    from dsqlkit.workshop import play, select

    chosen = select(chapters or [])
    output = Output(options)
    endpoint = endpoint_of(options, output)
    played: list[Played] = []
    with output.status("Connecting ...") as say:
        for done in play(endpoint, chosen, say):
            if not output.as_json:
                write(("\n" if played else "") + _text(done))
            played.append(done)
    if output.as_json:
        output.result({"chapters": [_document(done) for done in played]}, str)
    output.next_step("dsqlkit psql, or dsqlkit explain query")


def _document(done: "Played") -> dict[str, Any]:
    return {
        "chapter": done.chapter.number,
        "title": done.chapter.title,
        "lesson": done.chapter.lesson,
        "result": done.facts,
        "elapsed_ms": round(done.elapsed_ms, 3),
    }


def _text(done: "Played") -> str:
    title = f"Chapter {done.chapter.number}: {done.chapter.title}"
    facts = dict(_fact(name, value) for name, value in done.facts.items())
    lesson = textwrap.fill(done.chapter.lesson, _WIDTH)
    return f"{title} ({done.elapsed_ms / 1000:.1f} s)\n{lesson}\n\n" + textwrap.indent(
        table_of(facts), "  "
    )


def _fact(name: str, value: str | int | float | None) -> tuple[str, str]:
    """A fact as people read it: `connect_ms` 8.935 is `Connect` 8.935 ms."""
    words = name.split("_")
    unit = " ms" if "ms" in words else ""
    label = label_of("_".join(word for word in words if word != "ms"))
    if value is None:
        return label, "none"
    return label, (str(value) if isinstance(value, str) else f"{value:,}") + unit
