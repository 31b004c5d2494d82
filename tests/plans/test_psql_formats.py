"""Plans as the real psql prints them, in every format in which a plan can be read."""

import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest

from dsqlkit.endpoint import Endpoint
from dsqlkit.plans.parse import parse_plan
from dsqlkit.token import TokenSigner
from tests.support.any_libpq import parameters_for_any_libpq

pytestmark = pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed")

_EXPLAIN = """EXPLAIN (VERBOSE, SETTINGS)
SELECT t.*, (SELECT max(n) FROM generate_series(1, t.id) AS n WHERE n <> 7)
FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, "q|c")
WHERE "q|c" <> 'x, "y" | z' AND "q|c" || 'two

-----
lines' <> '+' AND id < 1000 ORDER BY "q|c" DESC, id + length("q|c") + 1 + 2 + 3 + 4 + 5 + 6 + 7;"""

_FORMATS = [
    (*rest, linestyle, "single")
    for *rest, linestyle in product(
        ("aligned", "unaligned", "csv"),
        (0, 1, 2),
        ("off", "on"),
        ("off", "on"),
        ("ascii", "unicode"),
    )
]
_FORMATS += [("aligned", border, "off", "off", "unicode", "double") for border in (0, 1, 2)]
_FORMATS += [
    ("wrapped", border, "off", tuples_only, style, "single")
    for border, tuples_only, style in product((1, 2), ("off", "on"), ("ascii", "unicode"))
]


@pytest.fixture(scope="module")
def printed(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plan in each format, by number, and `bare`."""
    folder = tmp_path_factory.mktemp("psql")
    script = [f"\\pset format unaligned\n\\t on\n\\o {folder}/bare\n{_EXPLAIN}\n"]
    for number, (form, border, expanded, tuples_only, linestyle, lines) in enumerate(_FORMATS):
        script += [
            f"\\pset format {form}\n\\pset border {border}\n\\pset expanded {expanded}",
            f"\\pset tuples_only {tuples_only}\n\\pset linestyle {linestyle}\n\\pset columns 70",
            *(
                f"\\pset unicode_{part}_linestyle {lines}"
                for part in ("border", "column", "header")
            ),
            f"\\o {folder}/{number}\n{_EXPLAIN}\n",
        ]
    known = parameters_for_any_libpq(endpoint, TokenSigner(endpoint))
    environment = {
        "PATH": "/usr/bin:/bin:/usr/local/bin",
        "PGPASSWORD": known.pop("password"),
        "PGCLIENTENCODING": "UTF8",
    }
    subprocess.run(
        ["psql", "-X", "-q", " ".join(f"{name}='{value}'" for name, value in known.items())],
        input="\n".join(script),
        env=environment,
        check=True,
        text=True,
        capture_output=True,
        timeout=60,
    )
    return folder


@pytest.mark.parametrize(
    "number", range(len(_FORMATS)), ids=lambda n: "-".join(map(str, _FORMATS[n]))
)
def test_a_plan_that_psql_printed_reads_as_the_bare_one(printed: Path, number: int) -> None:
    bare = parse_plan((printed / "bare").read_text(encoding="utf-8"))
    assert len(list(bare.walk())) >= 3
    assert parse_plan((printed / str(number)).read_text(encoding="utf-8")) == bare
