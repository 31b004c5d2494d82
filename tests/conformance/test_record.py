"""The local cluster answers as real clusters were recorded to answer (src/dsqlkit/probing)."""

from collections.abc import Callable, Iterator
from itertools import zip_longest

import pytest

from dsqlkit.endpoint import Endpoint, LocalAddress
from dsqlkit.probing.record import LIVE, Answer, Probe, record
from tests.support.inside import connect_inside
from tests.support.raw_client import RawClient, Reply
from tests.support.waiting import eventually

PROBES = [probe for probe in record() if probe.caveat is None and probe.group != LIVE]
SINGLE = [probe for probe in PROBES if len(probe.sessions) == 1]
CONCURRENT = [probe for probe in PROBES if len(probe.sessions) > 1]
# A session that a failed test left open would keep its locks.
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'admin'"
_UNFINISHED = "SELECT FROM dsqlkit.job WHERE status IN ('submitted', 'processing')"
_FRESH = (
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public AUTHORIZATION admin",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
    "SET ROLE admin",
)


@pytest.fixture(scope="module")
def reset(local_cluster: LocalAddress) -> Iterator[Callable[[Probe], None]]:
    """Gives a probe a fresh schema, past the endpoint, as that takes one exchange."""
    with connect_inside() as connection:

        def start_afresh(probe: Probe) -> None:
            assert eventually(lambda: not connection.execute(_END_SESSIONS).rowcount)
            # A late build would find the next probe's table of the same name.
            assert eventually(lambda: not connection.execute(_UNFINISHED).rowcount)
            connection.execute("; ".join([*_FRESH, *probe.schema, "RESET ROLE"]).encode())

        yield start_afresh


@pytest.fixture(autouse=True)
def _fresh(reset: Callable[[Probe], None], probe: Probe) -> None:
    reset(probe)


def _prepare(endpoint: Endpoint, probe: Probe) -> list[RawClient]:
    first = RawClient(endpoint)
    for statement in probe.setup:
        assert first.ask(statement).sqlstate is None
    return [first, *(RawClient(endpoint) for _ in probe.sessions[1:])]


def _compare(expected: Answer, reply: Reply) -> None:
    assert (reply.sqlstate, reply.message) == (expected.sqlstate, expected.message)
    if expected.sqlstate is not None:
        return
    assert len(reply.results) == len(expected.results)
    for result, want in zip(reply.results, expected.results, strict=True):
        assert result.tag == want.tag
        assert result.columns == (None if want.columns is None else list(want.columns))
        if want.rows is not None:
            assert result.rows == [list(row) for row in want.rows]


@pytest.mark.parametrize("other", [False, True], ids=["recorded", "other"])
@pytest.mark.parametrize("probe", SINGLE, ids=lambda probe: probe.name)
def test_one_session(endpoint: Endpoint, probe: Probe, other: bool) -> None:
    """`other`: by the protocol that was not recorded, where it can be sent by that."""
    (client,) = _prepare(endpoint, probe)
    for step in probe.sessions[0]:
        protocol = "simple" if other else step.protocol
        _compare(step.expect, client.ask(step.sql, protocol))
    client.close()


@pytest.mark.parametrize("probe", CONCURRENT, ids=lambda probe: probe.name)
def test_concurrent_sessions(endpoint: Endpoint, probe: Probe) -> None:
    """Of a race either session may lose, by the same step and with the same error."""
    clients = _prepare(endpoint, probe)
    ends = []
    for steps in zip_longest(*probe.sessions):
        for client, step in zip(clients, steps, strict=True):
            if step is None:
                continue
            reply = client.ask(step.sql, step.protocol)
            if probe.race and step.sql == "COMMIT":
                ends.append((reply.sqlstate, reply.message))
            else:
                _compare(step.expect, reply)
    if probe.race:
        recorded = [
            (step.expect.sqlstate, step.expect.message)
            for session in probe.sessions
            for step in session
            if step.sql == "COMMIT"
        ]
        assert sorted(ends, key=str) == sorted(recorded, key=str)
    for client in clients:
        client.close()
