"""README, the guides, `--help` and the commands say the same."""

import re
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from dsqlkit.cli.main import build, run
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ExitCode
from tests.docs.pages import PAGES, TOP, steps

TEXTS = {name: page.read_text(encoding="utf-8") for name, page in PAGES.items()}
README = TEXTS["README"]
PACKAGE = TOP / "src" / "dsqlkit"
CONTRIBUTING = (TOP / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")


def commands_of(group: TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand]]:
    """Every command by its full name, hidden ones left out."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands_of(command, f"{path} {name}")
        elif isinstance(command, TyperCommand) and not command.hidden:
            yield f"{path} {name}", command


ROOT = typer.main.get_command(build())
assert isinstance(ROOT, TyperGroup)
COMMANDS = dict(commands_of(ROOT, "dsqlkit"))


def blocks(language: str, *names: str) -> list[str]:
    """The fenced blocks of one language on these pages, on all for none."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    texts = [TEXTS[name] for name in names or TEXTS]
    return [block for text in texts for block in fence.findall(text)]


def prose() -> str:
    """All pages without their blocks."""
    return "\n".join(re.sub(r"^```.*?^```", "", text, flags=re.S | re.M) for text in TEXTS.values())


def shown() -> list[str]:
    """Each `dsqlkit ...` that a page shows, in a sentence or behind a prompt."""
    prompts = [step.command for text in TEXTS.values() for step in steps(text)]
    quoted = re.findall(r"`([^`\n]+)`", prose())
    found = [each for text in prompts + quoted for each in re.findall(r"dsqlkit [^$)&|]+", text)]
    return list(dict.fromkeys(found))


def named(text: str) -> str | None:
    """The command that a text like `dsqlkit local start --json` begins with."""
    words = text.split()
    candidates = (" ".join(words[:length]) for length in (3, 2))
    return next((name for name in candidates if name in COMMANDS), None)


def test_the_table_of_commands_has_every_command_once() -> None:
    listed = [named(cell) for cell in re.findall(r"^\| `(dsqlkit [^`]+)`", README, re.MULTILINE)]
    assert sorted(map(str, listed)) == sorted(COMMANDS)


@pytest.mark.parametrize("text", shown())
def test_what_the_readme_shows_exists(text: str) -> None:
    name = named(text)
    assert name is not None, f"no command: {text}"
    options = {
        word
        for parameter in COMMANDS[name].params
        for word in [*parameter.opts, *parameter.secondary_opts]
    }
    # What stands after `--` is another program's.
    for word in text.partition(" -- ")[0].split():
        assert not word.startswith("--") or word in options


def test_an_option_that_a_sentence_names_is_one() -> None:
    known = {"--help"} | {
        word
        for command in COMMANDS.values()
        for parameter in command.params
        for word in [*parameter.opts, *parameter.secondary_opts]
    }
    assert set(re.findall(r"`(?:[a-z-]+ )?(--?[a-z-]+)`", prose())) <= known


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_and_its_options(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*name.split()[1:], "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: {name} ")
    for parameter in COMMANDS[name].params:
        assert getattr(parameter, "help", None), f"{name}: {parameter.name} has no help"


@pytest.mark.parametrize("group", [[], ["local"], ["cluster"], ["stack"], ["role"]])
def test_a_list_of_commands_fits_a_terminal_of_80_columns(
    group: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run([*group, "--help"])
    listed = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert listed
    assert not [line for line in listed if line.endswith("...")]


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| ", README, re.MULTILINE)
    listed = [code for row in rows for code in row.split(", ")]
    assert [int(code) for code in listed] == [code.value for code in ExitCode]


def test_the_targets_that_pages_name_are_in_the_makefile() -> None:
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README + CONTRIBUTING))
    assert {"workshop", "test", "lint", "bench"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}"


def test_the_files_that_pages_for_developers_name_are_there() -> None:
    """By their path from the top of the checkout, from the package, or from what was named last."""
    for text in (CONTRIBUTING, (PACKAGE / "README.md").read_text(encoding="utf-8")):
        last = PACKAGE
        for name in re.findall(r"`([\w./*-]+(?:/|\.(?:py|md|jsonl|sql|toml)))`", text):
            roots = (TOP, PACKAGE, PACKAGE / "local", last)
            found = [each for root in roots for each in root.glob(name.rstrip("/"))]
            assert found, f"there is no {name}"
            last = found[0] if found[0].is_dir() else found[0].parent


def test_the_example_of_the_library_runs(
    endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = blocks("python", "library")
    exec(compile(example, "library.md", "exec"), {})
    assert capsys.readouterr().out == (
        "payer has 90.000000 after 1 attempt(s)\nmoved 100.000000, waited 0.0 s\n"
    )
    with KeptConnection(endpoint) as connections, connections.connection() as connection:
        row = connection.execute("SELECT count(*), sum(balance) FROM accounts").fetchone()
    assert row == (9, 1000)


def test_every_other_example_runs(endpoint: Endpoint) -> None:
    examples = blocks("python", *(name for name in TEXTS if name != "library"))
    assert examples
    for example in examples:
        exec(compile(example, "a guide", "exec"), {})
