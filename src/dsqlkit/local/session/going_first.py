"""The first statement of a transaction, before which another may be let go first (occ/luck.py).

One that reads is such too: what it reads is what its transaction will have lost by."""

import time
from collections.abc import Callable

from dsqlkit.local.occ.open_transaction import OpenTransaction
from dsqlkit.local.session.parts import Parts


def lets_another(parts: Parts, transaction: OpenTransaction, send: Callable[[], None]) -> bool:
    """Whether what is to be sent now, which reads or writes, has to wait for another. It is sent by
    `send` then, and not kept waiting again."""
    if transaction.touched.statements or transaction.first_sent_s is not None:
        return False
    transaction.first_sent_s = time.monotonic()
    if not parts.adjudicator.luck.yields(parts.contender):
        return False
    parts.do("letting another go first", _let_pass(parts, transaction, send))
    return True


async def _let_pass(parts: Parts, transaction: OpenTransaction, send: Callable[[], None]) -> None:
    await parts.adjudicator.luck.let_pass(parts.contender)
    transaction.first_sent_s = time.monotonic()
    send()
