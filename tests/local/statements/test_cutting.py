"""The step cutter: the same steps however the bytes arrive, and nothing kept that is given up."""

import random
import tracemalloc
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqlkit.local.dialect.reading import read
from dsqlkit.local.statements.cutting import WANTED, StepCutter
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import (
    FLUSH,
    INT32,
    RUN,
    SYNC,
    FrameCutter,
    Frontend,
    ProtocolViolation,
    message,
)


def cut(pieces: list[bytes], *, pausing: bool = False) -> tuple[list[Step], str | None]:
    """The steps of a client's stream, and why it was refused. `pausing`: each piece is all that the
    client has sent by then."""
    frames, steps = FrameCutter(set(WANTED), limit=100_000), StepCutter(read)
    found = []
    try:
        for piece in pieces:
            for kind, frame in frames.feed(piece):
                if kind != RUN:
                    found += list(steps.feed(kind, frame))
            if pausing:
                found += steps.pause()
    except ProtocolViolation as violation:
        return found, str(violation)
    return found, None


def parse(name: bytes, sql: bytes) -> bytes:
    return message(Frontend.PARSE, name + b"\0" + sql + b"\0\0\0")


def bind(portal: bytes, name: bytes, value: bytes = b"") -> bytes:
    values = b"\0\1" + INT32.pack(len(value)) + value
    return message(Frontend.BIND, portal + b"\0" + name + b"\0\0\0" + values + b"\0\0")


def execute(portal: bytes, rows: int = 0) -> bytes:
    return message(Frontend.EXECUTE, portal + b"\0" + INT32.pack(rows))


def close(kind: bytes, name: bytes) -> bytes:
    return message(Frontend.CLOSE, kind + name + b"\0")


NAMES = st.sampled_from([b"", b"a", b"b"])
SQL = st.sampled_from([b"BEGIN", b"COMMIT", b"SELECT 1", b"UPDATE t SET v = $1", b"nonsense ("])
FRAMES = st.lists(
    st.one_of(
        st.builds(lambda sql: message(Frontend.QUERY, sql + b"\0"), SQL),
        st.builds(parse, NAMES, SQL),
        st.builds(bind, NAMES, NAMES, st.binary(max_size=10)),
        st.builds(execute, NAMES),
        st.builds(close, st.sampled_from([b"S", b"P"]), NAMES),
        st.sampled_from(
            [SYNC, FLUSH, message(Frontend.DESCRIBE, b"S\0"), message(Frontend.COPY_DATA, b"row")]
        ),
        st.builds(message, st.sampled_from(b"PBECQ"), st.binary()),
    ),
    max_size=15,
)


@given(frames=FRAMES, cuts=st.lists(st.integers(1, 60), max_size=30))
def test_steps_do_not_depend_on_how_the_bytes_arrive(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames)
    whole = cut([stream])
    pieces = []
    for size in [*cuts, len(stream)]:
        pieces.append(stream[:size])
        stream = stream[size:]
    assert cut(pieces) == whole


@given(frames=FRAMES)
def test_steps_leave_out_nothing_that_has_ended(frames: list[bytes]) -> None:
    steps, violation = cut([*frames, SYNC])
    if violation is None:
        kept = [frame for frame in frames if frame[:1] != b"d"]
        assert b"".join(step.data for step in steps) == b"".join([*kept, SYNC])
        assert steps[-1].end is End.SYNC


def test_an_execute_knows_the_bind_of_an_earlier_step() -> None:
    bound = bind(b"", b"", b"1")
    pieces = [parse(b"", b"SELECT $1") + SYNC + bound + FLUSH, execute(b"") + SYNC]
    steps, _ = cut(pieces, pausing=True)
    assert [step.bind for step in steps] == [b"", b"", bound]
    steps, _ = cut([parse(b"", b"SELECT $1") + bound + execute(b"") + SYNC])
    assert [step.bind for step in steps] == [b""]


PARSED, BOUND, RUN_IT = parse(b"", b"SELECT 1"), bind(b"", b""), execute(b"")


@pytest.mark.parametrize(
    ("pieces", "ends"),
    [
        ([PARSED + BOUND + FLUSH + RUN_IT + FLUSH + SYNC], [End.SYNC]),
        ([PARSED + BOUND + FLUSH, RUN_IT + FLUSH, SYNC], [End.FLUSH, End.FLUSH, End.SYNC]),
        ([PARSED + FLUSH + BOUND], [End.FLUSH]),
        ([PARSED + BOUND + RUN_IT + FLUSH + BOUND + RUN_IT], [End.NEXT, End.FLUSH]),
        ([PARSED + BOUND + RUN_IT + FLUSH + BOUND, RUN_IT + SYNC], [End.NEXT, End.FLUSH, End.SYNC]),
        ([PARSED + FLUSH + SYNC + BOUND, RUN_IT + SYNC], [End.SYNC, End.SYNC]),
        ([SYNC + FLUSH], [End.SYNC, End.FLUSH]),
    ],
)
def test_a_client_may_wait_at_a_flush_that_no_sync_came_with(
    pieces: list[bytes], ends: list[End]
) -> None:
    steps, _ = cut(pieces, pausing=True)
    assert [step.end for step in steps] == ends
    assert b"".join(step.data for step in steps) == b"".join(pieces)


@pytest.mark.parametrize(
    "frame",
    [
        *(message(Frontend.CLOSE, body) for body in (b"S", b"", b"\0", b"S\0\0", b"Sname")),
        *(message(Frontend.QUERY, body) for body in (b"", b"SELECT 1", b"SELECT 1\0\0")),
        *(message(Frontend.PARSE, body) for body in (b"", b"SELECT 1", b"\0SELECT 1")),
        *(message(Frontend.BIND, body) for body in (b"", b"\0", b"ab")),
        *(message(Frontend.EXECUTE, body) for body in (b"", b"\0", b"abc", bytes(6))),
    ],
)
def test_a_malformed_frame_executes_nothing_and_is_postgresqls_to_answer(frame: bytes) -> None:
    steps, violation = cut([parse(b"", b"SELECT 1") + bind(b"", b"") + frame + SYNC])
    assert violation is None
    assert all(step.statement is None for step in steps)
    assert frame in b"".join(step.data for step in steps)


@pytest.mark.parametrize(
    "round_",
    [
        pytest.param(
            lambda name, text: parse(name, text) + close(b"S", name) + SYNC, id="closed statements"
        ),
        pytest.param(
            lambda name, text: (
                parse(b"", b"SELECT $1") + bind(name, b"", text) + close(b"P", name) + FLUSH
            ),
            id="closed portals",
        ),
        pytest.param(
            lambda name, text: parse(b"", b"SELECT $1") + bind(name, b"", text) + SYNC,
            id="portals that end with their transaction",
        ),
        pytest.param(
            lambda name, text: (
                parse(b"b", b"BEGIN")
                + bind(b"", b"b")
                + execute(b"")
                + parse(b"", b"SELECT $1")
                + bind(name, b"", text)
                + message(Frontend.QUERY, b"COMMIT\0")
                + SYNC
            ),
            id="portals of explicit transactions",
        ),
        pytest.param(lambda name, text: parse(b"", text), id="no end of a step"),
    ],
)
def test_what_a_client_gives_up_is_not_kept(round_: object) -> None:
    assert callable(round_)
    chance = random.Random(1)
    frames, steps = FrameCutter(set(WANTED), limit=100_000), StepCutter(read)
    tracemalloc.start()
    try:
        for number in range(1500):
            data = round_(b"n%d" % number, chance.randbytes(15_000).replace(b"\0", b"x"))
            for kind, frame in frames.feed(data):
                deque(steps.feed(kind, frame), maxlen=0)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 18_000_000
