"""Which COMMITs a fault hits, and which faults can be: decisions without a cluster."""

from datetime import timedelta

import pytest

from dsqlkit.errors import UsageError
from dsqlkit.local.faults import ActiveFaults, Fate, Faults, fate_of


@pytest.mark.parametrize(
    ("faults", "fates"),
    [
        (Faults(), "----"),
        (Faults(conflict_every=1), "cccc"),
        (Faults(conflict_every=3), "--c--c"),
        (Faults(cut_before_commit=2), "-b-b"),
        (Faults(cut_after_commit=2), "-a-a"),
        (Faults(conflict_every=1, cut_before_commit=2, cut_after_commit=3), "cbabcb"),
        (Faults(conflict_rate=0.5), "----"),
        (Faults(conflict_rate=0.51), "cccc"),
        (Faults(round_trip_ms=1, commit_ms=1, connection_age_s=1, token_age_s=1), "----"),
    ],
)
def test_which_commits_are_hit(faults: Faults, fates: str) -> None:
    letters = {Fate.COMMIT: "-", Fate.CONFLICT: "c", Fate.CUT_BEFORE: "b", Fate.CUT_AFTER: "a"}
    decided = [letters[fate_of(faults, number, 0.5)] for number in range(1, len(fates) + 1)]
    assert "".join(decided) == fates


def test_a_rate_of_1_hits_the_largest_draw_and_one_of_0_not_the_least() -> None:
    assert fate_of(Faults(conflict_rate=1), 1, 1 - 2**-53) is Fate.CONFLICT
    assert fate_of(Faults(conflict_rate=0), 1, 0.0) is Fate.COMMIT


def test_faults_out_of_range_cannot_be() -> None:
    with pytest.raises(UsageError, match="`conflict_rate` must be from 0 to 1"):
        Faults(conflict_rate=-0.1)
    with pytest.raises(UsageError, match="`token_age_s`"):
        Faults().changed({"token_age_s": 604_801})


def test_without_faults_the_limits_are_those_of_dsql() -> None:
    active = ActiveFaults(Faults())
    assert (active.connection_age_s, active.token_age) == (3600, timedelta(days=7))
    assert (active.round_trip_s, active.commit_s, active.on_commit) == (0, 0, False)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("conflict_rate", 1),
        ("conflict_every", 1_000_000_000),
        ("round_trip_ms", 60_000),
        ("commit_ms", 60_000),
        ("cut_before_commit", 1_000_000_000),
        ("cut_after_commit", 1_000_000_000),
        ("connection_age_s", 3600),
        ("transaction_age_s", 300),
        ("token_age_s", 604_800),
    ],
)
def test_a_fault_goes_up_to_its_limit_and_not_beyond(name: str, most: float) -> None:
    assert Faults().changed({name: most}).on == {name: most}
    for wrong in (most + 1, -1):
        with pytest.raises(UsageError, match=f"`{name}` must be from 0 to"):
            Faults().changed({name: wrong})


def test_a_change_of_faults_counts_commits_anew() -> None:
    active = ActiveFaults(Faults(conflict_every=2))
    assert [active.next_commit() for _ in range(3)].count(Fate.CONFLICT) == 1
    active.switch(Faults(conflict_every=2))
    assert [active.next_commit() for _ in range(2)] == [Fate.COMMIT, Fate.CONFLICT]


@pytest.mark.parametrize(
    ("faults", "concerned"),
    [
        (Faults(conflict_rate=0.1), True),
        (Faults(conflict_every=1), True),
        (Faults(commit_ms=1), True),
        (Faults(cut_before_commit=1), True),
        (Faults(cut_after_commit=1), True),
        (Faults(round_trip_ms=1, connection_age_s=1, transaction_age_s=1, token_age_s=1), False),
    ],
)
def test_which_faults_concern_a_commit(faults: Faults, concerned: bool) -> None:
    assert ActiveFaults(faults).on_commit == concerned
