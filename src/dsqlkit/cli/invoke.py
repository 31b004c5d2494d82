"""`invoke`: a chapter's Lambda function, run here."""

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from dsqlkit import interruption
from dsqlkit.cli.endpoint import endpoint_of
from dsqlkit.cli.json_text import print_json
from dsqlkit.cli.options import DatabaseOptions
from dsqlkit.cli.output import Output, counted, table_of
from dsqlkit.cli.parameters import BY_POSITION
from dsqlkit.cli.text_input import STDIN, argument_text, file_text, stdin_text
from dsqlkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from dsqlkit.aws.handlers.environment import Record
    from dsqlkit.aws.invocation import Load


def invoke(
    options: DatabaseOptions,
    chapter: Annotated[int, typer.Argument(metavar="CHAPTER", help="1, or 3 to 7.")],
    payload: Annotated[
        str,
        typer.Option(metavar="JSON", help="The request; `@FILE` reads a file, `-` reads stdin."),
        BY_POSITION,
    ],
    repeat: Annotated[
        int | None, typer.Option(metavar="N", help="Invoke it N times, and print a summary.")
    ] = None,
    threads: Annotated[
        int, typer.Option(metavar="T", help="With --repeat: at a time, each with a connection.")
    ] = 1,
) -> int:
    """Run a chapter's Lambda function here.

    Its response is printed; with -v its log goes to stderr. With --repeat, the exit code is the
    gravest among the invocations.

    \b
    dsqlkit invoke 1 --payload '{"name": "reinvent"}'
    dsqlkit invoke 3 '{"id": 1}'
    dsqlkit invoke 5 --payload @transfer.json --repeat 1000 --threads 8
    """
    from dsqlkit.aws.invocation import Invoker, function_of
    from dsqlkit.aws.invocation import invoke as invoke_once

    function_of(chapter)
    event = _event(payload)
    output = Output(options)

    def note(record: "Record") -> None:
        if options.verbose:
            output.notice(json.dumps(record, ensure_ascii=False))

    if repeat is None:
        if threads != 1:
            raise UsageError("--threads is for many invocations.", hint="Give --repeat too.")
        print_json(invoke_once(chapter, event, lambda: endpoint_of(options, output), note))
        return ExitCode.DONE
    # Found once, so that threads do not start the local cluster side by side.
    endpoint = endpoint_of(options, output)
    invoker = Invoker(chapter, event, lambda: endpoint, count=repeat, threads=threads)
    with (
        output.progress("Invoking", repeat, "invocations") as advance,
        interruption.calls(invoker.stop),
    ):
        load = invoker.run(advance)
    output.result(document_of(load), lambda: text_of(load))
    return load.worst if load.complete else ExitCode.INTERRUPTED


def document_of(load: "Load") -> dict[str, Any]:
    """A load as JSON has it."""
    from dataclasses import asdict

    latency = load.latency_ms and {
        name: round(value, 3) for name, value in asdict(load.latency_ms).items()
    }
    return {
        "invocations": load.invocations,
        "done": load.done,
        "errors": load.errors,
        "attempts": load.attempts,
        "latency_ms": latency,
        "per_second": round(load.per_second, 1),
        "elapsed_ms": round(load.elapsed_ms, 3),
    }


def text_of(load: "Load") -> str:
    """A load for people."""
    errors = [f"{times:,} {word}" for word, times in load.errors.items()]
    attempts = [
        f"{counted(number, 'attempt', 'attempts')}: {times:,}"
        for number, times in load.attempts.items()
    ]
    latency = load.latency_ms
    rows = {
        "Invocations": f"{load.invocations:,} in {load.elapsed_ms / 1000:.1f} s, "
        f"{load.per_second:,.0f}/s",
        "Done": f"{load.done:,}",
        "Errors": ", ".join(errors) or "none",
        "Attempts": ", ".join(attempts) or "none",
    }
    if latency is not None:
        rows["Latency"] = (
            f"median {latency.p50:.1f} ms, p95 {latency.p95:.1f} ms, p99 {latency.p99:.1f} ms, "
            f"at most {latency.max:.1f} ms"
        )
    return ("" if load.complete else "Interrupted.\n") + table_of(rows)


def _event(payload: str) -> object:
    """The request. Its decimals stay decimals. Raises UsageError unless the payload is JSON."""
    if payload == STDIN:
        text = stdin_text()
    elif payload.startswith("@"):
        text = file_text(Path(payload[1:]))
    else:
        text = argument_text("The payload", payload)
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"The payload is not JSON: {error}.", hint="""It looks like '{"id": 1}', quoted."""
        ) from error


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
