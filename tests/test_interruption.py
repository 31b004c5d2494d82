"""Signals of this very process, caught as the command line catches them."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from dsqlkit import interruption
from dsqlkit.interruption import calls, checkpoint, held, hold_on, interruptible


@pytest.fixture(autouse=True)
def _caught(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that no signal has come to, put back as it was afterwards."""
    before = {each: signal.getsignal(each) for each in interruption.SIGNALS}
    hook = sys.unraisablehook
    monkeypatch.setattr(interruption, "_signals", interruption._Signals())
    interruption.catch()
    yield
    sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


def come(number: int = signal.SIGTERM) -> None:
    signal.raise_signal(number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_the_first_signal_interrupts_and_gives_the_exit_code(number: int, code: int) -> None:
    assert not interruption.came()
    with pytest.raises(KeyboardInterrupt):
        come(number)
    assert interruption.came()
    come(signal.SIGINT)  # the same wish
    assert interruption.exit_code() == code


def test_one_that_follows_at_once_is_the_same_wish_and_a_later_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        come()
    for each in interruption.SIGNALS:
        come(each)
    monkeypatch.setattr(interruption, "PATIENCE_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        come()


def test_a_held_signal_waits_for_the_next_checkpoint_outside() -> None:
    with held():
        with held():
            come()
        checkpoint()
        assert interruption.is_held()
    with pytest.raises(KeyboardInterrupt):
        checkpoint()
    checkpoint()
    assert not interruption.is_held()


def test_what_was_done_is_held_until_the_next_checkpoint_begins_something_else() -> None:
    hold_on()
    come()
    with pytest.raises(KeyboardInterrupt):
        checkpoint()


def test_a_checkpoint_ends_the_holding() -> None:
    hold_on()
    checkpoint()
    with pytest.raises(KeyboardInterrupt):
        come()


def test_an_impatient_user_gets_out_of_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "PATIENCE_S", 0.0)
    with held():
        come()
        with pytest.raises(KeyboardInterrupt):
            come()
    assert not interruption.is_held()


def test_a_signal_asks_for_an_end_where_work_can_stop_by_itself() -> None:
    asked: list[str] = []
    with calls(lambda: asked.append("outer")), calls(lambda: asked.append("inner")):
        come()
        come()
    assert asked == ["inner"]


def test_one_that_was_held_before_asks_too() -> None:
    asked: list[str] = []
    with held():
        come()
        with calls(lambda: asked.append("stop")):
            assert asked == ["stop"]
    checkpoint()


@pytest.mark.parametrize("around", [held, lambda: calls(lambda: None)])
def test_a_part_may_be_interrupted_all_the_same(
    around: Callable[[], AbstractContextManager[None]],
) -> None:
    with around():
        with pytest.raises(KeyboardInterrupt), interruptible():
            come()
        assert not interruption.is_held()


def test_such_a_part_does_not_begin_when_a_signal_was_held() -> None:
    with held():
        come()
        with pytest.raises(KeyboardInterrupt), interruptible():
            pytest.fail("it began")


def test_a_signal_that_meets_a_finalizer_is_not_lost() -> None:
    class Finalized:
        def __del__(self) -> None:
            come()

    with pytest.raises(KeyboardInterrupt):
        finalize(Finalized())


def test_nor_is_one_that_comes_again_before_it_was_seen_to(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finalized:
        def __del__(self) -> None:
            come()

    start = threading.Thread.start

    def start_and_linger(thread: threading.Thread) -> None:
        start(thread)
        time.sleep(0.1)

    monkeypatch.setattr(threading.Thread, "start", start_and_linger)
    with pytest.raises(KeyboardInterrupt):
        finalize(Finalized())


def finalize(it: object) -> None:
    del it
    threading.Event().wait(30)


def test_other_threads_hold_and_ask_for_nothing() -> None:
    entered, done = threading.Event(), threading.Event()

    def work() -> None:
        with held(), calls(lambda: pytest.fail("it was asked")):
            hold_on()
            entered.set()
            done.wait(30)

    worker = threading.Thread(target=work)
    worker.start()
    entered.wait(30)
    with pytest.raises(KeyboardInterrupt):
        come()
    done.set()
    worker.join()


def test_where_nothing_is_caught_nothing_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_signals", interruption._Signals())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with held(), pytest.raises(KeyboardInterrupt):
        come(signal.SIGINT)
    assert not interruption.came()


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    interruption.catch()
    come(signal.SIGHUP)
    assert not interruption.came()
