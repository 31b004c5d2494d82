"""DSQL's limits, each once, with its source.

"Quotas" is the page of that name in the AWS User Guide. Where something was seen on a cluster that
the page does not have, or has otherwise, that is what stands here.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# A transaction.

MAX_ROWS: Final = 3000
"""Rows that it may change (quotas). A cluster was recorded to take 3,000 and to refuse 3,001."""
MAX_TRANSACTION_BYTES: Final = 10 * MIB
"""What it may write (quotas)."""
MAX_TRANSACTION_AGE_S: Final = 300.0
"""How long it may last (quotas; recorded by a third party)."""
MAX_TEMP_SPACE_BYTES: Final = 128 * MIB
"""What one of its queries may put aside (quotas)."""

# A connection.

MAX_CONNECTION_AGE_S: Final = 3600.0
"""After this DSQL closes it (quotas)."""
MAX_TOKEN_LIFE_S: Final = 604_800
"""One week, the longest life of a token (user guide, generating a token)."""
MAX_MESSAGE_BYTES: Final = 10 * MIB
"""A larger message closes the connection, without an error (AWS's dsql skill)."""

# A row.

MAX_ROW_BYTES: Final = 2 * MIB
"""Quotas."""
MAX_VALUE_BYTES: Final = 1 * MIB
"""Of a column that is in no key (quotas)."""
MAX_COLUMNS: Final = 256
"""Of a table. The quotas have 255; a cluster was seen to accept 256."""
MAX_LENGTHS: Final = {"bpchar": 4096, "varchar": 65_535}
"""The length that a type may be declared with, by PostgreSQL's name for it (supported types)."""

# A key, of an index or a constraint.

MAX_KEY_COLUMNS: Final = 8
"""Quotas, and a cluster's error 54011."""
MAX_KEY_BYTES: Final = 1981
"""The values of a key, those of the primary key included in an index. The quotas have 1 KiB; on a
cluster 1,981 bytes were seen to pass (AWS's list of observed errors), so 1,982 are refused here."""
MAX_DECLARED_KEY_BYTES: Final = 2000
"""By the declared lengths of its columns (AWS's list of observed errors)."""
NOT_IN_A_KEY: Final = frozenset({"json", "jsonb", "bytea", "interval"})
"""Types that a key cannot have (recorded: datatype jsonb is not supported in a key)."""
MAX_INDEXES: Final = 24
"""Of a table, the primary key and builds in progress included (quotas)."""
MAX_STATISTICS_TARGET: Final = 100
"""Of extended statistics (AWS's list of observed errors, 2026-10)."""

# A database.

MAX_SCHEMAS: Final = 10
"""Beyond public and the system's (quotas)."""
MAX_TABLES: Final = 1000
"""Quotas."""
MAX_VIEWS: Final = 5000
"""Quotas."""
MAX_SEQUENCES: Final = 5000
"""Quotas."""
MAX_VIEW_BYTES: Final = 2 * MIB
"""Of a view's definition (quotas)."""
