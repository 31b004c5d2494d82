"""The local cluster's own process, started detached by `dsqlkit.local.start`."""

import argparse
import gc
import os
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final

from dsqlkit.errors import LocalClusterFailed
from dsqlkit.local.server.template import begin_data
from dsqlkit.local.state import StateFolder

IDLE_LIMIT_S: Final = 3600.0


def main() -> None:
    """Read the options, begin what takes a while, load the cluster and run it."""
    options = argparse.ArgumentParser(prog="python -m dsqlkit.local")
    options.add_argument("--ready-fd", type=int, help="a file to close when ready")
    options.add_argument("--idle-limit", type=float, default=IDLE_LIMIT_S, metavar="SECONDS")
    options.add_argument("--trace", action="store_true", help="log a line for each turn")
    options.add_argument("--template", type=Path, help="a folder with data to begin with")
    options.add_argument("--owner-fd", type=int, help="at its end all of the cluster goes")
    given = options.parse_args()
    if given.ready_fd is not None and os.fork():
        os._exit(0)  # detached: nobody has to wait for the child that goes on
    # Loading the code makes no garbage, and looking for some is an eighth of it. The cluster goes
    # on with thresholds of its own.
    gc.disable()
    beginning = Thread(target=_begin_data, args=[given.template])
    beginning.start()
    from dsqlkit.local.daemon.main import run

    beginning.join()
    run(given)


def _begin_data(template: Path | None) -> None:
    """Begin with new data while the code is loaded. Where that fails, they are made later."""
    with suppress(LocalClusterFailed, OSError):
        begin_data(template, StateFolder.default())


if __name__ == "__main__":
    main()
