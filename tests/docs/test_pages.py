"""README and the guides, followed from top to bottom by a reader with a fresh home."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsqlkit import local
from dsqlkit.cli.main import run
from dsqlkit.guide import TOPICS, read
from tests.docs.pages import PAGES, Reader, differences, steps

FOLLOWED = [
    name
    for name, page in PAGES.items()
    if any(step.runs_here for step in steps(page.read_text(encoding="utf-8")))
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home where nothing is yet, and where nothing runs any more afterwards."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ".local" / "share"))
    yield tmp_path
    local.reset()


@pytest.fixture
def emptied(local_cluster: object) -> Iterator[None]:
    """The local cluster, running and without data, before and after."""
    local.ensure_running()
    local.reset(keep_running=True)
    yield
    local.ensure_running()
    local.reset(keep_running=True)


@pytest.mark.own_cluster
@pytest.mark.parametrize("columns", [80, pytest.param(120, marks=pytest.mark.soak)])
def test_a_reader_of_readme_gets_what_it_shows(home: Path, columns: int) -> None:
    assert_shows(home, "README", columns)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "columns"), [*((name, 80) for name in FOLLOWED if name != "README"), ("plans", 120)]
)
def test_a_reader_of_a_guide_gets_what_it_shows(
    emptied: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, columns: int
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert_shows(tmp_path, name, columns)


def assert_shows(home: Path, name: str, columns: int) -> None:
    work = home / "work"
    work.mkdir()
    text = PAGES[name].read_text(encoding="utf-8")
    found = "\n".join(differences(Reader(work, os.environ, columns), text))
    assert not found, found


def test_readme_and_most_guides_have_something_to_follow() -> None:
    assert {"README", "workshop", "plans", "indexes", "lambda", "faults"} <= set(FOLLOWED)


def test_a_page_that_shows_something_else_is_found(home: Path) -> None:
    page = """```console
$ echo one 1
one 2
$ echo two
three
$ seq -f 'line %g' 3
line 1
...
last 3
```
"""
    found = differences(Reader(home, os.environ, 80), page)
    assert [change.partition("\n")[0] for change in found] == ["echo two", "seq -f 'line %g' 3"]


def test_readme_is_short() -> None:
    lines = PAGES["README"].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200
    prose = "\n".join(lines[:48])
    assert "make workshop" in prose
    assert "pip install" in prose
    assert "dsqlkit workshop" in prose


def test_readme_leads_to_every_guide() -> None:
    text = PAGES["README"].read_text(encoding="utf-8")
    for topic in TOPICS:
        assert f"(src/dsqlkit/guide/{topic}.md)" in text


def test_guide_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["guide"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line]
    assert listed[: len(TOPICS)] == list(TOPICS)
    assert {file.stem for file in PAGES["plans"].parent.glob("*.md")} == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("columns", [80, 120])
def test_a_guide_is_plain_text_within_the_width(
    topic: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run(["guide", topic]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == read(topic).title
    code = [
        line
        for part in re.findall(r"^```.*?^```", read(topic).text, re.S | re.M)
        for line in part.splitlines()[1:-1]
    ]
    words = [line for line in lines if line.strip() not in {each.strip() for each in code}]
    assert max(map(len, words)) <= min(columns, 100)
    assert {each.strip() for each in code} <= {line.strip() for line in lines}
    assert not [line for line in lines if line != line.rstrip()]
    assert "\x1b" not in text
    assert "```" not in text
    assert len(lines) > 20


def test_code_within_a_sentence_keeps_its_backquotes_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["guide", "faults"]) == 0
    assert "switch it on with\n`local set`" in capsys.readouterr().out


def test_a_guide_is_found_by_the_beginning_of_its_name() -> None:
    assert read("local").topic == "local-cluster"
    assert read("lib").topic == "library"


@pytest.mark.parametrize("word", ["l", "plan5", "", "../plans"])
def test_a_guide_that_is_not_there_is_a_usage_error_that_lists_them(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["guide", word]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    for topic in TOPICS:
        assert topic in told.err


def test_on_a_terminal_a_guide_goes_through_the_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\ncat > {tmp_path}/paged\n")
    pager.chmod(0o755)
    code = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    program = str(Path(sys.executable).with_name("dsqlkit"))
    subprocess.run(
        [sys.executable, "-c", code, program, "guide", "plans"],
        check=True,
        env={**os.environ, "PAGER": str(pager), "TERM": "xterm", "COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    assert "Reading plans" in (tmp_path / "paged").read_text()


def test_the_architecture_names_every_part_of_the_library() -> None:
    package = PAGES["plans"].parents[1]
    text = (package / "README.md").read_text(encoding="utf-8")
    parts = {
        each.stem
        for each in package.iterdir()
        if each.suffix == ".py" or (each / "__init__.py").exists()
    } - {"__init__", "__main__"}
    rooms = {each.parent.name for each in (package / "local").glob("*/__init__.py")}
    named = set(re.findall(r"`(\w+)/?`", text))
    assert sorted((parts | rooms) - named) == []
