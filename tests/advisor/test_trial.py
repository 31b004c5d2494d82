"""Trying indexes out: how often they are built, and what is left when it does not go well."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from dsqlkit import indexes
from dsqlkit.advisor import consulting, trial
from dsqlkit.advisor.consulting import RUNS_A_BLOCK, Consultation
from dsqlkit.connection import KeptConnection
from dsqlkit.errors import Interrupted
from dsqlkit.queries import parse_query

SQL = "SELECT total FROM shop_orders WHERE status = 'open'"


@pytest.fixture
def consultation(shop: KeptConnection) -> Consultation:
    query = parse_query("orders", SQL)
    return consulting.consult(shop, query.sql, query.parameters)


def _indexes(shop: KeptConnection) -> set[str]:
    return {index.name for index in indexes.of_table(shop, "shop_orders")}


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "rounds"), [(6000, 2), (1_000_000, 1)])
def test_blocks_alternate_and_indexes_of_large_tables_are_built_once(
    shop: KeptConnection, consultation: Consultation, rows: float, rounds: int
) -> None:
    there = _indexes(shop)
    said: list[str] = []
    outcome = trial.try_out(shop, replace(consultation, largest_rows=rows), say=said.append)
    try:
        best, narrow = outcome.trials
        assert (best.measured.runs, narrow.measured.runs) == (rounds * RUNS_A_BLOCK,) * 2
        assert outcome.before.runs == 2 * rounds * RUNS_A_BLOCK
        for name in (*best.names, *narrow.names):
            assert said.count(f"Building {name}") == rounds
        measuring = [words.split()[1] for words in said if words.startswith("Measuring")]
        assert measuring == ["without", "with"] * 2 * rounds
        assert (outcome.kept, outcome.dropped) == (best.names, narrow.names)
        assert _indexes(shop) == there | set(best.names)
        assert outcome.after.rows_scanned == 120
    finally:
        for name in outcome.kept:
            indexes.drop(shop, name)


def _stop_at(words: str, error: BaseException) -> Callable[[str], None]:
    def say(text: str) -> None:
        if text.startswith(words):
            raise error

    return say


@pytest.mark.parametrize("moment", ["Measuring without", "Building", "Measuring with idx"])
def test_an_interruption_at_any_moment_leaves_the_indexes_as_they_were(
    shop: KeptConnection, consultation: Consultation, moment: str
) -> None:
    there = _indexes(shop)
    with pytest.raises(Interrupted):
        trial.try_out(shop, consultation, say=_stop_at(moment, KeyboardInterrupt()))
    assert _indexes(shop) == there


def test_an_index_whose_name_was_taken_meanwhile_is_left_alone(
    shop: KeptConnection, consultation: Consultation
) -> None:
    names = [*consultation.advice.proposals, *consultation.advice.alternatives]
    name = names[-1].name
    indexes.build(shop, f"CREATE INDEX ASYNC {name} ON shop_items (quantity)")
    try:
        with pytest.raises(indexes.IndexBuildFailed, match="Something else is named"):
            trial.try_out(shop, consultation)
        assert name in {index.name for index in indexes.of_table(shop, "shop_items")}
    finally:
        indexes.drop(shop, name)


def test_a_build_that_is_refused_leaves_nothing(
    shop: KeptConnection, consultation: Consultation
) -> None:
    there = _indexes(shop)
    (proposal,) = consultation.advice.proposals
    refused = replace(proposal, name="idx_refused", ddl="CREATE INDEX ASYNC ON nowhere (id)")
    advice = replace(consultation.advice, alternatives=(refused,))
    with pytest.raises(Exception, match="nowhere"):
        trial.try_out(shop, replace(consultation, advice=advice))
    assert _indexes(shop) == there
