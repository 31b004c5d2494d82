"""`local run`: a command with a cluster of its own, for tests and CI."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dsqlkit.cli.error_text import print_error
from dsqlkit.cli.local_env import (
    ENDPOINT_NAMES,
    OTHER_CREDENTIALS,
    REGION_NAMES,
    signing_variables,
)
from dsqlkit.cli.options import ErrorOptions
from dsqlkit.errors import DsqlkitError

if TYPE_CHECKING:
    from dsqlkit.local import OwnCluster

NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
"""The exit codes of a shell, and of env and nohup, where there is no such command."""

_FROM_THE_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON: Final = (
    *_FROM_THE_TERMINAL,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def run(
    options: ErrorOptions,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="What to run, with its arguments.")
    ],
    port: Annotated[
        int | None, typer.Option(metavar="N", help="Listen there.  [default: any that is free]")
    ] = None,
) -> int:
    """Run a command with a local cluster of its own.

    The cluster is empty, and gone afterwards. The command's environment has what psql, AWS's SDKs
    and dsqlkit read to find it (PG..., AWS_..., CLUSTER_ENDPOINT), with a token that is good for a
    week. The exit code is the command's.

    \b
    dsqlkit local run -- pytest -x
    dsqlkit local run --port 5432 -- make test
    """
    del options
    program = shutil.which(command[0])
    if program is None:
        print_error(DsqlkitError(f"There is no command {command[0]}."), as_json=False)
        return NOT_FOUND
    from dsqlkit.local import own_cluster

    # What signing needs takes as long to load as the cluster to start.
    Thread(target=import_module, args=["botocore.auth"], daemon=True).start()
    with own_cluster(port=port) as cluster:
        return _run([program, *command[1:]], environment_of(cluster, os.environ))


def environment_of(cluster: "OwnCluster", caller: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment, with this cluster in place of any other."""
    from dsqlkit import libpq
    from dsqlkit.cli.connecting import client_environment
    from dsqlkit.cluster_names import REGION_VARIABLES
    from dsqlkit.endpoint import LOCAL, resolve
    from dsqlkit.quotas import MAX_TOKEN_LIFE_S

    address = cluster.address
    endpoint = resolve(
        LOCAL, environ={}, start_local=lambda: address, local_address=lambda: address
    )
    kept = libpq.for_psql(caller, client_environment(endpoint, MAX_TOKEN_LIFE_S))
    for name in OTHER_CREDENTIALS:
        kept.pop(name, None)
    signing = signing_variables(address)
    own = {
        **signing,
        "CLUSTER_USER": endpoint.user,
        **dict.fromkeys(ENDPOINT_NAMES, signing["CLUSTER_ENDPOINT"]),
        **dict.fromkeys((*REGION_VARIABLES, *REGION_NAMES), address.region),
    }
    return {**kept, **own, **cluster.variables}


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    with _passed_on() as pass_on:
        try:
            process = subprocess.Popen(command, env=environment)  # noqa: S603 - what was asked for
        except OSError as error:
            told = DsqlkitError(f"{command[0]} cannot be run: {error.strerror}.")
            print_error(told, as_json=False)
            return NOT_EXECUTABLE
        pass_on(process)
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _passed_on() -> "Generator[Callable[[subprocess.Popen[bytes]], None], None, None]":
    """Let signals reach the command, and do nothing else to us, who remove its cluster."""
    to: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        # What is typed on a terminal reaches all who run on it, the command too.
        if number in _FROM_THE_TERMINAL and _is_foreground():
            return
        if not to:
            early.append(number)
            return
        with suppress(ProcessLookupError):
            to[0].send_signal(number)

    def begin(process: "subprocess.Popen[bytes]") -> None:
        to.append(process)
        for number in early:
            process.send_signal(number)

    before = {
        number: signal.signal(number, pass_on)
        for number in _PASSED_ON
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield begin
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_foreground() -> bool:
    """Whether a terminal sends what is typed there to this process."""
    with suppress(OSError):
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
