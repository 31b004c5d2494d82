"""Functions in processes of their own, on the suite's local cluster."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from dsqlkit import accounts, local
from dsqlkit.aws.bundle import own_files
from dsqlkit.aws.handlers import HANDLERS
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import LocalAddress
from tests.functions.runtime_api import FunctionProcess, running

NAME = "local.dsql.us-east-1.on.aws"
"""A name of the local cluster that is formed as a cluster's on AWS is."""

Start = Callable[..., FunctionProcess]


@pytest.fixture(scope="session")
def task_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dsqlkit as the functions' zip has it: without the command line and the local cluster."""
    folder = tmp_path_factory.mktemp("task")
    for place, file in own_files().items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / place)
    return folder


@pytest.fixture(scope="session")
def function_environment(local_cluster: LocalAddress) -> dict[str, str]:
    """What leads a function to the local cluster, where on AWS the names and roots are public."""
    return {
        "CLUSTER_ENDPOINT": f"{NAME}:{local_cluster.port}",
        "PGHOSTADDR": "127.0.0.1",
        "SSL_CERT_FILE": local_cluster.root_certificate,
        "REGION": local_cluster.region,
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": local_cluster.access_key_id,
        "AWS_SECRET_ACCESS_KEY": local_cluster.secret_access_key,
    }


@pytest.fixture
def bank(connections: KeptConnection) -> Iterator[KeptConnection]:
    """Accounts 1 to 10 with 100 each, anew; no fault outlives the test."""
    accounts.initialise(connections, 10)
    yield connections
    local.set_faults(local.Faults())


@pytest.fixture
def start(task_root: Path, function_environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a chapter's function anew: start(5), or start(5, CLUSTER_ENDPOINT="elsewhere")."""
    with ExitStack() as stack:

        def starting(chapter: int, **changed: str) -> FunctionProcess:
            environment = function_environment | changed
            log = tmp_path / f"chapter-{chapter}.log"
            return stack.enter_context(running(HANDLERS[chapter], task_root, environment, log))

        yield starting


@pytest.fixture(scope="module")
def function(
    task_root: Path,
    function_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Start]:
    """A chapter's function that other tests have invoked too: function(5)."""
    folder = tmp_path_factory.mktemp("functions")
    with ExitStack() as stack:

        @cache
        def started(chapter: int) -> FunctionProcess:
            log = folder / f"chapter-{chapter}.log"
            return stack.enter_context(
                running(HANDLERS[chapter], task_root, function_environment, log)
            )

        yield started
