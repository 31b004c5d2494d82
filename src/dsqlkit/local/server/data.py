"""A server's data: made, copied from a template, brought to this version of dsqlkit."""

import hashlib
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dsqlkit import __version__
from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.dialect import parameters
from dsqlkit.local.dialect.parameters import SHOWN
from dsqlkit.local.server import files, new_data
from dsqlkit.local.server.home import ServerHome
from dsqlkit.local.server.programs import programs_for, run_or_fail
from dsqlkit.local.server.template import copy_data, remove_outdated, sole_user
from dsqlkit.local.statements.quoting import literal
from dsqlkit.whole_file import write_whole

_BEGIN_ANEW: Final = "or `dsqlkit local reset`, which deletes the data"

_JOINED: Final = [
    f"pg_catalog.pg_{name}"
    for name in ("class", "attribute", "type", "constraint", "namespace", "depend", "index", "proc")
]

_log = logging.getLogger(__name__)


def prepare(home: ServerHome, template: Path | None) -> Path:
    """See to it that the home has data of this version; the folder of PostgreSQL's programs.

    New data, and the programs, are those of the folder `template` where one is given. The home's
    lock is to be held. Raises LocalClusterFailed when the programs are missing or fail, or the data
    are of a newer version.
    """
    programs = _from_template(template, home) if template else programs_for(home)
    if not home.data.exists():
        _make_data(programs, home)
    _update_catalog(programs, home)
    return programs


def renew(template: Path) -> None:
    """Bring a template that another version made to this one. Raises LocalClusterFailed."""
    with sole_user(template) as made:
        if made.data.exists():
            _update_catalog(programs_for(made), made)


def _from_template(template: Path, home: ServerHome) -> Path:
    """Have new data copied from the template's, which are made if there are none; the programs."""
    try:
        with sole_user(template) as made:
            programs = programs_for(made)
            if home.data.exists():
                return programs
            if not made.data.exists():
                remove_outdated(template)
                _make_data(programs, made)
            _update_catalog(programs, made)
            copy_data(made, home)
            return programs
    except (LocalClusterFailed, OSError) as error:
        # A template only saves time.
        _log.warning("there is no template in %s: %s", template, error)
        return programs_for(home)


def _make_data(programs: Path, home: ServerHome) -> None:
    """Make the data folder with its roles and catalog; it appears under its name when complete."""
    unfinished = home.data.with_name("data.new")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    new_data.initialised(programs, home).rename(unfinished)
    catalog = _catalog()
    # Joins of the catalog take seconds while nothing is known of it.
    script = f"{new_data.roles()}{catalog}ANALYZE {', '.join(_JOINED)};\n\n"
    _run_script(programs, home, unfinished, script)
    unfinished.rename(home.data)
    _mark(home, catalog)


def _update_catalog(programs: Path, home: ServerHome) -> None:
    """Bring the system schema to this version of dsqlkit, if the data are of another."""
    home.forget_killed()
    catalog = _catalog()
    digest, version = _marked(home)
    if digest == _digest(catalog):
        return
    if _order(version) > _order(__version__):
        raise LocalClusterFailed(
            f"The local cluster's data are those of dsqlkit {version}, which is newer than this"
            f" one, {__version__}.",
            hint=f"Use dsqlkit {version} or a newer one, {_BEGIN_ANEW}.",
        )
    home.catalog.unlink(missing_ok=True)  # what is done by halves, any version does again
    try:
        _run_script(programs, home, home.data, catalog)
    except LocalClusterFailed as error:
        whose = f"dsqlkit {version}" if version else "another version of dsqlkit"
        raise LocalClusterFailed(
            f"The local cluster's data are those of {whose}, and could not be made those of this"
            f" one, {__version__}. {error}",
            hint=f"Use the version that made them, {_BEGIN_ANEW}.",
        ) from error
    _mark(home, catalog)


def _mark(home: ServerHome, catalog: str) -> None:
    """Write down which catalog the data have, and which version of dsqlkit gave it to them."""
    write_whole(home.catalog, f"{_digest(catalog)} {__version__}")


def _marked(home: ServerHome) -> tuple[str, str]:
    """What was written down of the data; empty what was not, as earlier versions did not."""
    try:
        digest, _, version = home.catalog.read_text().partition(" ")
    except FileNotFoundError:
        return "", ""
    return digest, version


def _order(version: str) -> tuple[int, ...]:
    """A version's numbers, to be compared with another's."""
    found = re.match(r"[\d.]*", version)
    return tuple(int(each) for each in re.findall(r"\d+", found[0] if found else ""))


def _catalog() -> str:
    names = (
        "catalog.sql",
        "sys.sql",
        "parameters.sql",
        "adjudication.sql",
        "dialect.sql",
        "seen.sql",
        "overlays.sql",
        "limits.sql",
        "quotas.sql",
        "explain.sql",
    )
    return "".join(files.script(name) for name in names) + _data()


def _data() -> str:
    """What the scripts look up, from where it is written down."""
    kept = {name: parameters.KEPT_AS.get(name, name) for name in sorted(parameters.ALLOWED)}
    return _rows("dsqlkit.answer", SHOWN) + _rows("dsqlkit.parameter", kept)


def _rows(table: str, values: Mapping[str, str]) -> str:
    rows = ", ".join(f"({literal(name)}, {literal(value)})" for name, value in values.items())
    return f"DELETE FROM {table};\n\nINSERT INTO {table} VALUES {rows};\n\n"  # noqa: S608 - ours


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _run_script(programs: Path, home: ServerHome, data: Path, text: str) -> None:
    single = [str(programs / "postgres"), "--single", "-j", "-D", str(data)]
    # New data have no configuration of ours yet, in which it is off (files.py): half of the wait.
    settings = ["-c", "exit_on_error=on", "-c", "fsync=off"]
    run_or_fail(home, [*single, *settings, "postgres"], text)
