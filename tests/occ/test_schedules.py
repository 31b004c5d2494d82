"""Random schedules of two and three sessions, each answer held against the model.

`make test` plays 80 of each kind. `make soak` plays 2,000 of each kind, or as many as
DSQLKIT_SCHEDULES says.
"""

import os
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

PARENTS = {1: "a", 2: "b", 3: "c"}
CHILDREN = {1: 1}
SCHEDULES_IN_TEST = 80
SCHEDULES_IN_SOAK = int(os.environ.get("DSQLKIT_SCHEDULES", "2000"))

WRITES = (
    "update",
    "update",
    "update_many",
    "delete",
    "insert",
    "insert_many",
    "insert_missing",
    "upsert",
    "copy",
)
# What FOR UPDATE and FOR KEY SHARE of one row do to each other was not recorded: so never both.
GRAMMARS = {
    "locks and cursors": (*WRITES, "read", "lock", "lock", "declare", "fetch", "fetch"),
    "references": (*WRITES, "read", "read_children", "share", "adopt", "adopt", "disown"),
}
KEYS = st.integers(1, 4)
MANNERS = st.builds(
    Manner,
    bound=st.booleans(),
    returning=st.booleans(),
    binary=st.booleans(),
    qualified=st.booleans(),
    pipelined=st.booleans(),
)

Schedule = list[tuple[int, Operation]]


@st.composite
def operations(draw: st.DrawFn, verbs: tuple[str, ...], session: int, number: int) -> Operation:
    verb = draw(st.sampled_from(verbs))
    child = f"{session + 1}{number}"
    return Operation(verb, draw(KEYS), child if verb == "adopt" else f"{'xyz'[session]}{number}")


@st.composite
def scripts(draw: st.DrawFn, verbs: tuple[str, ...], session: int) -> list[Operation]:
    """A transaction of one to four statements, or one statement by itself."""
    count = draw(st.integers(1, 4))
    statements = [draw(operations(verbs, session, number)) for number in range(count)]
    if count == 1 and draw(st.booleans()):
        return statements
    end = draw(st.sampled_from(("commit", "commit", "commit", "rollback")))
    return [Operation("begin"), *statements, Operation(end)]


@st.composite
def schedules(draw: st.DrawFn, verbs: tuple[str, ...]) -> Schedule:
    """Two or three sessions' scripts, interleaved in any way."""
    sessions = draw(st.integers(2, 3))
    waiting = {session: draw(scripts(verbs, session)) for session in range(sessions)}
    merged = []
    while waiting:
        session = draw(st.sampled_from(sorted(waiting)))
        merged.append((session, waiting[session].pop(0)))
        if not waiting[session]:
            del waiting[session]
    return merged


PLAIN = ""
FILLED_IN = ", made text DEFAULT clock_timestamp()::text"
"""A column that is something else each time: what was inserted is kept, not its statement."""


@pytest.fixture(scope="module")
def sessions(endpoint: Endpoint, request: pytest.FixtureRequest) -> Iterator[list[Connection]]:
    more = getattr(request, "param", PLAIN)
    signer = TokenSigner(endpoint)
    made = [connect(endpoint, signer) for _ in range(4)]
    parents, children = (
        "id int PRIMARY KEY, v text",
        "id int PRIMARY KEY, parent int REFERENCES occ",
    )
    made[3].execute(f"CREATE TABLE occ ({parents}{more})".encode())
    made[3].execute(f"CREATE TABLE occ_child ({children}{more})".encode())
    yield made
    made[3].execute("DROP TABLE occ_child, occ")
    for each in made:
        each.close()


def play(sessions: list[Connection], schedule: Schedule, manners: list[Manner]) -> None:
    observer = sessions[3]
    observer.execute("DELETE FROM occ_child")
    observer.execute("DELETE FROM occ")
    observer.execute("INSERT INTO occ VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    observer.execute("INSERT INTO occ_child VALUES (1, 1)")
    model = Model(PARENTS, CHILDREN)
    said = [str(manner) for manner in manners]
    for session, drawn in schedule:
        operation = drawn if model.is_recorded(session, drawn) else Operation("read")
        manner = manners[session]
        wanted = driver.expected(model.run(session, operation), operation, manner)
        got = driver.run(sessions[session], operation, manner)
        said.append(f"{session}: {operation.verb} {operation.key} -> {got}, expected {wanted}")
        assert got == wanted, "\n".join(said)
    parents: dict[int, str] = dict(observer.execute("SELECT id, v FROM occ").fetchall())
    children: dict[int, int] = dict(observer.execute("SELECT id, parent FROM occ_child").fetchall())
    assert (parents, children) == (model.state.parents, model.state.children), "\n".join(said)


def end_all(sessions: list[Connection]) -> None:
    for each in sessions:
        if not each.closed and each.info.transaction_status:
            each.execute("ROLLBACK")


def draw_and_play(data: st.DataObject, sessions: list[Connection], grammar: str) -> None:
    schedule = data.draw(schedules(GRAMMARS[grammar]))
    manners = data.draw(st.lists(MANNERS, min_size=3, max_size=3))
    try:
        play(sessions, schedule, manners)
    finally:
        end_all(sessions)


@pytest.mark.parametrize("grammar", GRAMMARS)
@settings(
    max_examples=SCHEDULES_IN_TEST,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_every_schedule_answers_as_the_first_committer_wins(
    sessions: list[Connection], grammar: str, data: st.DataObject
) -> None:
    draw_and_play(data, sessions, grammar)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sessions", [PLAIN, FILLED_IN], ids=["plain", "filled in"], indirect=True)
@pytest.mark.parametrize("grammar", GRAMMARS)
@settings(max_examples=SCHEDULES_IN_SOAK, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_thousands_of_schedules_answer_as_the_first_committer_wins(
    sessions: list[Connection], grammar: str, data: st.DataObject
) -> None:
    draw_and_play(data, sessions, grammar)
