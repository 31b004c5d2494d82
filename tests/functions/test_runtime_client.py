"""Each chapter's function under AWS's own runtime client, in a process as Lambda runs it."""

import sys
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from dsqlkit import accounts, local, tables
from dsqlkit.aws.handlers.environment import Environment
from dsqlkit.aws.handlers.function import OwnContext
from dsqlkit.aws.handlers.retry import key_of
from dsqlkit.aws.invocation import function_of
from dsqlkit.connection import KeptConnection
from dsqlkit.endpoint import Endpoint, LocalAddress
from tests.functions.conftest import NAME, Start
from tests.support.relay import Cut, Relay
from tests.support.waiting import eventually

pytest.importorskip(
    "awslambdaric", reason=f"awslambdaric has no wheel for this system ({sys.platform})"
)

TRANSFER = {"payer_id": 1, "payee_id": 2, "amount": "10"}
ENTRY = ["request_id", "chapter", "duration_ms", "attempts", "connections_made", "outcome"]


def assert_time(text: str) -> None:
    assert text.endswith("ms")
    assert Decimal(text[:-2]).as_tuple().exponent == -3


def test_chapter_1_greets(start: Start) -> None:
    # No cluster is looked for: it needs none.
    hello = start(1, CLUSTER_ENDPOINT="")
    assert hello.invoke({"name": "reinvent"}).document == {"greeting": "hello reinvent"}


def test_chapter_3_reads_a_balance(function: Start, bank: KeptConnection) -> None:
    assert function(3).invoke({"id": 1}).document == {"balance": "100.000000"}


def test_chapter_4_transfers(function: Start, bank: KeptConnection) -> None:
    document = function(4).invoke(TRANSFER).document
    assert list(document) == ["payer_balance", "transaction_time"]
    assert document["payer_balance"] == "90"
    assert_time(document["transaction_time"])
    assert accounts.balance(bank, 2).balance == 110


def test_chapter_5_transfers_and_counts_its_attempts(function: Start, bank: KeptConnection) -> None:
    document = function(5).invoke(TRANSFER | {"amount": 0.25}).document
    assert list(document) == ["payer_balance", "transaction_time", "attempts"]
    assert (document["payer_balance"], document["attempts"]) == ("99.75", 1)
    assert_time(document["transaction_time"])


def test_chapter_6_transfers_between_uuids(
    function: Start, bank: KeptConnection, two_uuids: tuple[UUID, UUID]
) -> None:
    payer, payee = map(str, two_uuids)
    document = (
        function(6).invoke({"payer_id": payer, "payee_id": payee.upper(), "amount": "10"}).document
    )
    assert list(document) == ["payer_balance", "transaction_time", "attempts"]
    assert (document["payer_balance"], document["attempts"]) == ("90", 1)
    assert_time(document["transaction_time"])


def test_chapter_7_goes_from_one_plan_to_the_other(
    function: Start, connections: KeptConnection
) -> None:
    tables.drop(connections, "accounts7")
    plans = function(7)

    def operate(operation: str) -> Any:
        return plans.invoke({"operation": operation}).document

    early = plans.invoke({"operation": "query"})
    assert early.error == ("NotPrepared", "Table accounts7 is not there: run operation setup first")
    assert list(operate("setup")) == ["operation", "message"]
    before = operate("query")
    assert list(before) == ["operation", "execution_time_ms", "rows_returned", "query_plan"]
    assert (before["operation"], before["rows_returned"]) == ("query", 180)
    assert "idx_accounts7_type" in before["query_plan"]
    assert f"Execution Time: {before['execution_time_ms']:.3f} ms" in before["query_plan"]
    assert plans.invoke({"operation": "query_optimized"}).error == (
        "NotPrepared",
        "The index idx_accounts7_metadata is not there, or not valid yet: "
        "run operation optimize first",
    )
    for _ in range(2):
        assert list(operate("optimize")) == ["operation", "message"]
    after = operate("query_optimized")
    assert list(after) == list(before)
    assert (after["operation"], after["rows_returned"]) == ("query_optimized", 180)
    assert "idx_accounts7_metadata_covering" in after["query_plan"]
    elsewhere = plans.invoke({"operation": "query", "region_code": "XX"}).document
    assert elsewhere["rows_returned"] == 0
    assert [record["runs"] for record in plans.records if "runs" in record] == [7, 7, 7]


@pytest.mark.parametrize(
    ("chapter", "event", "error"),
    [
        (1, {}, ("InvalidRequest", "Field name is missing")),
        (1, {"name": " "}, ("InvalidRequest", "Field name must not be empty")),
        (3, {"id": 7000}, ("AccountNotFound", "Account 7000 not found")),
        (3, {"id": "1"}, ("InvalidRequest", 'Field id must be an integer, not "1"')),
        (4, TRANSFER | {"amount": "105"}, ("InsufficientBalance", "Insufficient balance: -5")),
        (4, TRANSFER | {"payer_id": 99}, ("AccountNotFound", "Payer account not found")),
        (5, TRANSFER | {"payee_id": 99}, ("AccountNotFound", "Payee account not found")),
        (
            5,
            TRANSFER | {"payee_id": 1},
            ("UsageError", "Payer and payee must be different accounts"),
        ),
        (
            6,
            {"payer_id": str(UUID(int=1)), "payee_id": str(UUID(int=2)), "amount": "1"},
            ("AccountNotFound", "Payer account not found"),
        ),
        (
            7,
            {"operation": "drop"},
            (
                "InvalidRequest",
                "Field operation must be one of setup, query, optimize, query_optimized, "
                'not "drop"',
            ),
        ),
    ],
)
def test_a_refusal_has_the_words_of_the_original_and_moves_no_money(
    function: Start,
    bank: KeptConnection,
    two_uuids: tuple[UUID, UUID],
    chapter: int,
    event: dict[str, Any],
    error: tuple[str, str],
) -> None:
    refused = function(chapter).invoke(event)
    assert refused.error == error
    assert [accounts.balance(bank, each).balance for each in (1, 2)] == [100, 100]


def test_a_conflict_ends_chapter_4_and_is_retried_by_chapter_5(
    start: Start, bank: KeptConnection
) -> None:
    once, again = start(4), start(5)
    local.set_faults(local.Faults(conflict_every=1))
    kind, message = once.invoke(TRANSFER).error
    assert kind == "ConflictLimitReached"
    assert message.startswith("Gave up after 1 attempt in")
    assert once.records[-1]["sqlstate"] == "40001"
    local.set_faults(local.Faults(conflict_every=2))
    attempts = [again.invoke(TRANSFER).document["attempts"] for _ in range(2)]
    # Every second COMMIT conflicts, so of three in a row one or two do.
    assert max(attempts) == 2
    assert [record["attempts"] for record in again.records] == attempts
    assert accounts.balance(bank, 1).balance == 80


def test_the_next_invocation_uses_the_same_connection(start: Start, bank: KeptConnection) -> None:
    transfer = start(5)
    left = [transfer.invoke(TRANSFER).document["payer_balance"] for _ in range(3)]
    assert left == ["90", "80", "70"]
    assert [record["connections_made"] for record in transfer.records] == [1, 0, 0]


@pytest.mark.parametrize("cut", Cut)
def test_a_connection_that_breaks_between_invocations_is_replaced(
    start: Start, bank: KeptConnection, local_cluster: LocalAddress, cut: Cut
) -> None:
    with Relay(local_cluster.port) as relay:
        transfer = start(4, CLUSTER_ENDPOINT=f"{NAME}:{relay.port}")
        first = transfer.invoke(TRANSFER).document
        relay.next_turn(cut)
        second = transfer.invoke(TRANSFER).document
    assert [each["payer_balance"] for each in (first, second)] == ["90", "80"]
    assert [record["connections_made"] for record in transfer.records] == [1, 1]


@pytest.mark.parametrize("chapter", [3, 5, 7])
def test_a_connection_that_the_cluster_closed_for_its_age_is_replaced(
    start: Start, bank: KeptConnection, chapter: int
) -> None:
    event = {3: {"id": 1}, 5: TRANSFER, 7: {"operation": "optimize"}}[chapter]
    if chapter == 7:
        start(7).invoke({"operation": "setup"})
    function = start(chapter)
    function.invoke(event)
    local.set_faults(local.Faults(connection_age_s=0.01))
    assert eventually(lambda: local.status().connections == 0)
    local.set_faults(local.Faults())
    assert function.invoke(event).error_type is None
    assert function.records[-1]["connections_made"] == 1


def test_a_first_connection_that_breaks_is_an_error(
    start: Start, bank: KeptConnection, local_cluster: LocalAddress
) -> None:
    with Relay(local_cluster.port) as relay:
        transfer = start(4, CLUSTER_ENDPOINT=f"{NAME}:{relay.port}")
        relay.next_turn(Cut.QUESTION_LOST)
        kind, message = transfer.invoke(TRANSFER).error
    assert kind == "ConnectionLost"
    assert "nothing changed" in message


def test_chapter_4_has_no_key_and_tells_of_a_lost_answer_to_commit(
    start: Start, bank: KeptConnection
) -> None:
    transfer = start(4)
    transfer.invoke(TRANSFER)
    local.set_faults(local.Faults(cut_after_commit=1))
    kind, message = transfer.invoke(TRANSFER).error
    local.set_faults(local.Faults())
    assert kind == "OutcomeUnknown"
    assert "may or may not have happened" in message
    assert transfer.records[-1]["outcome"] == "outcome_unknown"
    assert accounts.balance(bank, 1).balance == 80
    assert transfer.invoke(TRANSFER).document["payer_balance"] == "70"
    assert transfer.invoke(TRANSFER | {"key": str(uuid4())}).error_type == "InvalidRequest"


def test_chapter_5_finds_out_a_lost_answer_to_commit(start: Start, bank: KeptConnection) -> None:
    transfer = start(5)
    transfer.invoke(TRANSFER)
    local.set_faults(local.Faults(cut_after_commit=1))
    document = transfer.invoke(TRANSFER).document
    local.set_faults(local.Faults())
    assert (document["payer_balance"], document["attempts"]) == ("80", 1)
    assert accounts.balance(bank, 1).balance == 80


def test_a_request_with_a_key_moves_money_once_however_often_it_is_made(
    start: Start, bank: KeptConnection, two_uuids: tuple[UUID, UUID]
) -> None:
    payer, payee = map(str, two_uuids)
    for chapter, pair in ((5, {}), (6, {"payer_id": payer, "payee_id": payee})):
        transfer = start(chapter)
        event = TRANSFER | pair | {"key": str(uuid4())}
        left = [transfer.invoke(event).document["payer_balance"] for _ in range(3)]
        assert left == ["90", "90", "90"]
        assert [record.get("replayed") for record in transfer.records] == [None, True, True]
        other = transfer.invoke(event | {"amount": "11"})
        assert other.error_type == "KeyUsed"
    assert [accounts.balance(bank, each).balance for each in (1, two_uuids[0])] == [90, 90]


@pytest.mark.parametrize("chapter", [5, 6])
def test_a_request_that_lambda_makes_again_moves_money_once(
    bank: KeptConnection, two_uuids: tuple[UUID, UUID], endpoint: Endpoint, chapter: int
) -> None:
    """A retry by Lambda has the id of the first: here it is another environment's."""
    payer, payee = (1, 2) if chapter == 5 else map(str, two_uuids)
    event = {"payer_id": payer, "payee_id": payee, "amount": "10"}
    for left, context in (("90", OwnContext(30)), ("80", OwnContext(30))):
        for _ in range(2):
            environment = Environment(lambda: endpoint)
            answer = function_of(chapter).invoke(event, context, environment)
            environment.close()
            assert (answer["payer_balance"], answer["attempts"]) == (left, 1)


def test_a_request_whose_id_is_no_uuid_has_a_key_all_the_same() -> None:
    one, again, other = key_of("local-1"), key_of("local-1"), key_of("local-2")
    assert one == again != other
    assert key_of(str(one)) == one


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({"CLUSTER_ENDPOINT": ""}, "UsageError", "CLUSTER_ENDPOINT is not set"),
        ({"CLUSTER_ENDPOINT": "local"}, "UsageError", "a function has no local cluster"),
        ({"CLUSTER_ENDPOINT": "https://x"}, "UsageError", "is not an endpoint"),
        (
            {"CLUSTER_ENDPOINT": "db.example.com", "REGION": "nowhere"},
            "UsageError",
            "REGION is 'nowhere', which is not a region",
        ),
        ({"AWS_SECRET_ACCESS_KEY": "another"}, "ConnectionFailed", "denied access to role admin"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "ConnectionFailed", "certificate"),
    ],
)
def test_a_function_that_is_set_up_wrongly_says_so(
    start: Start, bank: KeptConnection, changed: dict[str, str], kind: str, words: str
) -> None:
    function = start(3, **changed)
    for _ in range(2):
        error = function.invoke({"id": 1}).error
        assert error[0] == kind
        assert words in error[1]


def test_the_log_has_one_line_an_invocation_and_no_secret(
    start: Start, bank: KeptConnection, local_cluster: LocalAddress
) -> None:
    transfer = start(5)
    answers = [transfer.invoke(TRANSFER), transfer.invoke(TRANSFER | {"payer_id": 99})]
    done, refused = transfer.records
    assert list(done) == ENTRY
    assert (done["chapter"], done["attempts"], done["outcome"]) == (5, 1, "done")
    assert list(refused) == [*ENTRY, "error", "sqlstate", "hint"]
    assert refused["outcome"] == "account_not_found"
    assert refused["error"] == "Payer account not found."
    assert [done["request_id"], refused["request_id"]] == [each.request_id for each in answers]
    for secret in (local_cluster.secret_access_key, "X-Amz-Signature", "password"):
        assert secret not in transfer.log


def test_a_function_does_without_the_command_line_and_the_local_cluster(
    start: Start, task_root: Any
) -> None:
    assert not (task_root / "dsqlkit" / "cli").exists()
    assert not (task_root / "dsqlkit" / "local").exists()
    refused = start(1).invoke({})
    assert any(str(task_root) in line for line in refused.document["stackTrace"])
