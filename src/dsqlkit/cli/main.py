"""The `dsqlkit` command: its list of commands, and the one place where errors become text."""

import sys
import traceback
from collections.abc import Sequence
from typing import Final

import typer

from dsqlkit.cli import (
    accounts,
    connecting,
    explain,
    load,
    local_cluster,
    optimize,
    workshop,
)
from dsqlkit.cli.options import DEBUG_FLAG, JSON_FLAG, with_options
from dsqlkit.cli.output import print_error, print_interrupted, write
from dsqlkit.errors import DsqlkitError, ExitCode, Interrupted, UsageError

INTERNAL_ERROR: Final = 70
"""The exit code of a defect in dsqlkit itself (EX_SOFTWARE of sysexits.h)."""

_PLAIN = {"add_completion": False, "rich_markup_mode": None, "pretty_exceptions_enable": False}


def build() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        help="""Learn and practise Amazon Aurora DSQL, on a cluster or on this machine.

        \b
        dsqlkit workshop                              run chapters 3 to 7
        dsqlkit transfer --payer 1 --payee 2 --amount 10
        dsqlkit explain query

        Commands use the local cluster, which starts by itself, unless --endpoint, CLUSTER_ENDPOINT
        or PGHOST names another one.
        """,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_version)
    for name, command in (
        ("workshop", workshop.workshop),
        ("connect", connecting.connect),
        ("token", connecting.token),
        ("env", connecting.env),
        ("init-accounts", accounts.init_accounts),
        ("balance", accounts.balance),
        ("transfer", accounts.transfer),
        ("load", load.load),
        ("explain", explain.explain),
        ("optimize", optimize.optimize),
    ):
        app.command(name)(with_options(command))
    app.command("load-uuids", hidden=True)(with_options(load.load))
    pass_through = {"ignore_unknown_options": True}
    app.command("psql", context_settings=pass_through)(with_options(connecting.psql))
    local = typer.Typer(help="The cluster on this machine.", rich_markup_mode=None)
    for name, command in local_cluster.COMMANDS:
        local.command(name)(with_options(command))
    app.add_typer(local, name="local")
    return app


def main() -> None:
    """Run the command line on the process's arguments, and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Errors are printed, and raised nowhere."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json, debug = JSON_FLAG in own, DEBUG_FLAG in own
    try:
        code = build()(
            args=list(arguments) or ["--help"], prog_name="dsqlkit", standalone_mode=False
        )
        return code if isinstance(code, int) else ExitCode.DONE
    except (Interrupted, KeyboardInterrupt):
        print_interrupted(as_json=as_json)
        return ExitCode.INTERRUPTED
    except DsqlkitError as error:
        print_error(error, as_json=as_json)
        _show_traceback(debug)
        return error.exit_code
    except typer.TyperException as error:
        print_error(_usage_error(error), as_json=as_json)
        return ExitCode.USAGE
    except Exception as error:
        defect = DsqlkitError(
            f"A defect in dsqlkit: {type(error).__name__}: {error}.",
            hint="Please report it with the output of the same command with --debug.",
        )
        defect.code = "defect"
        print_error(defect, as_json=as_json)
        _show_traceback(debug)
        return INTERNAL_ERROR


def _usage_error(error: typer.TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "dsqlkit"
    return UsageError(error.format_message(), hint=f"See `{path} --help`.")


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
