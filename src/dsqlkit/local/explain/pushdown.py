"""Which conditions storage can decide, and which are left to the query processor.

From recorded plans. Storage compares a column with a constant of a type whose order it knows; LIKE,
regular expressions and numeric were seen to stay behind. What nobody recorded stays behind too,
which is a guess: functions, columns with each other, lists, OR, IS NULL.
"""

import re
from collections.abc import Container
from typing import Final

from dsqlkit.local.explain.conditions import NAME, unquote

_DECIDED_BY_STORAGE: Final = {
    "integer": "a payer_id = 1: a plan of AWS's re:Invent workshop DAT401, 2025",
    "text": "(status)::text = 'pending'::text: user guide, reading DSQL EXPLAIN plans",
    "timestamp without time zone": "transaction_date > '...': the same page",
    # Guesses: their order is as plain, and keys of them were recorded as Index Cond.
    "bpchar": "as text",
    '"char"': "as text",
    "character varying": "as text",
    "uuid": "recorded as a condition of a key, and none as a filter",
    "boolean": "a guess",
    "date": "as timestamp",
    "timestamp with time zone": "as timestamp",
    "smallint": "as integer",
    "bigint": "as integer",
}
"""Types of constants, and where it was seen that storage compares with one."""

# What was seen to stay with the query processor: balance > '100'::numeric and
# description ~~ '%external%'::text (user guide, reading DSQL EXPLAIN plans);
# text_col ~ '^[A-Za-z0-9]'::text (github.com/faridnsh/aurora-dsql-pricing, 2026).

_COLUMN: Final = r'(?:(?:"(?:[^"]|"")*"|[a-z_\u0080-\uffff][\w$]*)(?:\.(?=["a-z_]))?){1,2}'
_TYPES: Final = "|".join(re.escape(name) for name in _DECIDED_BY_STORAGE if name != "integer")
_DECIDED: Final = rf"""(?x)\( (?:{_COLUMN} | \((?P<cast>{_COLUMN})\)::(?:text|bpchar))
        \ (?:=|<>|<|<=|>|>=)\  (?:-?\d+ | '-?\d+'::integer | '[^']*(?:''[^']*)*'::(?:{_TYPES})
            (?:\(\d+\))? | true | false) \)
      | \(?(?:NOT\ )?{_COLUMN}\)?"""


def storage_decides(condition: str, texts: Container[str] | None = None) -> bool:
    """Whether storage can decide one part of a filter, as PostgreSQL prints it. `texts` are the
    columns that are text, whatever their type; a cast of others to it is a function."""
    match = re.fullmatch(_DECIDED, condition)
    if match is None or texts is None or match["cast"] is None:
        return match is not None
    return unquote(re.findall(NAME, match["cast"])[-1]) in texts
