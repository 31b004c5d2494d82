"""`local start`, `stop`, `status`, `set`, `reset`, `logs`: the cluster on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit import interruption
from dsqlkit.cli.local_env import env
from dsqlkit.cli.local_run import run
from dsqlkit.cli.options import ErrorOptions, OutputOptions, Yes
from dsqlkit.cli.output import Output
from dsqlkit.cli.streams import write
from dsqlkit.cli.switched_on import names_of
from dsqlkit.cli.wording import OPTIONS
from dsqlkit.errors import DsqlkitError, ExitCode, Interrupted, UsageError

if TYPE_CHECKING:
    from dsqlkit.local import Faults, LocalStatus


_STOPPED: Final = "The local cluster is stopped. Its data stays."
_NOT_RUNNING: Final = "The local cluster was not running."
_EMPTIED: Final = "The local cluster runs and is empty; its sessions and faults are gone."
_RESET: Final = "The local cluster is stopped; its data is deleted and its faults are off."


@dataclass(frozen=True)
class FaultOptions(OutputOptions):
    """Faults of the local cluster; what is not given stays as it is."""

    conflict_rate: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Fail this share of COMMITs, 0 to 1, with a conflict."),
    ] = None
    conflict_every: Annotated[
        int | None, typer.Option(metavar="N", help="Fail every N-th COMMIT with a conflict.")
    ] = None
    round_trip_ms: Annotated[
        float | None, typer.Option(metavar="MS", help="Delay each round trip.")
    ] = None
    commit_ms: Annotated[float | None, typer.Option(metavar="MS", help="Delay each COMMIT.")] = None
    cut_before_commit: Annotated[
        int | None,
        typer.Option(metavar="N", help="Cut the connection at every N-th COMMIT; it is not done."),
    ] = None
    cut_after_commit: Annotated[
        int | None,
        typer.Option(metavar="N", help="The same, after it is done but before it is answered."),
    ] = None
    connection_age_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="Close connections at this age, not at 60 minutes."),
    ] = None
    transaction_age_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="Fail transactions from this age on, not from 300 s."),
    ] = None
    token_age_s: Annotated[
        int | None, typer.Option(metavar="S", help="Refuse tokens from this age on.")
    ] = None
    none: Annotated[bool, typer.Option("--none", help="Switch all faults off.")] = False


def start(
    options: FaultOptions,
    trace: Annotated[
        bool,
        typer.Option("--trace", help="Log a line for each turn of each session, without data."),
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Listen there, now and at each later start; 0 is any that is free."
        ),
    ] = None,
) -> None:
    """Start the local cluster, unless it runs already.

    All but --port and --trace switch faults on, as `local set` does.

    \b
    dsqlkit local start
    dsqlkit local start --port 5432
    dsqlkit local start --conflict-rate 0.2
    """
    from dsqlkit import local
    from dsqlkit.cli.local_view import show

    output = Output(options)
    faults = _asked_for(options)
    if faults is not None:
        local.set_faults(faults)
    with output.status("Starting the local cluster ..."):
        try:
            status = local.start(trace=trace, port=port)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "Interrupted. The local cluster may go on starting.",
                hint="`dsqlkit local status` says whether it runs, `dsqlkit local stop` stops it.",
            ) from error
    show(output, status)
    output.next_step("dsqlkit workshop")


def stop(options: OutputOptions) -> None:
    """Stop the local cluster. Its data stays."""
    from dsqlkit import local

    output = Output(options)
    ran = local.status().running
    _tell(output, local.stop(), _STOPPED if ran else _NOT_RUNNING)


def status(
    options: OutputOptions,
    sessions: Annotated[
        bool,
        typer.Option("--sessions", help="Say what each session is doing, and what it waits for."),
    ] = False,
) -> int:
    """Say whether it runs and answers, where it listens, its data.

    The exit code is 3 when it does not run, or runs and does not answer.

    \b
    dsqlkit local status --sessions
    """
    from dsqlkit import local
    from dsqlkit.cli.local_view import show

    output = Output(options)
    # First, as the knock is a session too, and its end takes a moment.
    present = local.sessions() if sessions else None
    found = local.status(knock=True)
    show(output, found, present)
    if found.answers is False:
        output.notice(
            "\nIt runs and does not answer. A PostgreSQL that ended is started again within"
            f" seconds. If it stays so: {local.HOW_TO_MEND}"
        )
    return ExitCode.DONE if found.answers else ExitCode.NO_CONNECTION


def set_(options: FaultOptions) -> None:
    """Switch faults on or off, to try out retries.

    They act at once on a running cluster and stay on over restarts. 0 switches one off, `--none`
    all, and so does `local reset`. The COMMITs that count are those of changes.

    \b
    dsqlkit local set --conflict-rate 0.2 --round-trip-ms 5
    dsqlkit local set --cut-after-commit 10
    dsqlkit local set --none
    """
    from dsqlkit import local

    output = Output(options)
    faults = _asked_for(options)
    if faults is None:
        from dsqlkit.local.faults import NAMES

        known = ", ".join(OPTIONS[name] for name in NAMES)
        raise UsageError("Nothing to set.", hint=f"Give {known}, or --none.")
    now = local.set_faults(faults)
    when = "now" if now.running else "from its next start on"
    _tell(output, now, f"Faults of the local cluster {when}: {names_of(faults) or 'none'}.")


def reset(
    options: OutputOptions,
    keep_running: Annotated[
        bool,
        typer.Option("--keep-running", help="Do not stop it; sessions that are open are closed."),
    ] = False,
    yes: Yes = False,
) -> None:
    """Stop the local cluster, delete its data, switch its faults off.

    \b
    dsqlkit local reset --yes
    dsqlkit local reset --keep-running --yes
    """
    from dsqlkit import local

    output = Output(options)
    output.confirm("All data of the local cluster would be deleted.", yes=yes)
    # Data that is half removed would be in the way of the next start.
    with interruption.held():
        done = local.reset(keep_running=keep_running)
        _tell(output, done, _EMPTIED if done.running else _RESET)


def logs(
    options: ErrorOptions,
    lines: Annotated[
        int, typer.Option("--lines", "-n", metavar="N", help="How many, from the end.")
    ] = 50,
) -> None:
    """Print the end of the local cluster's log."""
    from dsqlkit import local

    del options
    if lines < 1:
        raise UsageError("--lines must be at least 1.")
    file = local.log_file()
    if not file.exists():
        raise DsqlkitError(
            "The local cluster has no log yet.", hint="`dsqlkit local start` starts it."
        )
    text = file.read_text(encoding="utf-8", errors="replace")
    write("\n".join(text.splitlines()[-lines:]))


COMMANDS: Final[tuple[tuple[str, Callable[..., Any]], ...]] = (
    ("start", start),
    ("stop", stop),
    ("status", status),
    ("set", set_),
    ("reset", reset),
    ("env", env),
    ("run", run),
    ("logs", logs),
)


def _asked_for(options: FaultOptions) -> "Faults | None":
    """The faults as they are to be, or None when the options say nothing of them."""
    from dsqlkit import local
    from dsqlkit.local.faults import NAMES

    given = {name: getattr(options, name) for name in NAMES}
    named = any(value is not None for value in given.values())
    if options.none and named:
        raise UsageError("--none switches all faults off: give it alone.")
    if options.none:
        return local.Faults()
    local.Faults().changed(given)  # a wrong value is found before anything is touched
    return local.status().faults.changed(given) if named else None


def _tell(output: Output, status: "LocalStatus", sentence: str) -> None:
    """Say what was done; a program gets the cluster as it is now."""
    from dsqlkit.cli.local_view import document_of

    output.result(document_of(status), lambda: sentence)
