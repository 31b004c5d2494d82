"""`explain`: a query's plan as a tree (chapter 7)."""

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.errors import UsageError
from dsqlkit.whole_file import whole_file

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dsqlkit.connection import Connections
    from dsqlkit.plans.result import ExplainResult
    from dsqlkit.queries import NamedQuery

_STDIN = "-"
_CHAPTER_QUERY = "query"
"""As `accounts7.QUERY`, which is not loaded for other queries."""


def explain(
    options: DatabaseOptions,
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="[QUERY]",
            show_default=False,
            help="SQL, `-` for stdin, `@FILE`, or the name of a shipped query.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read QUERY from a file.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="NAME=VALUE", help="A value for :'NAME' in QUERY; repeatable."
        ),
    ] = None,
    no_analyze: Annotated[
        bool, typer.Option("--no-analyze", help="Do not run it: the planner's estimates only.")
    ] = False,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan", metavar="FILE", help="Read plans from a file or `-`; needs no cluster."
        ),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print the plan's text as it came.")] = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the plan as a page for a browser too."),
    ] = None,
) -> None:
    """Run EXPLAIN ANALYZE and draw the plan as a tree.

    A statement that writes is rolled back.

    \b
    dsqlkit explain query
    dsqlkit explain query --param region_code=DE
    dsqlkit explain 'SELECT * FROM accounts WHERE id = 1' --html plan.html
    dsqlkit explain --file report.sql --no-analyze
    dsqlkit explain --plan pasted.txt
    """
    from dsqlkit.plans.result import read_results

    output = Output(options)
    if raw and output.as_json:
        raise UsageError("--raw and --json exclude each other.", hint="Give one of them.")
    if plan is not None:
        if query or file or param or no_analyze:
            raise UsageError(
                "--plan reads a plan that is there already.",
                hint="Leave out QUERY, --file, --param and --no-analyze.",
            )
        text = _stdin() if plan == _STDIN else _read(Path(plan))
        explained = read_results(text)
        with _page(html) as page:
            _write_page(page, explained)
    else:
        named = _query(query, file, _values(param or []))
        with _page(html) as page:
            explained = (_run(options, output, named, analyze=not no_analyze),)
            _write_page(page, explained)
    if html is not None:
        output.notice(f"The page is in {html}.")
    if raw:
        output.text(explained[0].text)
    else:
        output.result(_document(explained), lambda: _view(explained))


def _run(
    options: DatabaseOptions, output: Output, named: "NamedQuery", *, analyze: bool
) -> "ExplainResult":
    from dsqlkit.connection import KeptConnection
    from dsqlkit.plans.runner import explain as run_explain

    with KeptConnection(endpoint_of(options, output)) as connections:
        if named.name == _CHAPTER_QUERY:
            _make_table(connections, output)
        with connections.connection() as connection:
            explained = run_explain(
                connection,
                named.sql,
                named.parameters,
                analyze=analyze,
                verbose=True,
                with_catalog=True,
            )
    if explained.rolled_back:
        output.notice("The statement ran, and was rolled back.")
    return explained


def _make_table(connections: "Connections", output: Output) -> None:
    from dsqlkit import accounts7, tables

    if not tables.exists(connections, accounts7.TABLE):
        output.notice("Table accounts7 is not there yet: making it, with its 5,000 rows.")
        accounts7.set_up(connections)


def _document(explained: "tuple[ExplainResult, ...]") -> dict[str, Any]:
    from dsqlkit.plans.to_dict import to_dict

    documents = [to_dict(result) for result in explained]
    return documents[0] if len(documents) == 1 else {"plans": documents}


def _view(explained: "tuple[ExplainResult, ...]") -> "RenderableType":
    from dsqlkit.cli.plan_view import plans_view

    return plans_view(explained)


def _page(html: Path | None) -> AbstractContextManager[IO[str] | None]:
    return nullcontext() if html is None else whole_file(html)


def _write_page(page: IO[str] | None, explained: "tuple[ExplainResult, ...]") -> None:
    if page is not None:
        from dsqlkit.cli.plan_page import plan_page

        page.write(plan_page(explained))


def _query(text: str | None, file: Path | None, values: dict[str, str]) -> "NamedQuery":
    from dsqlkit import queries

    if (text is None) is (file is None):
        raise UsageError(
            "There is no query to explain." if text is None else "There are two queries.",
            hint="Give QUERY or --file, or a plan with --plan.",
        )
    if file is None and text is not None and text.startswith("@"):
        file = Path(text[1:])
    if file is not None:
        return queries.parse_query(file.name, _read(file), values)
    assert text is not None
    # One word is never a query in SQL, but it may be a name that was mistyped.
    if text.isidentifier():
        return queries.load(text, values)
    if text == _STDIN:
        return queries.parse_query("The text on stdin", _stdin(), values)
    return queries.parse_query("QUERY", text, values)


def _values(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"--param {pair!r} is not NAME=VALUE.", hint="One looks like region_code=DE."
            )
        if name in values:
            raise UsageError(f"--param {name} is given twice.")
        values[name] = value
    return values


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("The text on stdin is not UTF-8.") from error


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} cannot be read: it is not UTF-8 text.") from error
