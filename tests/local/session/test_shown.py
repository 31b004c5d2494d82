"""What is printed of a session's parts where one looks at them: their state, and no data."""

from dsqlkit.local.backend.exchange import FORWARDED, Exchange, Request
from dsqlkit.local.dialect.reading import read
from dsqlkit.local.dialect.refusal import Refusal
from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.statements.steps import End, Step
from dsqlkit.local.wire.messages import error_response


def test_an_exchange_shows_how_far_it_has_come() -> None:
    assert repr(Exchange(FORWARDED)) == "<exchange forwarded>"
    exchange = Exchange(Request(guarded=True))
    assert repr(exchange) == "<exchange guarded, held back>"
    exchange.gives_way = True
    exchange.pieces.append((0, b"treasure"))
    exchange.verdict.error = error_response("23505", "treasure")
    assert repr(exchange) == "<exchange guarded, held back, being cancelled, failed with 23505>"
    exchange = Exchange(Request(copies=True))
    exchange.cancelled_as = Refusal("54000", "too old")
    assert repr(exchange) == "<exchange copies, held back, being cancelled>"


def test_a_transaction_shows_its_phase_and_what_it_claims() -> None:
    transaction = OpenTransaction(began_at=0)
    assert repr(transaction) == "<transaction OPEN, claims nothing>"
    sql = b"UPDATE accounts SET name = 'treasure'"
    transaction.note(Step(sql, End.QUERY, None), read(sql).statement, 1)
    transaction.lose("it was late")
    transaction.go_to_overlays()
    assert repr(transaction) == '<transaction AT_OVERLAYS, lost: it was late, claims "accounts">'
