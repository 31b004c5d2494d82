"""The page of `explain --html`, as a browser shows it and as text."""

import os
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dsqlkit.cli.plan_page import plan_page
from dsqlkit.plans.result import read_result, read_results
from dsqlkit.plans.timing import NodeTime, node_times
from tests.plans.samples import dsql_text, recorded

if TYPE_CHECKING:  # loading it takes a quarter of a second, and those who have no browser need not
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

_CHROMIUM = shutil.which("chromium")
_DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    _CHROMIUM is None or _DRIVER is None, reason="chromium or chromium-driver is not installed"
)

HOSTILE = (
    "Seq Scan on t  (cost=0.00..1.00 rows=1 width=4)"
    " (actual time=0.0..1.0 rows=1 loops=1)\n"
    '  Filter: (a = \'</pre></style><script>document.title = "taken"</script>'
    "<img src=x onerror=\"document.title = 'taken'\"><b class=''injected''>x</b>'::text)\n"
    "  Rows Removed by Filter: 5000\n"
    "  <script>document.title = 'taken'</script>: \"&amp;\n"
)


def _page(text: str) -> str:
    return plan_page(read_results(text))


class _Tags(HTMLParser):
    """Notes what a page opens and closes."""

    _VOID = ("meta", "rect")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize(
    "text",
    [HOSTILE, *(dsql_text(f"0{n}") for n in range(1, 8)), recorded()[-1].text, recorded()[3].text],
    ids=lambda text: text.strip()[:12],
)
def test_a_page_is_well_formed_and_loads_and_runs_nothing(text: str) -> None:
    page = _page(text)
    tags = _Tags(page)
    assert tags.open == []
    assert not tags.seen & {"script", "img", "link", "iframe", "object", "form", "a", "base"}
    assert not {name for name in tags.attributes if name.startswith("on")} | (
        tags.attributes & {"src", "href", "style"}
    )
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("number", [f"0{n}" for n in range(1, 8)])
def test_every_node_and_every_line_of_a_plan_is_on_the_page(number: str) -> None:
    result = read_result(dsql_text(number))
    page = re.sub(r"<[^>]+>", "", _page(dsql_text(number)))
    for node in result.plan.walk():
        assert node.node_type in page
        for line in node.properties:
            assert (
                line.value.replace("'", "&#x27;")
                .replace('"', "&quot;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                in page
                or line.value in page
            )


def test_a_page_of_several_plans_numbers_them() -> None:
    page = _page(f"{dsql_text('05')}(9 rows)\n{dsql_text('04')}")
    assert "Query plan 1 of 2" in page
    assert "Query plan 2 of 2" in page
    assert "0.01875 (minimum 0.05000)" in page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = str(_CHROMIUM)
    for argument in ("--headless", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(str(_DRIVER)))
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


def _opened(browser: "Chrome", folder: Path, text: str) -> "WebElement":
    file = folder / "plan.html"
    file.write_text(_page(text), encoding="utf-8")
    browser.get(file.as_uri())
    return browser.find_element("tag name", "body")


@needs_browser
def test_a_browser_shows_nodes_figures_layers_and_findings(
    browser: "Chrome", tmp_path: Path
) -> None:
    body = _opened(browser, tmp_path, dsql_text("06"))
    assert browser.title.startswith("Query plan: Limit")
    for words in (
        "Index Scan Backward on transactions using idx_transactions_payer",
        "Storage Lookup on transactions",
        "index condition",
        "1.595 ms (100%)",
        "goes back to the table for 3 rows",
    ):
        assert words in body.text
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@needs_browser
def test_bars_are_as_wide_as_the_shares(browser: "Chrome", tmp_path: Path) -> None:
    _opened(browser, tmp_path, dsql_text("05"))
    bars = browser.find_elements("css selector", "summary .time svg")
    widths = [
        bar.find_element("tag name", "rect").rect["width"] / bar.rect["width"] for bar in bars
    ]
    shares = [time.share for time in _timed(dsql_text("05"))]
    assert widths == pytest.approx(shares, abs=0.02)
    assert max(widths) > 0.9
    assert all(bar.rect["width"] > 50 for bar in bars)


def _timed(text: str) -> list[NodeTime]:
    return [time for time in node_times(read_result(text).plan).walk() if time.own_ms is not None]


@needs_browser
def test_a_node_folds_away_what_is_below_it_and_opens_again(
    browser: "Chrome", tmp_path: Path
) -> None:
    _opened(browser, tmp_path, dsql_text("05"))
    limit, sort, *_ = browser.find_elements("css selector", ".tree summary")
    assert sort.is_displayed()
    limit.click()
    assert not sort.is_displayed()
    assert limit.is_displayed()
    limit.click()
    assert sort.is_displayed()


@needs_browser
def test_text_of_a_plan_never_acts(browser: "Chrome", tmp_path: Path) -> None:
    body = _opened(browser, tmp_path, HOSTILE)
    assert browser.title.startswith("Query plan: Seq Scan")
    assert "<script>document.title" in body.text
    assert browser.find_elements("css selector", "script, img, .injected") == []


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_readers_light_or_dark(
    browser: "Chrome", tmp_path: Path, scheme: str
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    body = _opened(browser, tmp_path, dsql_text("05"))
    paper, ink = (
        sum(map(int, re.findall(r"\d+", body.value_of_css_property(name))[:3]))
        for name in ("background-color", "color")
    )
    assert (paper > ink) is (scheme == "light")


@needs_browser
@pytest.mark.parametrize("width", [500, 1200])
def test_the_page_itself_never_scrolls_sideways(
    browser: "Chrome", tmp_path: Path, width: int
) -> None:
    browser.set_window_size(width, 900)
    _opened(browser, tmp_path, dsql_text("07"))
    assert browser.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def _deep(levels: int) -> str:
    lines = ["Limit  (cost=0.00..9.00 rows=1 width=4) (actual time=0.0..9.0 rows=123456 loops=1)"]
    for level in range(1, levels):
        lines.append(
            f"{'      ' * (level - 1)}  ->  Subquery Scan on a_name_that_is_long_{level}"
            f"  (cost=0.00..9.00 rows=98765 width=4) (actual time=0.0..{9 - level / 10}"
            " rows=54321 loops=1)"
        )
    return "\n".join(lines) + "\n"


@needs_browser
@pytest.mark.parametrize("width", [375, 500, 800, 1200])
@pytest.mark.parametrize("text", [dsql_text("01"), dsql_text("07"), _deep(12)])
def test_columns_stay_in_line_at_any_width(
    browser: "Chrome", tmp_path: Path, width: int, text: str
) -> None:
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        _opened(browser, tmp_path, text)
        rows: list[list[list[float]]] = browser.execute_script(_BOXES)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    head, *below = rows
    assert len(below) >= 3
    for name, *figures in below:
        edges = [right for _, right in figures]
        assert edges == pytest.approx([right for _, right in head[1:]], abs=0.5)
        assert all(right <= left for (_, right), (left, _) in pairwise(figures))
        assert name[1] - name[0] > 90


_BOXES = """
return [...document.querySelectorAll('.tree .row')].map(row => [...row.children].map(cell => {
  const box = cell.getBoundingClientRect(); return [box.left, box.right]; }));
"""
