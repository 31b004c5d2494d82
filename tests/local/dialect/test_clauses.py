"""Rules about clauses: each has a word that lets it run, and runs in statements of every size."""

import pytest

from dsqlkit.local.dialect.rules import CLAUSES
from tests.support.refusals import refusal

REFUSED = {
    "A_Indirection": "SELECT (t).ctid FROM t",
    "ColumnRef": "SELECT t.CTID FROM t",
    "FuncCall": "SELECT PG_backend_PID()",
    "LockingClause": "SELECT 1 FROM t FOR\nSHARE",
    "RangeTableSample": "SELECT 1 FROM t TableSample SYSTEM (1)",
    "RangeVar": "SELECT 1 FROM Dsqlkit.job",
    "TypeCast": "SELECT 'DSQLkit'::regnamespace",
    "TypeName": "SELECT NULL::BigSerial",
}
"""By node, a plain statement in which its rule has something to say."""


def test_every_clause_has_an_example() -> None:
    assert REFUSED.keys() == CLAUSES.keys()


@pytest.mark.parametrize("name", CLAUSES)
def test_every_rule_about_a_clause_has_words_as_they_are_looked_for(name: str) -> None:
    words, _ = CLAUSES[name]
    assert words, f"the rule about {name} never runs without a word that lets it"
    assert all(word == word.lower() for word in words)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(
    "around",
    ["{}", "INSERT INTO u {}", "UPDATE u SET a = ({})", "SELECT 1; {}", "WITH w AS ({}) SELECT 2"],
)
def test_a_clause_is_refused_wherever_it_stands(name: str, around: str) -> None:
    assert refusal(around.format(REFUSED[name])) is not None
