"""What is proposed for a query, and that it helps: each proposal is built, and the plan read."""

import pytest

from dsqlkit import indexes, measurement
from dsqlkit.advisor import consulting
from dsqlkit.connection import KeptConnection
from dsqlkit.plans.runner import explain
from dsqlkit.queries import parse_query
from tests.advisor.cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_query_gets_the_indexes_that_help_it_and_no_others(
    shop: KeptConnection, case: Case
) -> None:
    query = parse_query(case.name, case.sql)
    consultation = consulting.consult(shop, query.sql, query.parameters)
    proposals = consultation.advice.proposals
    assert tuple(each.ddl.partition(" ON ")[2] for each in proposals) == case.expected
    assert case.note in " ".join(consultation.advice.notes)
    if not proposals:
        return
    try:
        for each in proposals:
            indexes.build(shop, each.ddl)
        with shop.connection() as connection:
            plans = [explain(connection, query.sql, query.parameters).plan for _ in range(2)]
    finally:
        for each in proposals:
            indexes.drop(shop, each.name)
    after = measurement.summary(plans)
    assert set(after.indexes) >= {each.name for each in proposals}
    assert after.rows == consultation.before.rows
    assert after.rows_scanned * 2 <= consultation.before.rows_scanned
