"""Random schedules of two and three sessions, each answer held against the model."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dsqlkit.connection import Connection, connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.occ import driver
from tests.occ.driver import Manner
from tests.occ.model import Model, Operation

ROWS = {1: "a", 2: "b", 3: "c"}
SCHEDULES_IN_TEST = 150
SCHEDULES_IN_SOAK = 2000

VERBS = ("read", "lock", "update", "update", "update_many", "delete", "insert")
KEYS = st.integers(1, 4)
MANNERS = st.builds(
    Manner,
    bound=st.booleans(),
    returning=st.booleans(),
    binary=st.booleans(),
    qualified=st.booleans(),
    pipelined=st.booleans(),
)


@st.composite
def scripts(draw: st.DrawFn, session: int) -> list[Operation]:
    """A transaction of one to four statements, or one statement by itself."""
    count = draw(st.integers(1, 4))
    statements = [
        Operation(draw(st.sampled_from(VERBS)), draw(KEYS), f"{'xyz'[session]}{number}")
        for number in range(count)
    ]
    if count == 1 and draw(st.booleans()):
        return statements
    end = draw(st.sampled_from(("commit", "commit", "commit", "rollback")))
    return [Operation("begin"), *statements, Operation(end)]


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[int, Operation]]:
    """Two or three sessions' scripts, interleaved in any way."""
    sessions = draw(st.integers(2, 3))
    waiting = {session: draw(scripts(session)) for session in range(sessions)}
    merged = []
    while waiting:
        session = draw(st.sampled_from(sorted(waiting)))
        merged.append((session, waiting[session].pop(0)))
        if not waiting[session]:
            del waiting[session]
    return merged


@pytest.fixture(scope="module")
def sessions(endpoint: Endpoint) -> Iterator[list[Connection]]:
    signer = TokenSigner(endpoint)
    made = [connect(endpoint, signer) for _ in range(4)]
    made[3].execute("DROP TABLE IF EXISTS occ")
    made[3].execute("CREATE TABLE occ (id int PRIMARY KEY, v text)")
    yield made
    for each in made:
        each.close()


def play(sessions: list[Connection], schedule: list[tuple[int, Operation]], manner: Manner) -> None:
    observer = sessions[3]
    observer.execute("DELETE FROM occ")
    observer.execute("INSERT INTO occ VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    model = Model(ROWS)
    said = [str(manner)]
    for session, drawn in schedule:
        unmakes = drawn.verb == "delete" and model.inserted(session, drawn.key)
        # Whether a row made and gone again conflicts was not recorded of a real cluster.
        operation = Operation("read") if unmakes else drawn
        wanted = driver.expected(model.run(session, operation), operation, manner)
        got = driver.run(sessions[session], operation, manner)
        said.append(f"{session}: {operation.verb} {operation.key} -> {got}, expected {wanted}")
        assert got == wanted, "\n".join(said)
    left: dict[int, str] = dict(observer.execute("SELECT id, v FROM occ").fetchall())
    assert left == model.rows, "\n".join(said)


def end_all(sessions: list[Connection]) -> None:
    for each in sessions:
        if not each.closed and each.info.transaction_status:
            each.execute("ROLLBACK")


def play_and_end(
    sessions: list[Connection], schedule: list[tuple[int, Operation]], manner: Manner
) -> None:
    try:
        play(sessions, schedule, manner)
    finally:
        end_all(sessions)


@settings(
    max_examples=SCHEDULES_IN_TEST,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(schedule=schedules(), manner=MANNERS)
def test_every_schedule_answers_as_the_first_committer_wins(
    sessions: list[Connection], schedule: list[tuple[int, Operation]], manner: Manner
) -> None:
    play_and_end(sessions, schedule, manner)


@pytest.mark.soak
@settings(max_examples=SCHEDULES_IN_SOAK, deadline=None, phases=[Phase.generate, Phase.shrink])
@given(schedule=schedules(), manner=MANNERS)
def test_two_thousand_schedules_answer_as_the_first_committer_wins(
    sessions: list[Connection], schedule: list[tuple[int, Operation]], manner: Manner
) -> None:
    play_and_end(sessions, schedule, manner)
