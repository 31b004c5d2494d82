"""A plan as JSON has it. The keys are stable: scripts read them."""

from dataclasses import asdict
from typing import Any

from dsqlkit.plans.findings import Finding
from dsqlkit.plans.model import DpuEstimate, part_key
from dsqlkit.plans.result import ExplainResult
from dsqlkit.plans.scans import rows_scanned
from dsqlkit.plans.timing import NodeTime, node_times


def to_dict(result: ExplainResult) -> dict[str, Any]:
    """The whole document of `dsqlkit explain --json`. What a plan does not say is None.

    - `execution_ms`, `planning_ms`: the plan's own times.
    - `rows`: what the statement returned. `rows_scanned`: see `scans.rows_scanned`.
    - `dpu`: `compute`, `read`, `write`, `total` as numbers of DPU, and `multi_region_write` of a
      multi-Region cluster; `minimums` holds what a transaction is charged at least, where the
      plan says so.
    - `plan`: the root node, see `node_dict`. `findings`: see `finding_dict`.
    - `rolled_back`: whether the statement wrote and was undone.
    """
    plan = result.plan
    return {
        "execution_ms": plan.execution_ms,
        "planning_ms": plan.planning_ms,
        "rows": _whole(plan.root.rows_total),
        "rows_scanned": rows_scanned(plan),
        "dpu": _dpu(plan.dpu) if plan.dpu else None,
        "plan": node_dict(node_times(plan)),
        "findings": [finding_dict(finding) for finding in result.findings],
        "rolled_back": result.rolled_back,
    }


def node_dict(time: NodeTime) -> dict[str, Any]:
    """One node and those below it.

    - `node` is its type ("Index Only Scan"), `variant` what is printed beside it in parentheses.
    - `relation`, `schema`, `alias`, `index`, `label`: see `model.PlanNode`.
    - `rows`: over all `loops`; `rows_expected`: the planner's, for one loop.
    - `rows_removed`: what the node's own filters dropped, over all loops.
    - `total_ms`, `own_ms`: over all loops, with and without the nodes below; `share`: `own_ms` as
      a part (0 to 1) of the statement's time.
    - `cost`: `startup` and `total`; `width`: bytes a row.
    - `properties`: the lines below the node, as `label`, `value` and `details`.
    """
    node = time.node
    return {
        "node": node.node_type,
        "variant": node.variant,
        "label": node.label,
        "relation": node.relation,
        "schema": node.schema,
        "alias": node.alias,
        "index": node.index,
        "parallel": node.parallel,
        "backward": node.backward,
        "rows": _whole(node.rows_total),
        "rows_expected": node.cost.rows if node.cost else None,
        "rows_removed": _whole(node.rows_removed),
        "loops": node.loops,
        "total_ms": _rounded(time.total_ms, 3),
        "own_ms": _rounded(time.own_ms, 3),
        "share": _rounded(time.share, 4),
        "cost": {"startup": node.cost.startup, "total": node.cost.total} if node.cost else None,
        "width": node.cost.width if node.cost else None,
        "properties": [asdict(line) for line in node.properties],
        "children": [node_dict(child) for child in time.children],
    }


def finding_dict(finding: Finding) -> dict[str, Any]:
    """`code`, `severity` (high, medium, low), `node` (in words), `observed`, `why`, `advice`."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "node": finding.node.title,
        "observed": finding.observed,
        "why": finding.why,
        "advice": finding.advice,
    }


def _dpu(estimate: DpuEstimate) -> dict[str, Any]:
    return {
        **{part_key(part): float(amount.dpu) for part, amount in estimate.parts.items()},
        "total": float(estimate.total),
        "minimums": {
            part_key(part): float(amount.minimum)
            for part, amount in estimate.parts.items()
            if amount.minimum is not None
        },
    }


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
