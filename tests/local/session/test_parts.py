"""A session without a cluster: every turn has what carries it out; failures are told by name."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dsqlkit.local.apart import Apart
from dsqlkit.local.faults import ActiveFaults, Faults
from dsqlkit.local.occ.adjudicator import Adjudicator
from dsqlkit.local.session.session import Session
from dsqlkit.local.session.turns import Turn


def with_session(look: Callable[[Session, list[Session]], None]) -> None:
    """Look at a session that nobody is connected to, and at those that have ended."""

    async def main() -> None:
        adjudicator = Adjudicator(Path("nowhere"))
        ended: list[Session] = []
        session = Session(
            role="teller",
            adjudicator=adjudicator,
            faults=ActiveFaults(Faults()),
            apart=Apart(),
            on_job=lambda: None,
            on_end=ended.append,
        )
        look(session, ended)
        for _ in range(3):
            await asyncio.sleep(0)
        adjudicator.watch.stop()

    asyncio.run(main())


def test_every_turn_is_carried_out() -> None:
    def look(session: Session, _ended: list[Session]) -> None:
        assert {*session._outside, *session._inside} == set(Turn)

    with_session(look)


def test_a_session_shows_who_it_is_and_what_it_does() -> None:
    def look(session: Session, _ended: list[Session]) -> None:
        assert repr(session) == "<session 0 of teller, no transaction, the sign-in>"

    with_session(look)


def test_work_that_fails_ends_its_session_and_is_logged_by_its_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails() -> None:
        raise ValueError("of no use")

    everybody: list[list[Session]] = []

    def look(session: Session, ended: list[Session]) -> None:
        everybody.append(ended)
        session._parts.do("counting the stars", fails())

    with_session(look)
    assert len(everybody[0]) == 1
    (record,) = caplog.records
    assert record.getMessage() == "session 0: counting the stars failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
