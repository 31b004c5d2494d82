"""The local cluster's processes, as the system shows them: the catalog does not tell."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from dsqlkit import local


def daemon() -> int:
    """The process of the local cluster. Skips the test where no /proc tells of processes."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc on this system")
    pid = local.status().pid
    assert pid is not None
    return pid


@dataclass(frozen=True)
class Backend:
    """One of PostgreSQL's processes for role admin; `doing` are its own words."""

    pid: int
    doing: str
    asleep: bool


def backends() -> list[str]:
    """What each of PostgreSQL's processes for role admin is doing, in its own words."""
    return [each.doing for each in backend_processes()]


def is_stuck() -> bool:
    """Whether a backend in a SELECT does nothing, for as long as one looks."""
    for _ in range(20):
        if not any(each.asleep and each.doing.endswith("SELECT") for each in backend_processes()):
            return False
        time.sleep(0.01)
    return True


def backend_processes() -> list[Backend]:
    """PostgreSQL's processes for role admin."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything; the parent is the second word after it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = []
    for server in children.get(daemon(), []):
        for pid in children.get(server, []):
            try:
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            text = title.rstrip(b"\0 ").decode(errors="replace")
            if text.startswith("postgres: admin "):
                found.append(Backend(pid, text, state == "S"))
    return found


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - pathlib makes paths of all


def resident_bytes(pid: int) -> int:
    statm = Path(f"/proc/{pid}/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
