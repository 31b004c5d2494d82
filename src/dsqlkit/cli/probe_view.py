"""A report of `probe`, and what it would send, for people and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dsqlkit.cli.output import counted
from dsqlkit.cli.wrapped import CodeLines, Paragraph
from dsqlkit.probing import SCHEMA_PREFIX
from dsqlkit.probing.comparing import Difference
from dsqlkit.probing.cost import Cost
from dsqlkit.probing.record import Answer, Probe, Result, statements_of
from dsqlkit.probing.report import Report

_INDENT = 4
_SHOWN_ROWS = 5


def cost_line(cost: Cost, *, is_local: bool) -> str:
    """What is about to be done, and what that costs."""
    sent = f"{counted(cost.probes, 'probe', 'probes')}, {cost.statements:,} statements"
    if is_local:
        return f"Asking {sent}, in a schema of its own."
    return (
        f"Asking {sent}, in a schema of its own. That costs {cost.dpu:,.1f} DPU or more: the "
        f"minimums of its transactions and the start of "
        f"{counted(cost.connections, 'connection', 'connections')}."
    )


def document_of(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "endpoint": report.endpoint,
        "server_version": report.server_version,
        "asked_at": report.asked_at,
        "asked": report.asked,
        "same": report.same,
        "differences": [_difference(each) for each in report.differences],
        "caveats": [
            {**_difference(each), "caveat": each.probe.caveat} for each in report.with_caveat
        ],
    }


def report_view(report: Report) -> RenderableType:
    """The report for people: the count, then each difference with both answers."""
    when = report.asked_at.strftime("%Y-%m-%d %H:%M UTC")
    asked = counted(report.asked, "probe", "probes")
    parts: list[RenderableType] = [
        Paragraph(f"{report.endpoint}, PostgreSQL {report.server_version}, {when}."),
        Paragraph(f"{asked} asked, {report.same:,} answered as on record."),
        Text(),
        Text(f"Differences: {len(report.differences) or 'none'}", "bold"),
        *_listed(report.differences),
    ]
    if report.with_caveat:
        title = f"With a caveat in the record: {len(report.with_caveat)}"
        parts += [Text(), Text(title, "bold"), *_listed(report.with_caveat)]
    return Group(*parts)


def plan_document(probes: Sequence[Probe], cost: Cost) -> dict[str, Any]:
    """What would be sent, as JSON has it."""
    return {
        "probes": [
            {
                "probe": each.name,
                "group": each.group,
                "statements": [text for _, text in _sent(each)],
            }
            for each in probes
        ],
        "statements": cost.statements,
        "connections": cost.connections,
        "least_dpu": f"{cost.dpu:f}",
    }


def plan_text(probes: Sequence[Probe], cost: Cost) -> str:
    """What would be sent, as a text of SQL with a comment for each probe."""
    lines = [f"-- {cost_line(cost, is_local=False)}"]
    for probe in probes:
        lines += ["", f"-- {probe.group}: {probe.name} (recorded {probe.recorded})"]
        several = len(probe.sessions) > 1
        lines += [
            f"{text};{f'  -- session {session}' if several else ''}"
            for session, text in _sent(probe)
        ]
    return "\n".join(lines)


def _sent(probe: Probe) -> Iterator[tuple[int, str]]:
    schema = f"{SCHEMA_PREFIX}<random>"
    if probe.needs_schema:
        for session in range(1, len(probe.sessions) + 1):
            if session == 1:
                yield session, f"CREATE SCHEMA {schema}"
            yield session, f"SET search_path = {schema}"
    yield from statements_of(probe)
    if probe.needs_schema:
        yield 1, f"DROP SCHEMA IF EXISTS {schema} CASCADE"


def _listed(differences: Sequence[Difference]) -> Iterator[RenderableType]:
    for each in differences:
        yield Text()
        yield Text(f"  {each.probe.name} ({each.probe.group})", "bold")
        yield CodeLines(each.statement, _INDENT)
        yield CodeLines(f"recorded  {_told(each.expected)}", _INDENT, "green")
        yield CodeLines(f"answered  {_told(each.got)}", _INDENT, "red")
        yield CodeLines(f"on {each.probe.recorded}, {each.probe.source}", _INDENT, "dim")
        if each.probe.caveat:
            yield CodeLines(f"caveat    {each.probe.caveat}", _INDENT)


def _told(answer: Answer) -> str:
    """An answer in a line."""
    if answer.sqlstate is not None:
        return f"{answer.sqlstate} {answer.message}"
    return "; ".join(map(_result_line, answer.results)) or "accepted"


def _result_line(result: Result) -> str:
    told = result.tag or "accepted"
    if result.columns is not None:
        told += f" ({', '.join(result.columns)})"
    if result.rows:
        rows = [
            ", ".join("NULL" if value is None else value for value in row) for row in result.rows
        ]
        shown = " | ".join(rows[:_SHOWN_ROWS])
        told += f": {shown}{' ...' if len(rows) > _SHOWN_ROWS else ''}"
    return told


def _difference(each: Difference) -> dict[str, Any]:
    return {
        "probe": each.probe.name,
        "group": each.probe.group,
        "statement": each.statement,
        "expected": _answer(each.expected),
        "got": _answer(each.got),
        "recorded": each.probe.recorded,
        "source": each.probe.source,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    if answer.sqlstate is not None:
        return {"outcome": "error", "sqlstate": answer.sqlstate, "message": answer.message}
    return {
        "outcome": "ok",
        "results": [
            {"tag": result.tag, "columns": result.columns, "rows": result.rows}
            for result in answer.results
        ],
    }
