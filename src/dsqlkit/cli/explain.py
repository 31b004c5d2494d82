"""`explain`: a query's plan as a tree (chapter 7)."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from dsqlkit.cli.cluster import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.query_argument import File, Param, Query, make_table, pointing_into, query_of
from dsqlkit.cli.text_input import STDIN, file_text, stdin_text
from dsqlkit.errors import UsageError
from dsqlkit.whole_file import whole_file

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dsqlkit.plans.result import ExplainResult
    from dsqlkit.queries import NamedQuery


def explain(
    options: DatabaseOptions,
    query: Query = None,
    file: File = None,
    param: Param = None,
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
        text = stdin_text() if plan == STDIN else file_text(Path(plan))
        explained = read_results(text)
        with _page(html) as page:
            _write_page(page, explained)
    else:
        named = query_of(query, file, param)
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
    from dsqlkit.advisor.judging import judged
    from dsqlkit.connection import KeptConnection
    from dsqlkit.plans.runner import explain as run_explain

    with KeptConnection(endpoint_of(options, output)) as connections:
        make_table(connections, output, named)
        with pointing_into(named), connections.connection() as connection:
            explained = run_explain(
                connection,
                named.sql,
                named.parameters,
                analyze=analyze,
                verbose=True,
                with_catalog=True,
            )
            explained = judged(connection, explained, named.sql, dict(named.parameters))
    if explained.rolled_back:
        output.notice("The statement ran, and was rolled back.")
    return explained


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
