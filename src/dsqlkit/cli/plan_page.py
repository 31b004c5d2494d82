"""A plan as one page of HTML (html_page.py): bars are SVG, folding is `details`."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import Final

from dsqlkit import __version__
from dsqlkit.cli.html_page import html_page
from dsqlkit.cli.plan_words import (
    HOT,
    WARM,
    estimate_factor,
    layers_of,
    name_parts,
    short,
)
from dsqlkit.plans.findings import FAR_OFF, OFF, Finding
from dsqlkit.plans.model import Plan
from dsqlkit.plans.node import PlanNode, Property
from dsqlkit.plans.result import ExplainResult
from dsqlkit.plans.scans import STORAGE_NODES, rows_scanned
from dsqlkit.plans.timing import NodeTime, node_times

_ESTIMATED: Final = ("Rows expected", "", "", "Cost")
_PLACEHOLDER: Final = re.compile(r"%\((?P<name>\w+)\)s|%%")

_BODY: Final = """\
{plans}
<h2>The plan as it was printed</h2>
<details id="text"><summary><span class="name">Text</span></summary><pre>{text}</pre></details>
<footer>Made by dsqlkit {version}. Rows are over all loops. A node's own time is without that of
the nodes below it; storage nodes have none of their own, it is part of the scan above.</footer>"""


def plan_page(results: Sequence[ExplainResult]) -> str:
    """The page of one or more plans: totals, findings, the tree with its bars, the text."""
    of = f" {{}} of {len(results)}" if len(results) > 1 else ""
    parts = (plan_part(result, f"Query plan{of.format(n)}") for n, result in enumerate(results, 1))
    return page_of(
        f"Query plan: {results[0].plan.root.title}",
        "\n".join(parts),
        results[0].text,
        [result.plan for result in results],
    )


def page_of(title: str, content: str, text: str, plans: Sequence[Plan]) -> str:
    """A whole page around HTML that shows these plans, with the text that they were read from."""
    style = files("dsqlkit.cli").joinpath("plan_page.css").read_text(encoding="utf-8")
    style += f":root {{ --levels: {max(_levels(plan.root) for plan in plans)}; }}\n"
    body = _BODY.format(plans=content, text=escape(text), version=escape(__version__))
    return html_page(title, style, body)


def _levels(node: PlanNode) -> int:
    return 1 + max(map(_levels, node.children), default=0)


def plan_part(result: ExplainResult, heading: str) -> str:
    """The part of a page that shows one plan."""
    parts = [f"<h1>{escape(heading)}</h1>"]
    if result.sql:
        parts.append(f"<pre>{escape(_readable_sql(result.sql))}</pre>")
    if result.rolled_back:
        parts.append("<p>The statement ran, and was rolled back.</p>")
    parts.append(_totals(result.plan))
    parts.append("<h2>Findings</h2>")
    parts += [_finding(finding) for finding in result.findings] or ["<p>Nothing to mend.</p>"]
    parts.append("<h2>Tree</h2>")
    parts.append(_tree(result.plan))
    return "\n".join(["<main>", *parts, "</main>"])


def _readable_sql(sql: str) -> str:
    """The statement in psql's words, as a person wrote it."""
    return _PLACEHOLDER.sub(lambda found: f":'{found['name']}'" if found["name"] else "%", sql)


def _totals(plan: Plan) -> str:
    facts: list[tuple[str, str]] = []
    if plan.analyzed:
        facts.append(("rows returned", f"{plan.root.rows_total or 0:,.0f}"))
        facts.append(("rows read by scans", f"{rows_scanned(plan) or 0:,}"))
    else:
        expected = f"{plan.root.cost.rows:,}" if plan.root.cost else "none"
        facts.append(("rows expected; it was not run", expected))
    if plan.execution_ms is not None:
        facts.append(("execution", f"{plan.execution_ms:,.3f} ms"))
    if plan.planning_ms is not None:
        facts.append(("planning", f"{plan.planning_ms:,.3f} ms"))
    if plan.dpu:
        facts.append(("DPU estimate", f"{plan.dpu.total}"))
        for part, amount in plan.dpu.parts.items():
            minimum = f" (minimum {amount.minimum})" if amount.minimum else ""
            facts.append((f"DPU, {part}", f"{amount.dpu}{minimum}"))
    cells = (f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="totals">{"".join(cells)}</dl>'


def _finding(finding: Finding) -> str:
    return (
        f'<section class="finding {finding.severity.value}" data-code="{escape(finding.code)}">'
        f'<p><span class="severity">{finding.severity.value}</span> {escape(finding.observed)}</p>'
        f'<p class="why">{escape(finding.why)}</p><p>{escape(finding.advice)}</p></section>'
    )


def _tree(plan: Plan) -> str:
    most = max((_rows(node, plan.analyzed) for node in plan.walk()), default=0)
    figures = ("Rows", "Expected", "Dropped", "Own time") if plan.analyzed else _ESTIMATED
    head = "".join(f'<span class="number">{name}</span>' for name in figures)
    body = "\n".join(_node(node_times(plan), plan, most, None))
    return f'<div class="tree"><div class="row head"><span>Node</span>{head}</div>\n{body}\n</div>'


def _node(time: NodeTime, plan: Plan, most: float, known: str | None) -> Iterator[str]:
    node = time.node
    yield f'<details open class="{_heat(time)}"><summary class="row">'
    yield f'<span class="name">{_name(node)}</span>{_figures(time, plan, most)}</summary>'
    yield f'<ul class="lines">{"".join(_lines(node, known))}</ul>'
    if time.children:
        yield '<div class="below">'
        for child in time.children:
            yield from _node(child, plan, most, node.value("Index Cond") or known)
        yield "</div>"
    yield "</details>"


def _name(node: PlanNode) -> str:
    label, kind, variant, about = name_parts(node)
    rest = variant + about
    rest += f" x{node.loops:,}" if node.loops and node.loops > 1 else ""
    rest += " (never executed)" if node.never_executed else ""
    return f"<i>{escape(label)}</i><b>{escape(kind)}</b>{escape(rest)}"


def _figures(time: NodeTime, plan: Plan, most: float) -> str:
    node = time.node
    rows = _rows(node, plan.analyzed)
    cells = [_cell("rows", short(rows), rows / most if most else 0)]
    if plan.analyzed:
        expected = None if node.cost is None else float(node.cost.rows) * (node.loops or 1)
        factor = estimate_factor(expected, node.rows_total)
        style = "number"
        style += " far-off" if factor >= FAR_OFF else " off" if factor >= OFF else ""
        cells.append(f'<span class="{style}">{short(expected)}</span>')
        cells.append(f'<span class="number">{short(node.rows_removed or None)}</span>')
        cells.append(_time_cell(time))
    else:
        cost = node.cost.total if node.cost else 0
        whole = plan.root.cost.total if plan.root.cost else 0
        cells += ["<span></span><span></span>"]
        cells.append(
            _cell("time", f"{cost:,.2f}" if node.cost else "", cost / whole if whole else 0)
        )
    return "".join(cells)


def _time_cell(time: NodeTime) -> str:
    if time.own_ms is None:
        words = "storage" if time.node.node_type in STORAGE_NODES else ""
        return f'<span class="number">{words}</span>'
    share = "" if time.share is None else f" ({time.share:.0%})"
    return _cell("time", f"{time.own_ms:,.3f} ms{share}", time.share or 0)


def _cell(kind: str, text: str, part: float) -> str:
    width = f"{100 * min(max(part, 0), 1):.2f}"
    return (
        f'<span class="number {kind}">{escape(text)}'
        f'<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width}" height="4"/></svg></span>'
    )


def _lines(node: PlanNode, known: str | None) -> Iterator[str]:
    layers = {id(layer.line): layer for layer in layers_of(node, known)}
    for line in node.properties:
        if (layer := layers.get(id(line))) is not None:
            words = f'<span class="layer {layer.rank}">{escape(layer.words)}</span>'
            yield f"<li>{words}{escape(line.value)}</li>"
        else:
            yield from _line(line)


def _line(line: Property) -> Iterator[str]:
    label = f"{line.label}: " if line.label else ""
    yield f"<li>{escape(label)}{escape(line.value)}</li>"
    for detail in line.details:
        yield from _line(detail)


def _rows(node: PlanNode, analyzed: bool) -> float:
    if analyzed:
        return node.rows_total or 0
    return node.cost.rows if node.cost else 0


def _heat(time: NodeTime) -> str:
    if time.node.node_type in STORAGE_NODES:
        return "stored"
    if time.share is None:
        return ""
    return "hot" if time.share >= HOT else "warm" if time.share >= WARM else "cool"
