"""What a person types: values with and without options, what is missing, what is no number."""

import json

import pytest
import typer

from dsqlkit.cli.main import build, meant_by, run
from dsqlkit.cli.parameters import number, whole_number
from dsqlkit.connection import KeptConnection
from dsqlkit.errors import UsageError
from tests.cli.test_bank_commands import holdings
from tests.support.commands import Command

GROUPS = ["local", "cluster", "stack", "role"]


def refused(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """The error of a command line that is refused before anything is contacted."""
    assert run([*arguments, "--json"]) == 2
    error: dict[str, str] = json.loads(capfd.readouterr().out)["error"]
    assert error["code"] == "usage"
    return error


@pytest.mark.parametrize(
    "arguments",
    [
        ["1", "2", "0.25"],
        ["--payer", "1", "--payee", "2", "--amount", "0.25"],
        ["1", "2", "--amount", "0.25"],
        ["--amount", "0.25", "1", "2"],
        ["1", "--payee=2", "--amount=0.25"],
    ],
)
def test_a_transfer_is_typed_with_or_without_its_options(
    dsqlkit: Command, bank: KeptConnection, arguments: list[str]
) -> None:
    assert dsqlkit("transfer", *arguments).out.startswith("0.25 moved from 1 to 2; ")
    assert [f"{held:f}" for _, held in holdings(bank)[:2]] == ["99.750000", "100.250000"]


@pytest.mark.parametrize("arguments", [["2"], ["--id", "2"]])
def test_a_balance_is_asked_for_with_or_without_its_option(
    dsqlkit: Command, bank: KeptConnection, arguments: list[str]
) -> None:
    assert dsqlkit("balance", *arguments).out == "Account 2 holds 100.\n"


def test_a_negative_id_is_typed_after_two_dashes(dsqlkit: Command, bank: KeptConnection) -> None:
    assert "write --" in dsqlkit("balance", "-7").err
    assert dsqlkit("balance", "--", "-7").err.startswith("Error: Account -7 not found.")


def test_two_values_for_one_are_refused_and_nothing_moves(
    dsqlkit: Command, bank: KeptConnection
) -> None:
    twice = dsqlkit("transfer", "2", "3", "10", "--payer", "1")
    assert twice.code == 2
    assert "PAYER is given twice: '2', and --payer '1'." in twice.err
    assert {held for _, held in holdings(bank)} == {100}


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["transfer"], "--payer, --payee and --amount"),
        (["transfer", "1"], "--payee and --amount"),
        (["transfer", "--amount", "1"], "--payer and --payee"),
        (["balance"], "--id"),
        (["role", "create"], "NAME and --arn"),
        (["role", "create", "teller"], "--arn"),
        (["invoke"], "CHAPTER and --payload"),
        (["cluster", "delete"], "CLUSTER"),
    ],
)
def test_all_that_is_missing_is_named_at_once_with_an_example(
    capfd: pytest.CaptureFixture[str], arguments: list[str], missing: str
) -> None:
    error = refused(capfd, *arguments)
    assert error["message"] == f"Missing: {missing}."
    assert error["hint"].startswith(f"For example: dsqlkit {arguments[0]} ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["init-accounts", "--count", "x"], "--count must be a whole number, not 'x'."),
        (["init-accounts", "--count", "1e3"], "--count must be a whole number, not '1e3'."),
        (["load", "--rows", ""], "--rows must be a whole number, not ''."),
        (["load", "--rows", "9" * 5000], f"--rows must be a whole number, not '{'9' * 39}..."),
        (["transfer", "1", "2", "3", "--deadline", "soon"], "--deadline must be a number, not"),
        (["workshop", "3", "four"], "CHAPTER must be a whole number, not 'four'."),
        (["invoke", "four", "{}"], "CHAPTER must be a whole number, not 'four'."),
        (["local", "set", "--round-trip-ms", "5ms"], "--round-trip-ms must be a number, not"),
        (["cluster", "list", "here"], "here: more than the command takes."),
        (["transfer", "1", "2", "3", "4", "5"], "4 5: more than the command takes."),
        (["balance", "1", "--jsn"], "No such option: --jsn"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_what_it_must_be(
    capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert refused(capfd, *arguments)["message"].startswith(message)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--json", "balance", "1"], "come after its name: dsqlkit COMMAND --json"),
        (["--endpoint", "x", "connect"], "come after its name: dsqlkit COMMAND --endpoint"),
        (["local", "-q", "status"], "come after its name: dsqlkit local COMMAND -q"),
        (["--quiet"], "See `dsqlkit --help`."),
    ],
)
def test_an_option_before_its_command_is_told_its_place(
    capfd: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    assert refused(capfd, *arguments)["hint"].endswith(hint)


def test_an_endless_value_does_not_fill_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    endless = "9" * 100_000
    assert run(["balance", endless]) == 2
    told = capfd.readouterr().err
    assert told.startswith("Error: '999")
    assert "...999" in told
    assert "9' is not an account's id.\n" in told
    assert len(told) < 800
    assert endless in refused(capfd, "balance", endless)["message"]


@pytest.mark.parametrize(("lines", "must"), [("few", "be a whole number"), ("0", "be at least 1")])
def test_a_log_has_lines(capfd: pytest.CaptureFixture[str], lines: str, must: str) -> None:
    assert run(["local", "logs", "-n", lines]) == 2
    assert capfd.readouterr().err.startswith(f"Error: --lines must {must}")


def test_no_number_is_left_to_the_words_of_a_library() -> None:
    commands = [typer.main.get_command(build())]
    while commands:
        each = commands.pop()
        commands += getattr(each, "commands", {}).values()
        kinds = {parameter.type.name for parameter in each.params}
        assert not kinds & {"integer", "float", "integer range", "float range"}, each.name


@pytest.mark.parametrize("text", ["1", "+1", "-1", "007"])
def test_a_whole_number_is_read(text: str) -> None:
    assert whole_number("--count", text) == int(text)


@pytest.mark.parametrize("text", ["0.5", ".5", "5.", "1e-3", "-2", "30"])
def test_a_number_is_read(text: str) -> None:
    assert number("--share", text) == float(text)


@pytest.mark.parametrize("text", ["", " 1", "1_000", "1,000", "nan", "inf", "0x10", "1.5.2"])
def test_what_python_alone_takes_for_a_number_is_none(text: str) -> None:
    for read in (whole_number, number):
        with pytest.raises(UsageError, match="--count must be a"):
            read("--count", text)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_alone_prints_its_help(capfd: pytest.CaptureFixture[str], group: str) -> None:
    told = []
    for arguments in ([group], [group, "--help"], [group, "help"], ["help", group]):
        assert run(arguments) == 0
        told.append(capfd.readouterr())
    assert told[0].out.startswith(f"Usage: dsqlkit {group} ")
    assert told[0].err == ""
    assert len(set(told)) == 1


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        ([], ["--help"]),
        (["help"], ["--help"]),
        (["help", "help"], ["--help"]),
        (["help", "transfer"], ["transfer", "--help"]),
        (["help", "local", "start"], ["local", "start", "--help"]),
        (["local", "help", "start"], ["local", "start", "--help"]),
        (["local"], ["local", "--help"]),
        (["balance", "help"], ["balance", "help"]),
        (["psql", "-c", "help"], ["psql", "-c", "help"]),
    ],
)
def test_help_is_asked_for_in_words(arguments: list[str], meant: list[str]) -> None:
    assert meant_by(arguments) == meant


def test_help_of_what_is_no_command_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "balanse"]) == 2
    assert "Did you mean 'balance'?" in capfd.readouterr().err
