"""The `dsqlkit` command: its list of commands, and the one place where errors become text."""

import gc
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import takewhile
from typing import Any, Final

import typer

from dsqlkit import interruption
from dsqlkit.cli.error_text import print_error, print_interrupted
from dsqlkit.cli.help import HelpfulGroup
from dsqlkit.cli.options import DEBUG_FLAG, JSON_FLAG, with_options
from dsqlkit.cli.parameters import Command
from dsqlkit.cli.streams import stand_in_for_closed, take_all_characters, write
from dsqlkit.cli.switched_on import SWITCHED_ON
from dsqlkit.errors import DsqlkitError, ExitCode, Interrupted, UsageError

INTERNAL_ERROR: Final = 70
"""The exit code of a defect in dsqlkit itself (EX_SOFTWARE of sysexits.h)."""

_COMMANDS: Final = {
    "workshop": "dsqlkit.cli.workshop:workshop",
    "connect": "dsqlkit.cli.connecting:connect",
    "token": "dsqlkit.cli.connecting:token",
    "env": "dsqlkit.cli.connecting:env",
    "psql": "dsqlkit.cli.connecting:psql",
    "init-accounts": "dsqlkit.cli.accounts:init_accounts",
    "balance": "dsqlkit.cli.accounts:balance",
    "transfer": "dsqlkit.cli.accounts:transfer",
    "conflict": "dsqlkit.cli.conflict:conflict",
    "load": "dsqlkit.cli.load:load",
    "load-uuids": "dsqlkit.cli.load:load",
    "bench": "dsqlkit.cli.bench:bench",
    "explain": "dsqlkit.cli.explain:explain",
    "cost": "dsqlkit.cli.cost:cost",
    "optimize": "dsqlkit.cli.optimize:optimize",
    "probe": "dsqlkit.cli.probe:probe",
    "role": "dsqlkit.cli.roles:COMMANDS",
    "cluster": "dsqlkit.cli.clusters:COMMANDS",
    "invoke": "dsqlkit.cli.invoke:invoke",
    "stack": "dsqlkit.cli.stack:COMMANDS",
    "local": "dsqlkit.cli.local_cluster:COMMANDS",
    "guide": "dsqlkit.cli.guide:guide",
    "completion": "dsqlkit.cli.completion:completion",
}
"""Where each command is found; the order is that of the workshop and of `--help`."""

_GROUPS: Final = {
    "role": "Database roles beside admin.",
    "cluster": "Clusters in your AWS account.",
    "stack": "The chapters as Lambda functions.",
    "local": "The cluster on this machine.",
}
"""The names above that hold several commands, and what they are about."""

_HELP: Final = "help"
_HIDDEN: Final = {"load-uuids"}
_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    # What is no option of ours is an option of psql, its -h included.
    "psql": {"ignore_unknown_options": True, "help_option_names": ["--help"]},
    # What comes after the command's name is the command's.
    "local run": {"allow_interspersed_args": False},
}


def build(only: str | None = None) -> typer.Typer:
    """The command line, with all its commands or with one: a command need not load the others."""
    app = typer.Typer(
        cls=HelpfulGroup,
        help="""Learn and practise Amazon Aurora DSQL, on a cluster or on this machine.

        \b
        dsqlkit workshop                              run the seven chapters
        dsqlkit transfer 1 2 10
        dsqlkit explain query
        dsqlkit help transfer                         more about one command

        Commands use the local cluster, which starts by itself, unless --endpoint, CLUSTER_ENDPOINT
        or PGHOST names another one.
        """,
        context_settings={"help_option_names": ["-h", "--help"]},
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_version)
    for name, place in _COMMANDS.items():
        if only not in (None, name):
            continue
        module, _, word = place.partition(":")
        found = getattr(import_module(module), word)
        if name in _GROUPS:
            app.add_typer(_group(name, found), name=name)
            continue
        hidden, settings = name in _HIDDEN, _SETTINGS.get(name)
        app.command(name, cls=Command, hidden=hidden, context_settings=settings)(
            with_options(found)
        )
    return app


def _group(path: str, commands: Sequence[tuple[str, Callable[..., Any]]]) -> typer.Typer:
    group = typer.Typer(cls=HelpfulGroup, help=_GROUPS[path], rich_markup_mode=None)
    for name, command in commands:
        settings = _SETTINGS.get(f"{path} {name}")
        group.command(name, cls=Command, context_settings=settings)(with_options(command))
    return group


def main() -> None:
    """Run the command line on the process's arguments, and exit with its code."""
    # Loading modules makes thousands of objects and no garbage: looking for some costs a tenth.
    gc.set_threshold(50_000)
    stand_in_for_closed()
    take_all_characters()
    interruption.catch()
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        # While an error or an interruption was being told, and the user had no patience left.
        code = interruption.exit_code()
    # The process ends with all it holds: Python need not look for garbage in it first.
    gc.freeze()
    interruption.exit_with(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Errors are printed, and raised nowhere."""
    arguments = meant_by(arguments)
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json, debug = JSON_FLAG in own, DEBUG_FLAG in own
    first = arguments[0]
    SWITCHED_ON.begin()
    try:
        code = build(first if first in _COMMANDS else None)(
            args=list(arguments), prog_name="dsqlkit", standalone_mode=False
        )
        if interruption.came():
            if interruption.is_held():
                write("Interrupted, when it was done.", sys.stderr)
            return interruption.exit_code()
        return code if isinstance(code, int) else ExitCode.DONE
    except (Interrupted, KeyboardInterrupt) as error:
        told = error if isinstance(error, Interrupted) else Interrupted("Interrupted.")
        print_interrupted(told, as_json=as_json)
        return interruption.exit_code()
    except DsqlkitError as error:
        SWITCHED_ON.name_in(error)
        print_error(error, as_json=as_json)
        _show_traceback(debug)
        return error.exit_code
    except typer.TyperException as error:
        print_error(_usage_error(error, arguments), as_json=as_json)
        return ExitCode.USAGE
    except Exception as error:
        unforeseen, code = _unforeseen(error)
        print_error(unforeseen, as_json=as_json)
        _show_traceback(debug)
        return code


def _unforeseen(error: Exception) -> tuple[DsqlkitError, int]:
    """What to say of an error that no part of the library has told in its own words, and with which
    exit code: of one of the database that, of any other that it is a defect."""
    # Loaded if it is the driver's: most commands that end before they connect never load it.
    driver = sys.modules.get("psycopg")
    if driver is not None and isinstance(error, driver.Error):
        from dsqlkit.sql_errors import sql_error

        told = sql_error(error)
        return told, told.exit_code
    defect = DsqlkitError(
        f"A defect in dsqlkit: {type(error).__name__}: {error}.",
        hint="Please report it with the output of the same command with --debug.",
    )
    defect.code = "defect"
    return defect, INTERNAL_ERROR


def meant_by(arguments: Sequence[str]) -> list[str]:
    """The arguments that are meant: `help X` is `X --help`, and a group alone shows its help."""
    words = list(arguments)
    group, rest = (words[:1], words[1:]) if words[:1] and words[0] in _GROUPS else ([], words)
    asked = list(takewhile(lambda word: word == _HELP, rest))
    if asked or not rest:
        return [*group, *rest[len(asked) :], "--help"]
    return words


def _usage_error(error: typer.TyperException, arguments: Sequence[str]) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dsqlkit"
    after = arguments[len(path.split()) - 1 :]
    hint = f"See `{path} --help`."
    if after[:1] and after[0].startswith("-") and not all(word.startswith("-") for word in after):
        hint = f"A command's options come after its name: {path} COMMAND {after[0]}"
    return UsageError(error.format_message(), hint=hint)


def _show_traceback(debug: bool) -> None:
    if debug:
        write(traceback.format_exc(), sys.stderr)


def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from dsqlkit import __version__

        write(f"dsqlkit {__version__}")
        raise typer.Exit
