"""Random transactions of several sessions over random tables, interleaved: each is answered as it
is alone at its snapshot, and who commits first wins.

`make test` plays a few. `make soak` plays as long as it may, from DSQLKIT_SOAK_SEED on.
"""

import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import psycopg
import pytest

from dsqlkit.connection import connect
from dsqlkit.endpoint import Endpoint
from dsqlkit.token import TokenSigner
from tests.occ.conftest import CONFLICT
from tests.occ.interleaving import Effects, State, alone, fill, rows_of
from tests.occ.playing import MAY_LOSE, Answer, Manner, Session, answer, is_of_values
from tests.occ.random_sql import Statement, Transactions
from tests.occ.random_tables import Schema, random_rows, random_schema
from tests.support.inside import connect_inside
from tests.support.soaking import DURATION_S, SEED

SCHEMAS_IN_TEST = 10
SCHEDULES = 3
SESSIONS = 3


@dataclass(slots=True, eq=False)
class Transaction:
    """One of a schedule: in its session, with what it answered, and how many commits there were at
    its first statement and at its end."""

    session: int
    statements: list[Statement]
    commits: bool
    answers: list[Answer] = field(default_factory=list)
    began: int = 0
    ended: int = 0
    outcome: str = ""

    def __repr__(self) -> str:
        said = [f"{each.text} {each.values} -> {told}" for each, told in self.played]
        return "\n  ".join([f"session {self.session}, {self.began} to {self.ended}", *said])

    @property
    def played(self) -> Iterator[tuple[Statement, Answer]]:
        return zip(self.statements, self.answers, strict=True)


@pytest.fixture
def sessions(endpoint: Endpoint) -> Iterator[list[Session]]:
    signer = TokenSigner(endpoint)
    made: list[Session] = [connect(endpoint, signer) for _ in range(SESSIONS + 1)]
    yield made
    for each in made:
        each.close()


def play_one(sessions: list[Session], seed: int) -> None:
    """Play schedules over one schema, whose foreign keys link what transactions do."""
    chance = random.Random(seed)
    schema = random_schema(chance)
    while not any("REFERENCES" in sql for sql in schema.ddl):
        schema = random_schema(chance)
    observer = sessions[-1]
    for sql in schema.ddl:
        observer.execute(sql.encode())
    try:
        for sql in random_rows(chance, schema):
            try:
                observer.execute(sql.encode())
            except psycopg.Error:
                continue
        state = rows_of(observer, schema.real)
        for number in range(SCHEDULES):
            play_schedule(sessions, schema, state, chance, f"seed {seed}, {number}")
    finally:
        for each in sessions:
            each.execute("ROLLBACK")
        for sql in schema.gone:
            observer.execute(sql.encode())


def play_schedule(
    sessions: list[Session], schema: Schema, state: State, chance: random.Random, name: str
) -> None:
    manners = [
        Manner(0, *(chance.random() < share for share in (0.6, 0.4, 0.4))) for _ in range(SESSIONS)
    ]
    with connect_inside() as inside:
        fill(inside, schema.real, state)
        ended = list(run(sessions, schema, manners, chance))
        found = rows_of(sessions[-1], schema.real)
        states, committed = [state], list[Effects]()
        for each in ended:
            seen = states[each.began]
            manner = manners[each.session]
            wanted = alone(sessions[-1], inside, schema.real, seen, each.statements, manner)
            told = [name, *schema.ddl, *manners, *ended, "wrong is", each, wanted.answers]
            text = "\n".join(map(str, told))
            check_answers(each, wanted, text)
            rivals = [wanted.rivals(other) for other in committed[each.began : each.ended]]
            if each.outcome == "COMMIT":
                assert not wanted.failed, text
                assert True not in rivals, text
                states.append(wanted.after(states[-1]))
                committed.append(wanted)
            elif each.outcome == CONFLICT:
                assert any(other is not False for other in rivals), text
    assert found == states[-1], "\n".join(map(str, [name, *schema.ddl, *ended, found, states[-1]]))


def check_answers(each: Transaction, wanted: Effects, text: str) -> None:
    for (statement, got), expected in zip(each.played, wanted.answers, strict=True):
        if got == expected:
            continue
        if got[0] == CONFLICT and any(MAY_LOSE.search(one.text) for one in each.statements):
            each.outcome = "told at once"
            return
        assert is_of_values(got), text
        assert is_of_values(expected), f"{text}\n{statement}"
        return


def scripts(schema: Schema, chance: random.Random) -> Iterator[list[Transaction]]:
    """For each session one transaction, or two."""
    for session in range(SESSIONS):
        script = []
        for _ in range(chance.randint(1, 2)):
            # Which part of a WITH gets a row that two of them want depends on the plan.
            source = Transactions(chance, schema)
            made = (source.statement() for _ in range(chance.randint(2, 4)))
            statements = [each for each in made if not each.text.startswith(("WITH", "SELECT"))]
            script.append(Transaction(session, statements, chance.random() < 0.9))
        yield script


def run(
    sessions: Sequence[Session], schema: Schema, manners: Sequence[Manner], chance: random.Random
) -> Iterator[Transaction]:
    """Play them statement by statement, in any order; gives each as it ends."""
    waiting = list(scripts(schema, chance))
    commits = 0
    while any(waiting):
        script = chance.choice([each for each in waiting if each])
        transaction = script[0]
        session, manner = sessions[transaction.session], manners[transaction.session]
        done = len(transaction.answers)
        if not done:
            session.execute("BEGIN")
            transaction.began = commits
        if done < len(transaction.statements):
            statement = transaction.statements[done]
            transaction.answers.append(answer(session, statement, manner))
            continue
        end = Statement("COMMIT" if transaction.commits else "ROLLBACK")
        transaction.outcome = str(answer(session, end, manner)[0])
        transaction.ended = commits
        commits += transaction.outcome == "COMMIT"
        script.pop(0)
        yield transaction


def test_interleaved_transactions_answer_as_alone_and_the_first_to_commit_wins(
    sessions: list[Session],
) -> None:
    for seed in range(SCHEMAS_IN_TEST):
        play_one(sessions, seed)


@pytest.mark.soak
@pytest.mark.timeout(DURATION_S + 300)
def test_thousands_of_interleaved_transactions(sessions: list[Session]) -> None:
    end = time.monotonic() + DURATION_S
    for seed in itertools.count(1000 * SEED):
        play_one(sessions, seed)
        if time.monotonic() > end:
            break
