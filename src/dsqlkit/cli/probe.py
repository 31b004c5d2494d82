"""`probe`: where a cluster answers otherwise than recorded clusters did."""

from typing import Annotated

import typer

from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output
from dsqlkit.errors import ExitCode


def probe(
    options: DatabaseOptions,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="G", help="Only this group of the record; repeat it."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent; contact nothing.")
    ] = False,
) -> int:
    """Compare a cluster's answers with those on record.

    What recorded clusters were asked is asked again, in a schema of its own that is removed. The
    exit code is 1 when an answer differs.

    \b
    dsqlkit probe
    dsqlkit probe --group types --group index
    dsqlkit probe --dry-run
    dsqlkit probe --endpoint <id>.dsql.<region>.on.aws --json
    """
    from dsqlkit.probing.cost import cost_of
    from dsqlkit.probing.record import chosen

    probes = chosen(group or ())
    output = Output(options)
    cost = cost_of(probes)

    from dsqlkit.cli.probe_view import cost_line, document_of, plan_document, plan_text, report_view

    if dry_run:
        output.result(plan_document(probes, cost), lambda: plan_text(probes, cost))
        return ExitCode.DONE

    from dsqlkit.probing import ask

    endpoint = endpoint_of(options, output)
    output.notice(cost_line(cost, is_local=endpoint.is_local))
    with output.progress("Asking", len(probes), "probes") as advance:
        report = ask(endpoint, probes, lambda _: advance(1))
    if report.left_schemas:
        output.notice(
            f"Of a run that was killed, or is under way: {', '.join(report.left_schemas)}. "
            "DROP SCHEMA ... CASCADE removes what was left."
        )
    output.result(document_of(report), lambda: report_view(report))
    return ExitCode.REFUSED if report.differences else ExitCode.DONE
