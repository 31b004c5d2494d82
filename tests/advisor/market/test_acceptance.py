"""The advice on the queries that applications send, against the best index built by hand."""

from collections import Counter
from collections.abc import Iterator

import pytest

from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint
from tests.advisor.market.market import Verdict, cases, judge, set_up, tear_down


@pytest.fixture(scope="module")
def market(endpoint: Endpoint) -> Iterator[KeptConnection]:
    with KeptConnection(endpoint) as connections:
        set_up(connections)
        yield connections
        tear_down(connections)


@pytest.mark.soak
def test_advice_is_best_or_rightly_silent_and_keeps_its_promises(market: KeptConnection) -> None:
    judged = [judge(market, case) for case in cases()]
    report = "\n".join(str(each) for each in judged)
    found = Counter(each.verdict for each in judged)
    assert found[Verdict.WRONG] == 0, report
    right = found[Verdict.BEST] + found[Verdict.SILENT]
    assert right >= 0.92 * len(judged), report
    assert [each for each in judged if not each.kept_its_promises] == [], report
