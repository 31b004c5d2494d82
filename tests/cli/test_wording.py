"""Settings in the library's errors, options in those of the command line."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from dsqlkit.cli.main import build
from dsqlkit.cli.wording import OPTIONS, worded

SOURCE = Path(__file__).parents[2] / "src" / "dsqlkit"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Raise `max_attempts` or `deadline_s`.", "Raise --max-attempts or --deadline."),
        ("Give `endpoint=local`.", "Give --endpoint local."),
        ("Give `tags=KEY=VALUE`.", "Give --tag KEY=VALUE."),
        ("`region` is 'x', no region.", "--region is 'x', no region."),
        ("`unset PGUSER`, or `date -u`, or `local`", "`unset PGUSER`, or `date -u`, or `local`"),
        ("user and `dsqlkit local stop`", "user and `dsqlkit local stop`"),
    ],
)
def test_a_setting_is_said_as_its_option(text: str, said: str) -> None:
    assert worded(text) == said


def sentences() -> Iterator[tuple[str, str]]:
    """Every text in the library's code that is no docstring, with its place."""
    for file in SOURCE.rglob("*.py"):
        if file.parts[len(SOURCE.parts)] == "cli":
            continue
        tree = ast.parse(file.read_text(encoding="utf-8"))
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            # A word by itself is an argument for some program.
            if isinstance(text, str) and id(node) not in alone and " " in text.strip():
                yield f"{file.relative_to(SOURCE)}:{getattr(node, 'lineno', 0)}", text


def test_the_library_names_no_option_outside_of_a_whole_command() -> None:
    for place, text in sentences():
        left = re.sub(r"`[^`]*`?|\$ .*|dsqlkit [a-z]+ .*", "", text)
        left = re.sub(r"^ --(region|no-deletion-protection-enabled|wait)\b.*", "", left)
        assert not re.search(r"(?<![\w-])--[a-z]", left), f"{place}: {text}"


def test_every_setting_that_the_library_names_has_an_option() -> None:
    named = {
        found
        for _, text in sentences()
        for found in re.findall(r"`([a-z]+_[a-z_]+)(?:=[^`]*)?`", text)
    }
    assert named - OPTIONS.keys() == set()


def test_every_option_is_one() -> None:
    known, commands = set[str](), [typer.main.get_command(build())]
    while commands:
        each = commands.pop()
        commands += getattr(each, "commands", {}).values()
        known |= {option for parameter in each.params for option in parameter.opts}
    assert set(OPTIONS.values()) <= known
