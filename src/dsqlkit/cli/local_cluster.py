"""`local start`, `stop`, `status`, `reset`, `env`, `logs`: the cluster on this machine."""

import shlex
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from dsqlkit.cli.options import ErrorOptions, OutputOptions, Yes
from dsqlkit.cli.output import Output, label_of, table_of, write
from dsqlkit.errors import DsqlkitError

if TYPE_CHECKING:
    from dsqlkit.local import LocalStatus


def start(options: OutputOptions) -> None:
    """Start the local cluster, unless it runs already.

    \b
    dsqlkit local start
    """
    from dsqlkit import local

    output = Output(options)
    with output.status("Starting the local cluster ..."):
        status = local.start()
    _show(output, status)
    output.next_step("dsqlkit workshop")


def stop(options: OutputOptions) -> None:
    """Stop the local cluster. Its data stays."""
    from dsqlkit import local

    output = Output(options)
    _show(output, local.stop())


def status(options: OutputOptions) -> None:
    """Say whether it runs, where it listens, where its data is."""
    from dsqlkit import local

    _show(Output(options), local.status())


def reset(options: OutputOptions, yes: Yes = False) -> None:
    """Stop the local cluster and delete its data.

    \b
    dsqlkit local reset --yes
    """
    from dsqlkit import local

    output = Output(options)
    output.confirm("All data of the local cluster would be deleted.", yes=yes)
    _show(output, local.reset())


def env(options: ErrorOptions) -> None:
    """Print `export` lines that let any AWS SDK sign for it.

    \b
    eval "$(dsqlkit local env)"
    """
    from dsqlkit import local

    del options
    address = local.ensure_running()
    values = {
        "AWS_ACCESS_KEY_ID": address.access_key_id,
        "AWS_SECRET_ACCESS_KEY": address.secret_access_key,
        # Some SDKs read the one, some the other.
        "AWS_REGION": address.region,
        "AWS_DEFAULT_REGION": address.region,
        "CLUSTER_ENDPOINT": f"{address.host}:{address.port}",
        "PGSSLROOTCERT": address.root_certificate,
    }
    # A session token of other credentials would make these two keys useless.
    write("unset AWS_SESSION_TOKEN")
    for name, value in values.items():
        write(f"export {name}={shlex.quote(value)}")


def logs(
    options: ErrorOptions,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=1, metavar="N", help="How many, from the end.")
    ] = 50,
) -> None:
    """Print the end of the local cluster's log."""
    from dsqlkit import local

    del options
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
    ("reset", reset),
    ("env", env),
    ("logs", logs),
)


def _show(output: Output, status: "LocalStatus") -> None:
    document = asdict(status)
    output.result(
        document,
        lambda: table_of(
            {label_of(name): _word(value) for name, value in document.items() if value is not None}
        ),
    )


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
