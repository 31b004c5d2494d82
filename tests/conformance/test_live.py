"""What several authors' live runs on real clusters recorded, as far as they recorded it exactly.

Each line of live.jsonl has its date and source; `dsqlkit probe` asks all that leave nothing outside
of a schema (group `live`). Where two runs disagree the newer one counts, and
`older` names the other. Facts only: statements, answers, dates.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest

from dsqlkit.endpoint import Endpoint
from tests.support.raw_client import RawClient

_LINES = (files("dsqlkit.probing") / "live.jsonl").read_text(encoding="utf-8").splitlines()
RECORD: list[dict[str, Any]] = [json.loads(line) for line in _LINES]


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[RawClient]:
    """A session in a schema of its own: a run's tables have the names of others'."""
    opened = RawClient(endpoint)
    opened.ask("CREATE SCHEMA live")
    opened.ask("SET search_path = live")
    yield opened
    opened.ask("DROP SCHEMA live CASCADE")
    opened.close()


@pytest.mark.parametrize("protocol", ["simple", "extended"])
@pytest.mark.parametrize("line", RECORD, ids=lambda line: line["name"])
def test_it_answers_as_a_live_run_recorded(
    client: RawClient, line: dict[str, Any], protocol: str
) -> None:
    for statement in line["setup"]:
        assert client.ask(statement).sqlstate is None
    reply = client.ask(line["sql"], protocol)
    for statement in line.get("teardown", []):
        client.ask(statement)
    expected = line["expect"]
    assert (reply.sqlstate, reply.message) == (expected.get("sqlstate"), expected.get("message"))
    if "rows" in expected:
        assert reply.results[0].rows == expected["rows"]


def test_every_line_says_when_and_where() -> None:
    assert len({line["name"] for line in RECORD}) == len(RECORD)
    assert all(line["date"].startswith("2026-") and line["source"] for line in RECORD)
