"""What a load has done so far: in its table, in its file, and waiting for it."""

import time
from collections.abc import Callable
from pathlib import Path

from dsqlkit.connection import KeptConnection


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


def ids_in_table(connections: KeptConnection) -> list[str]:
    with connections.connection() as connection:
        return [str(each) for (each,) in connection.execute("SELECT id FROM accounts2 ORDER BY id")]


def ids_in_file(file: Path) -> list[str]:
    return sorted(file.read_text().splitlines())
