"""Write into README and the guides what their commands print now: python -m tests.docs [PAGE]...

Look at the difference before you keep it: what changed by itself is time and figures.
"""

import os
import sys
import tempfile
from pathlib import Path

from dsqlkit import local
from tests.docs.pages import PAGES, Reader, rewritten

COLUMNS = 80


def main(names: list[str]) -> None:
    """Rewrite these pages, all for none, each as a reader with a fresh home sees it."""
    for name in names or PAGES:
        with tempfile.TemporaryDirectory(prefix="dsqlkit-docs-") as folder:
            home, work = Path(folder, "home"), Path(folder, "work")
            home.mkdir()
            work.mkdir()
            os.environ |= {"HOME": str(home), "XDG_DATA_HOME": str(home / ".local" / "share")}
            try:
                if name != "README":
                    local.ensure_running()  # as README's reader has it by then
                text = PAGES[name].read_text(encoding="utf-8")
                page = rewritten(Reader(work, os.environ, COLUMNS), text)
            finally:
                local.reset()
            PAGES[name].write_text(page.replace(str(home), "/home/you"), encoding="utf-8")


main(sys.argv[1:])
