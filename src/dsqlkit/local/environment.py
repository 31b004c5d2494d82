"""What the cluster's processes take over from the shell that starts them: as little as works.

A shell may hold anything: PGPORT would have PostgreSQL listen on another socket, PGOPTIONS would
change its sessions, LC_ALL its messages, PYTHONWARNINGS=error would end the daemon at a warning of
a library. So the daemon gets what is named here and nothing else, and PostgreSQL's programs get
nothing of the caller's at all.
"""

from collections.abc import Mapping
from typing import Final

FOR_POSTGRES: Final[Mapping[str, str]] = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""The whole environment of PostgreSQL's own programs. They find their libraries by themselves."""

FOLDER_VARIABLE: Final = "DSQLKIT_LOCAL_FOLDER"
"""Names the state folder of a cluster to its own process, and to what `local run` runs."""

_KEPT: Final = frozenset(
    {
        # Where the state folder is, and whose it is.
        "HOME",
        "XDG_DATA_HOME",
        "USER",
        "LOGNAME",
        "PATH",
        # Where this Python, its libraries and dsqlkit were found: they are to be found again.
        "PYTHONHOME",
        "PYTHONPATH",
        "PYTHONUSERBASE",
        "PYTHONNOUSERSITE",
        "PYTHONPLATLIBDIR",
        "PYTHONPYCACHEPREFIX",
        "PYTHONDONTWRITEBYTECODE",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
    }
)


def for_daemon(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the cluster's own process, out of that of the caller."""
    return {name: value for name, value in environ.items() if name in _KEPT}
