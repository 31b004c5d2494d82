"""The page of `bench --html`, as text and as a browser shows it."""

import os
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from dsqlkit.bench import Benched, BenchPlan, Latency, Ledger, Second
from dsqlkit.cli.bench_page import bench_page
from tests.plans.test_plan_page import browser, needs_browser

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["browser"]

SECONDS = (
    Second(1.0, 1.0, 120, 7, 0, 4.5, 20.25, 31.0),
    Second(2.0, 1.0, 80, 9, 2, 5.5, 120.0, 240.0),
    Second(3.0, 1.0, 0, 0, 8, None, None, None),
    Second(3.5, 0.5, 30, 1, 0, 3.0, 9.0, 11.0),
)


def benched(**other: object) -> Benched:
    values: dict[str, object] = {
        "table": "accounts",
        "transfers": 230,
        "elapsed_s": 3.5,
        "attempts": {1: 200, 2: 28, 9: 2},
        "latency_ms": Latency(4.5, 30.0, 120.0, 240.0, 240.5),
        "conflicts": 17,
        "errors": {"no_connection": 8, "<script>alert(1)</script>": 2},
        "balance_before": Decimal("1000.000000"),
        "balance_after": Decimal("1000.000000"),
        "accounts_before": 10,
        "accounts_after": 10,
        "ledger": Ledger(230, 230, 1, (), (), ()),
        "seconds": SECONDS,
        "complete": True,
    }
    return Benched(**(values | other))  # type: ignore[arg-type]


def test_the_page_loads_and_runs_nothing() -> None:
    page = bench_page(benched(), BenchPlan(), 10)
    assert not re.search(r"<script|<img|<link|src=|href=|url\(|@import| on\w+=| style=", page)
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page
    assert "&lt;script&gt;" in page


def test_a_bench_without_a_transfer_has_a_page_too() -> None:
    nothing = benched(transfers=0, attempts={}, latency_ms=None, errors={}, seconds=(), conflicts=0)
    assert "0 transfers" in bench_page(nothing, BenchPlan(rate=5), 10)


def test_what_does_not_add_up_is_on_the_page_with_its_keys() -> None:
    key = uuid4()
    wrong = benched(
        balance_after=Decimal(999), ledger=Ledger(230, 229, 0, (key,), (), ()), accounts_after=11
    )
    page = bench_page(wrong, BenchPlan(), 10)
    assert "The accounts hold 999 together, and held 1000." in page
    assert str(key) in page


@pytest.fixture
def opened(browser: "Chrome", tmp_path: Path) -> "Chrome":
    file = tmp_path / "bench.html"
    file.write_text(bench_page(benched(), BenchPlan(rate=100), 10), encoding="utf-8")
    browser.get(file.as_uri())
    return browser


@needs_browser
@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_all_figures_within_its_width(opened: "Chrome", width: int) -> None:
    opened.set_window_size(width, 900)
    assert opened.title == "Bench: 230 transfers, 66 a second"
    shown = opened.find_element("tag name", "body").text
    for words in ("230 found of 230 reported", "8", "no_connection", "from when each was due"):
        assert words in shown
    charts = opened.find_elements("tag name", "svg")
    assert len(charts) == 3
    assert all(chart.size["height"] > 50 for chart in charts)
    lines = [len(chart.find_elements("tag name", "polyline")) for chart in charts]
    # The second without a transfer is a gap in the three lines of latency.
    assert lines == [1, 6, 2]
    inner = opened.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert inner
    assert opened.get_log("browser") == []  # type: ignore[no-untyped-call]
    if folder := os.environ.get("DSQLKIT_SCREENSHOTS"):
        opened.save_screenshot(str(Path(folder) / f"bench-{width}.png"))
