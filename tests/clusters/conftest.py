"""A simulated AWS account (moto's server), with a gateway before it that can misbehave."""

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.loaders import Loader

from dsqlkit.aws import clusters
from dsqlkit.cli.main import run
from tests.support.aws_gateway import Gateway
from tests.support.commands import Command, Finished

SECRET = "a-secret-key-that-nothing-may-print"


@pytest.fixture(scope="session")
def simulation() -> Iterator[int]:
    """The port of the simulated AWS."""
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    try:
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError("moto's server did not start")
        # Nobody reads what it logs from here on; a full pipe would stop it.
        with Path(os.devnull).open("w") as nowhere, server.stderr as log:
            drain = subprocess.Popen(["cat"], stdin=log, stdout=nowhere)
        yield int(found[1])
    finally:
        server.terminate()
        server.wait(10)
    drain.wait(10)


@pytest.fixture(scope="session")
def botocore_looked_through() -> Iterator[None]:
    """botocore's package is looked through once, and not for each command: some 900 folders, which
    take half of a command's time."""
    with pytest.MonkeyPatch.context() as patch:
        look = Loader.list_available_services
        once = functools.cache(lambda kind: look(Loader(), kind))
        patch.setattr(Loader, "list_available_services", lambda _, type_name: once(type_name))
        yield


@pytest.fixture(scope="session")
def one_gateway(simulation: int) -> Iterator[Gateway]:
    with Gateway(simulation).running() as gateway:
        yield gateway


@pytest.fixture
def account(
    one_gateway: Gateway, botocore_looked_through: None, monkeypatch: pytest.MonkeyPatch
) -> Gateway:
    """An account without clusters, in us-east-1, that behaves until it is told not to."""
    monkeypatch.setattr(clusters, "_FIRST_PAUSE_S", 0.02)
    one_gateway.forget()
    one_gateway.control("reset")
    one_gateway.control("state-manager/unset-transition", {"model_name": "dsql::cluster"})
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_DSQL": one_gateway.url,
        "AWS_MAX_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    return one_gateway


@pytest.fixture
def cluster(account: Gateway, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `dsqlkit cluster ...` in this process."""

    def command(*arguments: str) -> Finished:
        capfd.readouterr()
        code = run(["cluster", *arguments])
        out, err = capfd.readouterr()
        assert SECRET not in out + err
        return Finished(int(code), out, err)

    return command
