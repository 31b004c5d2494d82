"""The frame cutter: nothing lost, nothing added, wanted frames whole, however the bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqlkit.local.wire import messages

FRAMES = st.lists(
    st.builds(messages.message, st.sampled_from(b"QPdS"), st.binary(max_size=40)),
    max_size=12,
)


@given(frames=FRAMES, cuts=st.lists(st.integers(1, 60), max_size=30))
def test_what_goes_in_comes_out(frames: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frames)
    cutter = messages.FrameCutter({ord("Q"), ord("P")}, limit=1000)
    pieces = []
    for size in [*cuts, len(stream)]:
        part, stream = stream[:size], stream[size:]
        pieces += list(cutter.feed(part))
    assert b"".join(piece for _, piece in pieces) == b"".join(frames)
    assert [piece for kind, piece in pieces if kind != messages.RUN] == [
        frame for frame in frames if frame[:1] in b"QP"
    ]


def test_a_large_frame_that_nobody_wants_is_not_held() -> None:
    cutter = messages.FrameCutter({ord("Q")}, limit=10_000)
    frame = messages.message(messages.Frontend.COPY_DATA, b"x" * 9000)
    assert list(cutter.feed(frame[:100])) == [(messages.RUN, frame[:100])]
    assert list(cutter.feed(frame[100:])) == [(messages.RUN, frame[100:])]


@pytest.mark.parametrize("length", [0, 3, 1001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_an_impossible_length_is_a_violation(length: int) -> None:
    cutter = messages.FrameCutter({ord("Q")}, limit=1000)
    with pytest.raises(messages.ProtocolViolation):
        list(cutter.feed(b"Q" + messages.INT32.pack(length)))


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_garbage_is_cut_or_refused(parts: list[bytes]) -> None:
    cutter = messages.FrameCutter({ord("Q")}, limit=1000)
    try:
        out = [piece for part in parts for _, piece in cutter.feed(part)]
    except messages.ProtocolViolation:
        return
    assert b"".join(parts).startswith(b"".join(out))


def test_error_fields_are_read_back() -> None:
    frame = messages.error_response("0A000", "no", hint="try", severity="FATAL")
    fields = messages.decode_fields(frame)
    assert (fields[ord("C")], fields[ord("M")], fields[ord("H")]) == (b"0A000", b"no", b"try")
