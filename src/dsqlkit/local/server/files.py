"""The files PostgreSQL reads: its configuration, and the catalog of a new cluster."""

import sys
from importlib import resources
from pathlib import Path
from typing import Final

from dsqlkit.local.dialect import parameters
from dsqlkit.quotas import KIB, MAX_TEMP_SPACE_BYTES

# What differs from PostgreSQL's defaults, and why.
_SETTINGS: Final = {
    "listen_addresses": "''",  # only our endpoint may connect, by the socket
    "max_connections": "1100",  # a thousand clients at once, index builds, and room
    # Nobody is SERIALIZABLE: it would be kept in shared memory for every connection.
    "max_pred_locks_per_transaction": "10",
    "shared_buffers": "64MB",
    "default_transaction_isolation": "'repeatable read'",  # DSQL's only level
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A killed process loses nothing: commits reach the operating system. Only a power cut could,
    # and a local cluster need not survive that.
    "fsync": "off",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "temp_file_limit": f"{MAX_TEMP_SPACE_BYTES // KIB}kB",  # DSQL's limit
    "enable_bitmapscan": "off",  # DSQL's plans know none
    "enable_memoize": "off",  # nor was this recorded: what a join looks up goes in batches
    "random_page_cost": "1.1",  # all in memory
    # Or a scan of more than 16 MB with a LIMIT begins where the last one ended, and seems cheap.
    "synchronize_seqscans": "off",
    "deadlock_timeout": "1s",  # the adjudicator is quicker
    "autovacuum_naptime": "5s",
    "autovacuum_analyze_threshold": "2147483647",  # analysis is the job runner's
    "log_min_messages": "log",  # not errors of statements: they may hold data
    "log_min_error_statement": "panic",
    "log_line_prefix": "'%m postgres[%p] '",
    "log_checkpoints": "off",
}


def configuration(socket_folder: Path) -> dict[str, str]:
    """The configuration files by name, written anew at every start."""
    settings = {
        **_SETTINGS,
        **parameters.DEFAULTS,
        "unix_socket_directories": f"'{_quoted(socket_folder)}'",
    }
    settings["unix_socket_permissions"] = "0700"
    if sys.platform.startswith("linux"):
        # A statement whose client has gone is ended. Other systems refuse the setting.
        settings["client_connection_check_interval"] = "500ms"
    return {
        "postgresql.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
        "pg_hba.conf": "local all all trust\n",
    }


def script(name: str) -> str:
    """The statements of one of the SQL files in `sql/`, for single-user mode."""
    return resources.files(__package__).joinpath("sql", name).read_text()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
