"""Functions of PostgreSQL's that DSQL refuses to call.

Sources: live runs for the advisory locks and pg_backend_pid. What was recorded of sizes
(pg_table_size and the like were refused in 2025) is too old to go by. Not recorded are functions
that make XML of what a text asks, or of tables: DSQL has no type for it, and here they would read
the catalog past the views that clients see of it. So would ts_stat, and ts_rewrite where it is
given the text of a query and not what to put in place of what.
"""

from typing import Final

from dsqlkit.local.dialect.refusal import Refusal, not_supported
from dsqlkit.local.statements.tree import Node

STARTS: Final = ("pg_advisory_", "pg_try_advisory_")
NAMES: Final = (
    "pg_backend_pid",
    *(
        f"{source}_to_xml{kind}"
        for source in ("cursor", "database", "query", "schema", "table")
        for kind in ("", "schema", "_and_xmlschema")
    ),
    "ts_stat",
)
OF_A_TEXT: Final = "ts_rewrite"
"""Runs a text if it has two arguments, and none if it has three."""
_WITH_A_TEXT: Final = 2


def call(node: Node) -> Refusal | None:
    """The answer to a statement that calls a function (a FuncCall)."""
    *schema, name = (part.string.sval for part in node.funcname)
    if schema not in ([], ["pg_catalog"]):
        return None
    runs_text = name == OF_A_TEXT and len(node.args) == _WITH_A_TEXT
    if runs_text or name in NAMES or name.startswith(STARTS):
        return not_supported(f"function {name} not supported")
    return None
