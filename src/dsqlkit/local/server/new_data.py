"""What new data begin with, before our SQL: nothing changes it later in data that are there."""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.server.programs import run_or_fail

SUPERUSER: Final = "pg_superuser"
"""The server's own superuser, as catalogs show it. No client can sign in as it.

What a real cluster calls the owner of its system objects was not recorded, but pg_dump reads one,
so pg_roles has it. PostgreSQL keeps names that begin with pg_ for itself, and what lists roles of
people (psql's list of roles, pg_dumpall) leaves them out. initdb refuses such a name: catalog.sql
gives it.
"""

INITDB_OPTIONS: Final = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--wal-segsize=1",
    "--no-sync",
    "--no-instructions",
)
"""UTF-8, collation C, small WAL files."""

_TEMPLATES: Final = ("1", "4")
"""The oids of template1 and template0, which nothing is made from; roles.sql forgets them."""


def roles() -> str:
    """The statements that make the roles of a new cluster, for single-user mode."""
    return (Path(__file__).parent / "sql" / "roles.sql").read_text()


def initialised(programs: Path, home: ServerHome) -> Path:
    """A folder that initdb has made, now or when nobody took it, to become the home's data.

    Raises LocalClusterFailed.
    """
    folder = home.path / "initialised"
    if not folder.exists():
        unfinished = folder.with_name("initialised.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        run_or_fail(home, [str(programs / "initdb"), "-D", str(unfinished), *INITDB_OPTIONS])
        for database in (unfinished / "base").iterdir():
            if database.name in _TEMPLATES:
                shutil.rmtree(database)
        unfinished.rename(folder)
    return folder


def digest() -> str:
    """What tells data that are made today from those that were made with something else."""
    return hashlib.sha256("\0".join((roles(), *INITDB_OPTIONS)).encode()).hexdigest()[:16]
