"""The figures of a bench as one page of HTML: no script, nothing loaded. Charts are SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from dsqlkit import __version__
from dsqlkit.cli.bench_view import cost_of, fault_of, latency_of
from dsqlkit.cli.html_page import html_page
from dsqlkit.cli.output import counted

if TYPE_CHECKING:
    from dsqlkit.bench import Benched, BenchPlan

_BODY: Final = """\
<main>
<h1>{title}</h1>
{fault}
<dl>{facts}</dl>
<h2>Transfers per second</h2>
{rate}
<h2>Latency</h2>
{latency}
<h2>Conflicts and errors per second</h2>
{trouble}
<h2>Attempts</h2>
{attempts}
<h2>Errors</h2>
{errors}
</main>
<footer>Made by dsqlkit {version}. Latency is that of transfers that were made, {since}.</footer>"""

_WIDTH: Final = 900
_HEIGHT: Final = 220
_LEFT: Final = 60
_BOTTOM: Final = 24
_TOP: Final = 18
_GRID_LINES: Final = 4

Series = Mapping[str, tuple[str, Sequence[float | None]]]
"""By name: the class of the line's colour, and a value for each moment."""


def bench_page(done: "Benched", plan: "BenchPlan", accounts: int) -> str:
    """The page: what was proven, rate and latency over time, attempts, errors."""
    style = files("dsqlkit.cli").joinpath("bench_page.css").read_text(encoding="utf-8")
    seconds = done.seconds
    at = [second.at_s for second in seconds]
    fault = fault_of(done)
    title = f"{done.transfers:,} transfers, {done.per_second:,.0f} a second"
    body = _BODY.format(
        title=escape(title),
        fault="" if fault is None else f'<p class="fault">{escape(fault.message)}</p>',
        facts=_facts(done, plan, accounts),
        rate=_chart(at, {"transfers/s": ("one", [each.per_second for each in seconds])}),
        latency=_chart(
            at,
            {
                "p50 ms": ("one", [each.p50_ms for each in seconds]),
                "p99 ms": ("two", [each.p99_ms for each in seconds]),
                "max ms": ("bad", [each.max_ms for each in seconds]),
            },
        ),
        trouble=_chart(
            at,
            {
                "conflicts/s": ("two", [each.conflicts / each.length_s for each in seconds]),
                "errors/s": ("bad", [each.errors / each.length_s for each in seconds]),
            },
        ),
        attempts=_table(
            ("attempts", "transfers"),
            [(f"{number:,}", times) for number, times in done.attempts.items()],
        ),
        errors=_table(("error", "transfers"), list(done.errors.items())),
        version=escape(__version__),
        since="from when each was due" if plan.rate else "from when each was begun",
    )
    return html_page(f"Bench: {title}", style, body)


def _facts(done: "Benched", plan: "BenchPlan", accounts: int) -> str:
    from dsqlkit.accounts import plain

    rate = f"{plan.rate:,g} a second due" if plan.rate else "as fast as they go"
    there = done.ledger
    facts = {
        "Clients": f"{plan.threads:,}, {rate}, for {done.elapsed_s:,.1f} s"
        + ("" if done.complete else " (interrupted)"),
        "Accounts": f"{accounts:,} of table {done.table}",
        "Latency": latency_of(done),
        "Conflicts": f"{done.conflicts:,}",
        "Balance": f"{plain(done.balance_before)} before, {plain(done.balance_after)} after",
        "Ledger": f"{there.found:,} found of {there.successes:,} reported; "
        f"{counted(there.unknown_resolved, 'was', 'were')} found out after a lost answer",
        "DPU": cost_of(done),
    }
    return "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()
    )


def _table(head: tuple[str, str], rows: Sequence[tuple[str, int]]) -> str:
    if not rows:
        return "<p>none</p>"
    body = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{times:,}</td></tr>' for name, times in rows
    )
    return f"<table><tr><th>{head[0]}</th><th>{head[1]}</th></tr>{body}</table>"


def _chart(at: Sequence[float], series: Series) -> str:
    """Lines over time. A moment without a value is a gap."""
    values = [value for _, line in series.values() for value in line if value is not None]
    top = _ceiling(max(values, default=0))
    longest = max(at, default=0) or 1
    right, bottom = _WIDTH - 10, _HEIGHT - _BOTTOM
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">']
    for line in range(_GRID_LINES + 1):
        y = bottom - (bottom - _TOP) * line / _GRID_LINES
        label = f"{top * line / _GRID_LINES:,g}"
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for part in (0.0, 0.5, 1.0):
        x = _LEFT + (right - _LEFT) * part
        anchor = "end" if part == 1 else "middle"
        label = f"{longest * part:,.4g} s"
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{label}</text>')
    for place, (name, (colour, line_values)) in enumerate(series.items()):
        label_x = _LEFT + 110 * place
        parts.append(f'<text class="{colour}" x="{label_x}" y="11">{escape(name)}</text>')
        for run in _runs(at, line_values):
            points = " ".join(
                f"{_LEFT + (right - _LEFT) * x / longest:.1f},"
                f"{bottom - (bottom - _TOP) * y / top:.1f}"
                for x, y in run
            )
            parts.append(f'<polyline class="{colour}" points="{points}"/>')
    parts.append("</svg>")
    return "".join(parts)


def _runs(at: Sequence[float], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The stretches without a gap. One that has a single point is drawn as a short line."""
    runs: list[list[tuple[float, float]]] = [[]]
    for moment, value in zip(at, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((moment, value))
    return [run if len(run) > 1 else [run[0], (run[0][0] - 0.2, run[0][1])] for run in runs if run]


def _ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, ... from a value on."""
    if value <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)
