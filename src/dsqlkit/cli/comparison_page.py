"""Two plans side by side as one page of HTML: no script, nothing loaded, as `plan_page`."""

from html import escape
from typing import TYPE_CHECKING, Final

from dsqlkit.cli.plan_page import page_of, plan_part

if TYPE_CHECKING:
    from dsqlkit.plans.compare import Change, Comparison
    from dsqlkit.plans.result import ExplainResult

_CHANGED: Final = "changed"


def comparison_page(before: "ExplainResult", after: "ExplainResult", found: "Comparison") -> str:
    """The page: what changed, the nodes of both plans beside each other, and each plan whole."""
    from dsqlkit.cli.comparison_view import summary_of

    parts = [
        "<main>",
        "<h1>Two plans</h1>",
        f"<p>{escape(summary_of(found))}</p>",
        _figures(found),
        "<h2>Nodes side by side</h2>",
        _nodes(found),
        "</main>",
        '<div class="sides">',
        plan_part(before, "Before"),
        plan_part(after, "After"),
        "</div>",
    ]
    return page_of(
        "Two query plans",
        "\n".join(parts),
        f"{before.text}\n\n{after.text}",
        (before.plan, after.plan),
    )


def _figures(found: "Comparison") -> str:
    rows = [_row(each) for each in found.changes if each.what != "node"]
    return _table(rows) if rows else ""


def _nodes(found: "Comparison") -> str:
    return _table([_row(each, with_what=False) for each in found.nodes])


def _row(change: "Change", *, with_what: bool = True) -> str:
    style = f' class="{_CHANGED}"' if change.before != change.after else ""
    what = f"<td>{escape(change.what)}</td>" if with_what else ""
    sides = "".join(f"<td>{escape(side or '')}</td>" for side in (change.before, change.after))
    return f"<tr{style}>{what}{sides}</tr>"


def _table(rows: list[str]) -> str:
    first = "<th></th>" if rows and rows[0].count("<td>") > len(("before", "after")) else ""
    head = f"<tr>{first}<th>before</th><th>after</th></tr>"
    return f'<table class="beside">{head}{"".join(rows)}</table>'
