"""The advice on the queries that applications send, against the best index built by hand.

The whole set takes some minutes. A few of each kind are tried each time.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

from dsqlkit.advisor import consulting
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from dsqlkit.queries import parse_query
from tests.advisor.market.market import (
    Judged,
    Verdict,
    cases,
    false_findings,
    judge,
    set_up,
    tear_down,
)

SOME = (
    "soft delete, a page in order",
    "a queue, the oldest first",
    "outside a window function",
    "a view, a page",
    "nulls last",
    "a number in a document",
    "a day of a moment without zone",
    "the foreign key's side of a hash join",
    "a join by a range",
    "exists",
    "not in a subquery",
    "deleting a parent",
    "unique value near the start, first row",
)


@pytest.fixture(scope="module")
def market(endpoint: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(endpoint) as connections:
        set_up(connections)
        yield connections
        tear_down(connections)


@pytest.mark.slow
def test_some_of_each_kind_get_the_best_index_or_rightly_none(market: KeptConnection) -> None:
    judged = [judge(market, case) for case in cases() if case.name in SOME]
    _assert_all_right(judged)


@pytest.mark.soak
def test_advice_is_best_or_rightly_silent_and_keeps_its_promises(market: KeptConnection) -> None:
    judged = [judge(market, case) for case in cases()]
    report = "\n".join(str(each) for each in judged)
    found = Counter(each.verdict for each in judged)
    assert len(judged) >= 120
    assert found[Verdict.WRONG] == 0, report
    assert found[Verdict.BEST] + found[Verdict.SILENT] >= 0.92 * len(judged), report
    assert [each for each in judged if not each.kept_its_promises] == [], report


@pytest.mark.soak
def test_findings_of_explain_are_what_optimize_says(market: KeptConnection) -> None:
    false, said = [], 0
    for case in cases():
        found, wrong = false_findings(market, case)
        said += found
        false += wrong
    assert said > 100
    assert len(false) <= 0.02 * said, "\n".join(false)


@pytest.mark.slow
def test_the_same_query_gets_the_same_proposal_in_each_run(market: KeptConnection) -> None:
    for case in cases():
        if case.name not in SOME[:2]:
            continue
        query = parse_query("case", case.sql)
        proposed = set()
        for _ in range(2):
            with market.connection() as connection:
                connection.execute(b"ANALYZE mk_customers")
            proposed.add(_proposed(market, query.sql))
        assert len(proposed) == 1, case.name


def _proposed(market: KeptConnection, sql: str) -> tuple[str, ...]:
    return tuple(each.ddl for each in consulting.consult(market, sql, {}).advice.proposals)


def _assert_all_right(judged: list[Judged]) -> None:
    wrong = [
        str(each)
        for each in judged
        if each.verdict not in {Verdict.BEST, Verdict.SILENT} or not each.kept_its_promises
    ]
    assert wrong == []
    assert len(judged) == len(SOME)
