"""Long runs, for `make soak`."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from dsqlkit import accounts
from dsqlkit.connection import KeptConnection, open_pool
from dsqlkit.endpoint import Endpoint
from dsqlkit.errors import ConnectionFailed, OutcomeUnknown
from tests.support.relay import Cut, Relay

TRANSFERS = 20_000
ACCOUNTS = 100


@pytest.mark.soak
def test_money_is_neither_made_nor_lost_over_connections_that_keep_breaking(
    witness: KeptConnection, relayed: Endpoint, relay: Relay
) -> None:
    accounts.initialise(witness, ACCOUNTS)
    chance = random.Random(1)
    lock = threading.Lock()

    def now_and_then(_: int) -> Cut | None:
        with lock:
            return chance.choice(list(Cut)) if chance.random() < 0.005 else None

    def one(_: int) -> str:
        payer, payee = random.sample(range(1, ACCOUNTS + 1), 2)
        try:
            accounts.transfer(pool, payer, payee, Decimal("0.01"))
        except OutcomeUnknown:
            return "unknown"
        except ConnectionFailed:
            return "failed"
        return "done"

    with open_pool(relayed, size=8) as pool, ThreadPoolExecutor(8) as executor:
        relay.on_turn = now_and_then
        outcomes = Counter(executor.map(one, range(TRANSFERS)))
    assert outcomes["unknown"] > 0
    assert outcomes["failed"] > 0
    assert outcomes["done"] > TRANSFERS * 0.9
    held = sum(accounts.balance(witness, each).balance for each in range(1, ACCOUNTS + 1))
    assert held == ACCOUNTS * 100
