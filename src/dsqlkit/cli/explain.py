"""`explain`: a query's plan as a tree (chapter 7)."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit.cli.amounts import amount_of
from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.error_text import print_error
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.cli.page_file import PageFile, page_file
from dsqlkit.cli.query_argument import File, Param, Query, make_table, pointing_into, query_of
from dsqlkit.cli.text_input import STDIN, file_text, stdin_text
from dsqlkit.errors import DsqlkitError, ExitCode, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from dsqlkit.plans.result import ExplainResult
    from dsqlkit.queries import NamedQuery


_COMPARED_RUNS: Final = 7
"""After one that is thrown away."""
_LONGEST_NAME: Final = 1024
"""What is longer is SQL: no file is called so."""


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
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--compare", metavar="A B", help="Two plans: each a plan's file, or SQL to run."
        ),
    ] = None,
    max_growth: Annotated[
        str | None,
        typer.Option(
            "--max-growth",
            metavar="N",
            help="Exit with 1 if B reads N times the rows or DPU of A, or more.",
        ),
    ] = None,
) -> int:
    """Run EXPLAIN ANALYZE and draw the plan as a tree.

    A statement that writes is rolled back.

    \b
    dsqlkit explain query
    dsqlkit explain query --param region_code=DE
    dsqlkit explain 'SELECT * FROM accounts WHERE id = 1' --html plan.html
    dsqlkit explain --file report.sql --no-analyze
    dsqlkit explain --plan pasted.txt
    dsqlkit explain --compare before.txt after.txt --max-growth 1.2
    """
    from dsqlkit.plans.result import read_results

    output = Output(options)
    if compare is not None:
        if query or file or param or plan or raw:
            raise UsageError(
                "--compare has its two plans.", hint="Leave out QUERY, --file, --param, --plan."
            )
        most = amount_of("--max-growth", max_growth)
        with page_file(html, output) as page:
            before, after = (
                _either(options, output, each, analyze=not no_analyze) for each in compare
            )
            return _compared(output, before, after, most, page)
    if max_growth is not None:
        raise UsageError("--max-growth is about --compare.", hint="Give --compare A B.")
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
        with page_file(html, output) as page:
            page.write(lambda: _page(explained))
    else:
        named = query_of(query, file, param)
        with page_file(html, output) as page:
            explained = (_run(options, output, named, analyze=not no_analyze),)
            page.write(lambda: _page(explained))
    if raw:
        output.text(explained[0].text)
    else:
        output.result(_document(explained), lambda: _view(explained))
    page.check()
    return ExitCode.DONE


def _either(
    options: DatabaseOptions, output: Output, text: str, *, analyze: bool
) -> "tuple[ExplainResult, ...]":
    """The plan in a file, or that of SQL: of one run or several."""
    from dsqlkit.plans.compare import same_nodes
    from dsqlkit.plans.result import read_results

    if not text.startswith("@") and len(text) < _LONGEST_NAME and _is_file(Path(text)):
        found = read_results(file_text(Path(text)))
        if not same_nodes([each.plan for each in found]):
            raise UsageError(
                f"{text} has plans of several kinds.",
                hint="Several plans of a file are taken for runs of one statement.",
            )
        return found
    named = query_of(text, None, None)
    one = _run(options, output, named, analyze=analyze)
    if not analyze:
        return (one,)
    from dsqlkit import measurement
    from dsqlkit.connection import KeptConnection

    with KeptConnection(endpoint_of(options, output)) as connections, pointing_into(named):
        plans = measurement.warm_runs(connections, named.sql, named.parameters, _COMPARED_RUNS)
    return tuple(replace(one, plan=plan) for plan in plans)


def _is_file(path: Path) -> bool:
    """Also of a pipe, as a shell's <(...) is."""
    return path.exists() and not path.is_dir()


def _compared(
    output: Output,
    before: "tuple[ExplainResult, ...]",
    after: "tuple[ExplainResult, ...]",
    most: Decimal | None,
    page: PageFile,
) -> int:
    from dsqlkit.cli.comparison_view import comparison_document, comparison_view
    from dsqlkit.plans.compare import compare

    def sides() -> str:
        from dsqlkit.cli.comparison_page import comparison_page

        return comparison_page(before[-1], after[-1], found)

    found = compare([each.plan for each in before], [each.plan for each in after])
    page.write(sides)
    output.result(comparison_document(before[-1], after[-1], found), lambda: comparison_view(found))
    grown = () if most is None else found.growth.above(most)
    if grown:
        print_error(
            DsqlkitError(f"Grown by more than --max-growth {most}: {', '.join(grown)}."),
            as_json=False,
        )
    page.check()
    return ExitCode.REFUSED if grown else ExitCode.DONE


def _run(
    options: DatabaseOptions, output: Output, named: "NamedQuery", *, analyze: bool
) -> "ExplainResult":
    from dsqlkit.connection import KeptConnection
    from dsqlkit.plans.headroom import leaves_room
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
            if explained.plan.analyzed and leaves_room(explained):
                from dsqlkit.advisor.judging import judged

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


def _page(explained: "tuple[ExplainResult, ...]") -> str:
    from dsqlkit.cli.plan_page import plan_page

    return plan_page(explained)
