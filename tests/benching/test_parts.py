"""The pure parts of a bench: its plan, its schedule, its scripts, its figures, its judgement."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import islice, takewhile
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from dsqlkit.accounts import AccountId
from dsqlkit.accounts.ledger import Entry
from dsqlkit.bench.figures import Counted, Tally
from dsqlkit.bench.participants import read_ids
from dsqlkit.bench.plan import BenchPlan, Schedule
from dsqlkit.bench.proof import Proof, Report
from dsqlkit.bench.script import Order, Script
from dsqlkit.errors import UsageError

NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_a_number_of_clients_that_cannot_work_is_a_usage_error(threads: int) -> None:
    with pytest.raises(UsageError, match="threads"):
        BenchPlan(threads=threads)


@pytest.mark.parametrize("duration_s", [0, -1, NAN, INFINITE, 86_401])
def test_a_duration_that_cannot_work_is_a_usage_error(duration_s: float) -> None:
    with pytest.raises(UsageError, match="duration"):
        BenchPlan(duration_s=duration_s)


@pytest.mark.parametrize("rate", [0, -1, NAN, INFINITE, 100_001])
def test_a_rate_that_cannot_work_is_a_usage_error(rate: float) -> None:
    with pytest.raises(UsageError, match="rate"):
        BenchPlan(rate=rate)


def test_an_open_loop_is_due_at_even_moments_whoever_takes_them() -> None:
    schedule = Schedule(rate=4, duration_s=1.1)
    moments = list(takewhile(lambda due: due is not None, iter(schedule.take, "never")))
    assert moments == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert schedule.take() is None
    assert [schedule.due_by(moment) for moment in (0.1, 0.25, 0.3, 1.0, 1.05, 99)] == [
        1,
        1,
        2,
        4,
        5,
        5,
    ]


IDS: Sequence[AccountId] = (7, 8, 9)


def test_a_script_is_the_same_again_from_its_seed_and_no_other() -> None:
    def drawn(seed: int, client: int) -> list[Order]:
        script = Script(seed, client, IDS)
        return [script.next() for _ in range(300)]

    orders = drawn(1, 0)
    assert orders == drawn(1, 0)
    keys = {each.key for which in ((1, 0), (1, 1), (2, 0)) for each in drawn(*which)}
    assert len(keys) == 900
    assert all(each.payer != each.payee for each in orders)
    assert {(each.payer, each.payee) for each in orders} == {
        (payer, payee) for payer in IDS for payee in IDS if payer != payee
    }
    amounts = [each.amount for each in orders]
    assert min(amounts) >= Decimal("0.01")
    assert max(amounts) <= 10
    assert {each.as_tuple().exponent for each in amounts} == {-2}


def test_a_percentile_is_true_to_a_thousandth_over_any_range() -> None:
    tally = Tally()
    for thousandths in range(1, 1001):
        tally.made(thousandths / 1000, attempts=1, doubts=0)
    tally.made(60.0, attempts=3, doubts=1)
    latency = tally.latency_ms
    assert latency is not None
    for shown, true in ((latency.p50, 501), (latency.p99, 991), (latency.max, 60_000)):
        assert shown == pytest.approx(true, rel=0.001)
    assert tally.attempts == {1: 1000, 3: 1}
    assert tally.doubts == 1


def test_what_one_client_counted_is_taken_once_and_adds_up() -> None:
    counted, whole = Counted(), Tally()
    counted.made(0.001, 1, 0)
    counted.failed("outcome_unknown")
    whole.add(counted.take())
    counted.conflict()
    counted.found_out()
    counted.made_late(2)
    whole.add(counted.take())
    whole.add(counted.take())
    assert whole.attempts == {1: 1, 2: 1}
    assert +whole.errors == {}
    assert (whole.conflicts, whole.doubts, whole.latency.total_count) == (1, 1, 1)


def test_a_second_without_a_transfer_has_no_latency() -> None:
    second = Tally().second(at_s=5.0, length_s=1.0)
    assert (second.per_second, second.p50_ms, second.p99_ms) == (0, None, None)
    assert Tally().latency_ms is None


ORDER = Order(uuid4(), 1, 2, Decimal("0.25"))


def entry(**other: object) -> Entry:
    values = {
        "key": ORDER.key,
        "table": "accounts",
        "payer": "1",
        "payee": "2",
        "amount": Decimal("0.250000"),
        "payer_balance": Decimal(1),
        "made_at": None,
    }
    return Entry(**(values | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("report", "there", "found", "faults"),
    [
        (Report.MADE, entry(), 1, ""),
        (Report.NOT_MADE, None, 0, ""),
        (Report.UNKNOWN, None, 0, ""),
        (Report.UNKNOWN, entry(), 1, "unknown_made"),
        (Report.MADE, None, 0, "missing"),
        (Report.NOT_MADE, entry(), 1, "unexpected"),
        (Report.MADE, entry(payer="3"), 1, "different"),
        (Report.MADE, entry(payee="3"), 1, "different"),
        (Report.MADE, entry(table="accounts2"), 1, "different"),
        (Report.MADE, entry(amount=Decimal("0.26")), 1, "different"),
    ],
)
def test_a_report_is_held_against_the_ledger(
    report: Report, there: Entry | None, found: int, faults: str
) -> None:
    proof = Proof()
    proof.judge("accounts", ORDER, report, there)
    assert proof.found == found
    assert proof.unknown_made == (faults == "unknown_made")
    for name in ("missing", "unexpected", "different"):
        assert getattr(proof, name) == ([ORDER.key] if name == faults else [])


def written(folder: Path, *lines: object) -> Path:
    path = folder / "ids.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_file_of_ids_is_read_once_each_and_as_far_as_wanted(tmp_path: Path) -> None:
    ids = [uuid4() for _ in range(5)]
    path = written(tmp_path, ids[0], "", *ids, str(ids[1]).upper())
    assert read_ids(path).ids == ids
    assert read_ids(path).table == "accounts2"
    assert read_ids(path, hot=3).ids == ids[:3]
    assert read_ids(written(tmp_path, 3, 1, 2)).ids == [3, 1, 2]


@pytest.mark.parametrize(
    ("lines", "hot", "words"),
    [
        ([1, "x", 2], None, "Line 2 of .* is no id: 'x'"),
        ([1, "y" * 100], None, r"is no id: 'y{37}\.\.\.'"),
        ([1, UUID(int=1)], None, "Line 2 of .* is an id of table accounts2"),
        ([], None, "has 0 different ids; 2 are needed"),
        ([1], None, "has 1 id; 2 are needed"),
        ([1, 1, 1], None, "has 1 id; 2 are needed"),
        ([1, 2, 3], 4, "has 3 different ids; 4 are needed"),
        ([1, 2, 3], 1, "needs 2 accounts"),
        (["\x00\xff"], None, "is no id"),
    ],
)
def test_a_file_that_is_none_of_ids_is_a_usage_error(
    tmp_path: Path, lines: list[object], hot: int | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_ids(written(tmp_path, *lines), hot)


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_ids(tmp_path / name)


def test_orders_never_end() -> None:
    script = Script(1, 1, IDS)
    assert len(list(islice(iter(script.next, None), 10_000))) == 10_000
