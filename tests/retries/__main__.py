"""Print the comparison of retry policies: `python -m tests.retries`; with `--write`, put it into
the guide.
"""

import sys
from pathlib import Path

from tests.retries.comparison import tables

GUIDE = Path(__file__).parents[2] / "src" / "dsqlkit" / "guide" / "retries.md"
BEGIN, END = "<!-- made by `make retries` -->\n", "<!-- end -->\n"


def written(guide: str) -> str:
    """The guide's text with the tables as they are now."""
    before, _, rest = guide.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


if __name__ == "__main__":
    print(tables(), end="")
    if "--write" in sys.argv:
        GUIDE.write_text(written(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
