"""The tables of turns: what is done with a step, and what its answer leads to. No cluster runs."""

from typing import Any

import pytest

from dsqlkit.local.occ.open_transaction import Phase
from dsqlkit.local.session.answered import After, after
from dsqlkit.local.session.turns import (
    Turn,
    at_once,
    inside,
    inside_executing_nothing,
    outside,
    turn_of_write,
)
from dsqlkit.local.statements.statement import Kind
from dsqlkit.local.statements.steps import End

AT_ONCE: list[tuple[dict[str, Any], Turn | None]] = [
    ({}, None),
    ({"is_flush": True, "end": End.FLUSH}, Turn.IGNORE),
    ({"is_flush": True, "end": End.FLUSH, "skipping": True}, Turn.IGNORE),
    ({"skipping": True, "end": End.NEXT}, Turn.SKIP),
    ({"skipping": True, "end": End.PART, "implicit": True}, Turn.SKIP),
    ({"skipping": True}, Turn.RESYNC),
    ({"skipping": True, "implicit": True}, Turn.END_IMPLICIT),
    ({"expired": True}, Turn.CLOSE),
    ({"expired": True, "implicit": True}, Turn.CLOSE),
    ({"expired": True, "skipping": True}, Turn.RESYNC),  # the error before it is answered first
]


@pytest.mark.parametrize(("facts", "turn"), AT_ONCE)
def test_some_steps_are_treated_the_same_wherever_they_come(
    facts: dict[str, Any], turn: Turn | None
) -> None:
    usual = {"is_flush": False, "skipping": False, "implicit": False, "expired": False}
    assert at_once(**{"end": End.SYNC, **usual, **facts}) is turn


OUTSIDE: list[tuple[Kind | None, End, set[str], Turn]] = [
    # Most steps.
    (Kind.READ, End.QUERY, set(), Turn.STREAM),
    (Kind.WRITE, End.SYNC, set(), Turn.STREAM),
    (Kind.WRITE, End.NEXT, set(), Turn.STREAM),
    (None, End.SYNC, set(), Turn.STREAM),
    (None, End.SYNC, {"joins"}, Turn.STREAM),
    (None, End.FLUSH, {"joins"}, Turn.STREAM),
    (Kind.COMMIT, End.QUERY, set(), Turn.STREAM),
    # Preparing and describing alone.
    (None, End.FLUSH, set(), Turn.PREPARE_ONLY),
    # Others are not to wait while the client waits for the answer before its Sync.
    (None, End.FLUSH, {"binds"}, Turn.BEGIN_IMPLICIT),
    (Kind.READ, End.FLUSH, {"binds"}, Turn.BEGIN_IMPLICIT),
    (Kind.WRITE, End.FLUSH, {"limited", "outdated"}, Turn.BEGIN_IMPLICIT),
    (Kind.SCHEMA, End.FLUSH, {"refused"}, Turn.BEGIN_IMPLICIT),
    (Kind.SETTING, End.FLUSH, set(), Turn.STREAM),
    (Kind.WRITE, End.FLUSH, {"joins"}, Turn.TAKE_OVER),
    (Kind.SETTING, End.FLUSH, {"joins"}, Turn.STREAM),
    (Kind.SETTING, End.QUERY, {"joins"}, Turn.TAKE_OVER),
    # BEGIN.
    (Kind.BEGIN, End.QUERY, {"plain", "idle"}, Turn.BEGIN_AHEAD),
    (Kind.BEGIN, End.QUERY, {"plain"}, Turn.BEGIN),
    (Kind.BEGIN, End.QUERY, {"idle"}, Turn.BEGIN),
    (Kind.BEGIN, End.SYNC, {"plain", "idle"}, Turn.BEGIN),
    (Kind.BEGIN, End.PART, {"plain", "idle"}, Turn.BEGIN),
    (Kind.BEGIN, End.SYNC, {"plain", "joins"}, Turn.STREAM),
    (Kind.BEGIN, End.NEXT, {"plain"}, Turn.BEGIN),
    (Kind.BEGIN, End.NEXT, {"plain", "together"}, Turn.BEGIN_TOGETHER),
    (Kind.BEGIN, End.NEXT, {"plain", "together", "joins"}, Turn.STREAM),
    # A text whose statements go one by one.
    (Kind.WRITE, End.PART, set(), Turn.BEGIN_IMPLICIT),
    (Kind.COPY_IN, End.PART, {"limited"}, Turn.BEGIN_IMPLICIT),
    (Kind.COMMIT, End.PART, set(), Turn.FORWARD),
    (Kind.ROLLBACK, End.PART, set(), Turn.FORWARD),
    # What may not be a transaction, or may change too much.
    (Kind.SCHEMA, End.QUERY, {"refused"}, Turn.REFUSE),
    (Kind.SCHEMA, End.QUERY, {"refused", "limited"}, Turn.REFUSE),
    (Kind.SCHEMA, End.NEXT, {"refused", "joins"}, Turn.REFUSE),
    (Kind.WRITE, End.SYNC, {"refused", "joins", "counted", "disrupted"}, Turn.REFUSE),
    (Kind.WRITE, End.NEXT, {"refused", "joins", "apart"}, Turn.TAKE_OVER),
    (Kind.WRITE, End.SYNC, {"limited"}, Turn.LIMIT),
    (Kind.WRITE, End.NEXT, {"limited"}, Turn.STREAM),
    (Kind.WRITE, End.SYNC, {"limited", "joins"}, Turn.STREAM),
    (Kind.WRITE, End.SYNC, {"limited", "joins", "counted"}, Turn.COUNT),
    (None, End.SYNC, {"joins", "counted"}, Turn.COUNT),
    (Kind.WRITE, End.NEXT, {"joins", "counted"}, Turn.STREAM),
    (None, End.FLUSH, {"joins", "counted"}, Turn.STREAM),
    # Somebody else has changed the schema.
    (Kind.READ, End.QUERY, {"outdated"}, Turn.OUTDATED),
    (Kind.WRITE, End.SYNC, {"outdated", "limited", "refused"}, Turn.OUTDATED),
    (Kind.WRITE, End.NEXT, {"outdated"}, Turn.OUTDATED),
    (Kind.READ, End.SYNC, {"outdated", "joins", "counted", "disrupted"}, Turn.OUTDATED),
    (Kind.READ, End.QUERY, {"outdated", "explains"}, Turn.OUTDATED),
    (Kind.READ, End.PART, {"outdated"}, Turn.BEGIN_IMPLICIT),
    (Kind.READ, End.NEXT, {"outdated", "explains", "joins"}, Turn.TAKE_OVER),
    # A plan that is printed anew, whatever is explained.
    (Kind.READ, End.QUERY, {"explains"}, Turn.EXPLAIN),
    (Kind.WRITE, End.SYNC, {"explains", "limited", "disrupted"}, Turn.EXPLAIN),
    (Kind.READ, End.NEXT, {"explains"}, Turn.BEGIN_IMPLICIT),
    (Kind.WRITE, End.FLUSH, {"explains"}, Turn.BEGIN_IMPLICIT),
    (Kind.READ, End.NEXT, {"explains", "joins"}, Turn.TAKE_OVER),
    (Kind.WRITE, End.SYNC, {"explains", "joins", "counted"}, Turn.TAKE_OVER),
    (Kind.READ, End.PART, {"explains"}, Turn.BEGIN_IMPLICIT),
    # Rows that are counted apart.
    (Kind.READ, End.SYNC, {"apart", "limited"}, Turn.LIMIT),
    (Kind.WRITE, End.NEXT, {"apart", "limited"}, Turn.BEGIN_IMPLICIT),
    (Kind.WRITE, End.SYNC, {"apart", "limited", "joins", "counted"}, Turn.TAKE_OVER),
    (Kind.WRITE, End.SYNC, {"apart", "limited", "explains"}, Turn.EXPLAIN),
    # Faults.
    (Kind.WRITE, End.QUERY, {"disrupted"}, Turn.DISRUPT),
    (None, End.SYNC, {"disrupted", "joins"}, Turn.DISRUPT),
]


@pytest.mark.parametrize(("kind", "end", "facts", "turn"), OUTSIDE)
def test_outside_a_transaction_block(
    kind: Kind | None, end: End, facts: set[str], turn: Turn
) -> None:
    names = (
        *("joins", "plain", "idle", "outdated", "refused"),
        *("limited", "counted", "apart", "explains", "disrupted", "together"),
        "binds",
    )
    assert outside(kind, end, **{name: name in facts for name in names}) is turn


INSIDE: list[tuple[Phase, Kind, set[str], Turn]] = [
    # Most steps.
    (Phase.OPEN, Kind.READ, set(), Turn.FORWARD),
    (Phase.OPEN, Kind.SETTING, set(), Turn.FORWARD),
    (Phase.OPEN, Kind.WRITE, {"writes"}, Turn.HOLD),
    (Phase.OPEN, Kind.LOCK, {"writes", "guarded"}, Turn.GUARD),
    (Phase.OPEN, Kind.BEGIN, set(), Turn.FORWARD),
    (Phase.OPEN, Kind.MIXED, set(), Turn.FORWARD),
    # Its end.
    (Phase.OPEN, Kind.COMMIT, set(), Turn.FORWARD),
    (Phase.OPEN, Kind.COMMIT, {"needs_care"}, Turn.PREPARE_COMMIT),
    (Phase.OPEN, Kind.COMMIT, {"needs_care", "disrupted"}, Turn.DISRUPT),
    (Phase.PARKED, Kind.COMMIT, {"needs_care"}, Turn.PREPARE_COMMIT),
    (Phase.AT_OVERLAYS, Kind.COMMIT, {"needs_care"}, Turn.PREPARE_COMMIT),
    (Phase.ABANDONED, Kind.COMMIT, {"needs_care"}, Turn.PREPARE_COMMIT),
    (Phase.OPEN, Kind.ROLLBACK, {"needs_care"}, Turn.FORWARD),
    (Phase.PARKED, Kind.ROLLBACK, set(), Turn.FORWARD),
    # Age.
    (Phase.OPEN, Kind.WRITE, {"too_old", "writes"}, Turn.FAIL),
    (Phase.PARKED, Kind.READ, {"too_old"}, Turn.FAIL),
    (Phase.OPEN, Kind.COMMIT, {"too_old", "disrupted"}, Turn.FAIL_COMMIT),
    (Phase.OPEN, Kind.ROLLBACK, {"too_old"}, Turn.FORWARD),
    # Rows that are counted apart.
    (Phase.OPEN, Kind.WRITE, {"counted", "writes", "guarded"}, Turn.COUNT),
    (Phase.OPEN, Kind.READ, {"counted"}, Turn.COUNT),
    (Phase.PARKED, Kind.WRITE, {"counted", "writes"}, Turn.RESUME),
    # Somebody else has changed the schema.
    (Phase.OPEN, Kind.READ, {"outdated"}, Turn.OUTDATED),
    (Phase.OPEN, Kind.WRITE, {"outdated", "counted", "writes"}, Turn.OUTDATED),
    (Phase.AT_OVERLAYS, Kind.WRITE, {"outdated", "writes"}, Turn.RESUME),
    # After a failure PostgreSQL answers.
    (Phase.FAILED, Kind.WRITE, {"too_old", "writes", "refused"}, Turn.FORWARD),
    (Phase.FAILED, Kind.COMMIT, {"needs_care", "disrupted"}, Turn.FORWARD),
    (Phase.EMPTIED, Kind.READ, {"too_old"}, Turn.FORWARD),
    # What may not join it.
    (Phase.OPEN, Kind.SCHEMA, {"refused"}, Turn.REFUSE),
    (Phase.PARKED, Kind.SCHEMA, {"refused"}, Turn.REFUSE),
    (Phase.ABANDONED, Kind.READ, set(), Turn.REFUSE),
    # COPY FROM STDIN.
    (Phase.OPEN, Kind.COPY_IN, {"writes"}, Turn.GATHER_COPY),
    (Phase.PARKED, Kind.COPY_IN, {"writes"}, Turn.GATHER_COPY),
    (Phase.OPEN, Kind.COPY_IN, {"writes", "gathered"}, Turn.HOLD),
    # After it was parked, or has lost.
    (Phase.PARKED, Kind.READ, set(), Turn.RESUME),
    (Phase.PARKED, Kind.COPY_IN, {"writes", "gathered"}, Turn.RESUME),
    (Phase.AT_OVERLAYS, Kind.WRITE, {"writes", "guarded"}, Turn.RESUME),
    # A text whose statements go one by one.
    (Phase.OPEN, Kind.BEGIN, {"implicit"}, Turn.MAKE_EXPLICIT),
    (Phase.OPEN, Kind.WRITE, {"implicit", "writes"}, Turn.HOLD),
    # A pipeline with an EXPLAIN in it.
    (Phase.OPEN, Kind.WRITE, {"implicit", "closes", "writes"}, Turn.SPLIT),
    (Phase.OPEN, Kind.WRITE, {"closes", "writes"}, Turn.HOLD),
    # What came at once.
    (Phase.OPEN, Kind.WRITE, {"writes", "together"}, Turn.SEND_TOGETHER),
    (Phase.OPEN, Kind.WRITE, {"writes", "together", "outdated"}, Turn.OUTDATED),
    (Phase.PARKED, Kind.WRITE, {"writes", "together"}, Turn.RESUME),
]


@pytest.mark.parametrize(("phase", "kind", "facts", "turn"), INSIDE)
def test_inside_a_transaction_block(phase: Phase, kind: Kind, facts: set[str], turn: Turn) -> None:
    names = (
        *(
            "implicit",
            "closes",
            "too_old",
            "disrupted",
            "needs_care",
            "outdated",
            "refused",
        ),
        *("gathered", "counted", "guarded", "writes", "together"),
    )
    assert inside(phase, kind, **{name: name in facts for name in names}) is turn


@pytest.mark.parametrize(
    ("facts", "turn"),
    [
        (set(), Turn.FORWARD),
        ({"is_sync", "closes"}, Turn.FORWARD),
        # The end of a text whose statements go one by one, or of a pipeline with an EXPLAIN in it.
        ({"implicit"}, Turn.FORWARD),
        ({"implicit", "closes"}, Turn.SPLIT),
        ({"implicit", "is_sync", "closes"}, Turn.END_IMPLICIT),
    ],
)
def test_what_executes_nothing_inside_a_transaction_block(facts: set[str], turn: Turn) -> None:
    names = ("implicit", "is_sync", "closes")
    assert inside_executing_nothing(**{name: name in facts for name in names}) is turn


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", Kind)
def test_a_rollback_is_never_kept_from_its_end(phase: Phase, kind: Kind) -> None:
    facts = dict.fromkeys(
        (
            *("too_old", "disrupted", "needs_care", "outdated", "refused"),
            *("gathered", "counted", "guarded", "writes", "together"),
        ),
        True,
    )
    turn = inside(phase, kind, implicit=False, closes=False, **facts)
    assert (turn is Turn.FORWARD) is (
        kind in (Kind.ROLLBACK, Kind.BEGIN, Kind.MIXED) or phase in (Phase.FAILED, Phase.EMPTIED)
    )


def test_a_write_is_guarded_where_it_has_to_be_taken_back_by_itself() -> None:
    assert turn_of_write(guarded=True) is Turn.GUARD
    assert turn_of_write(guarded=False) is Turn.HOLD


def test_every_turn_is_in_a_table() -> None:
    named = {
        *(turn for _, turn in AT_ONCE if turn is not None),
        *(turn for *_, turn in OUTSIDE),
        *(turn for *_, turn in INSIDE),
    }
    assert named == set(Turn)


AFTER: list[tuple[set[str], After]] = [
    (set(), After.FINISH),
    ({"held"}, After.FINISH),
    ({"failed"}, After.FINISH),
    ({"failed", "held"}, After.FINISH),
    ({"failed", "held", "conflict"}, After.LOSE),
    ({"failed", "held", "conflict", "first"}, After.BEGIN_AGAIN),
    ({"failed", "held", "first"}, After.FINISH),
    ({"failed", "conflict"}, After.FINISH),  # the client has the error already
    ({"failed", "held", "twins", "too_many", "cursor"}, After.FINISH),
    ({"held", "twins"}, After.SET_ASIDE),
    ({"held", "twins", "too_many", "cursor"}, After.SET_ASIDE),
    ({"twins"}, After.FINISH),
    ({"held", "passes_on", "too_many"}, After.SET_ASIDE),
    ({"held", "may_pass_on", "too_many"}, After.LEARN_ACTIONS),
    ({"held", "may_pass_on", "failed"}, After.FINISH),
    ({"held", "may_pass_on", "twins"}, After.SET_ASIDE),
    ({"passes_on", "may_pass_on"}, After.FINISH),
    ({"held", "too_many"}, After.TOO_MANY),
    ({"too_many"}, After.TOO_MANY),  # at overlays
    ({"cursor"}, After.KEEP_CURSORS),
    ({"held", "cursor"}, After.KEEP_CURSORS),
]


@pytest.mark.parametrize(("facts", "then"), AFTER)
def test_what_an_answer_leads_to(facts: set[str], then: After) -> None:
    names = ("failed", "held", "conflict", "first", "twins", "too_many", "cursor")
    passes_on = None if "may_pass_on" in facts else "passes_on" in facts
    assert after(**{name: name in facts for name in names}, passes_on=passes_on) is then


def test_everything_that_an_answer_leads_to_is_in_the_table() -> None:
    assert {then for _, then in AFTER} == set(After)
