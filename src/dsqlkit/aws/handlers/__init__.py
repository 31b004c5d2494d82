"""The chapters as Lambda functions: thin shells over the library, a module a function.

What is in here goes into the functions' zip; of `dsqlkit.aws` nothing else does.
"""

from collections.abc import Mapping
from typing import Final

HANDLERS: Final[Mapping[int, str]] = {
    1: "dsqlkit.aws.handlers.hello.handler",
    3: "dsqlkit.aws.handlers.balance.handler",
    4: "dsqlkit.aws.handlers.transfer.handler",
    5: "dsqlkit.aws.handlers.retry.handler",
    6: "dsqlkit.aws.handlers.uuid_transfer.handler",
    7: "dsqlkit.aws.handlers.plans.handler",
}
"""Each chapter's function as Lambda's setting `Handler` names it. Chapter 2 is a cluster."""

TIME_LIMIT_S: Final[Mapping[int, int]] = {
    chapter: 300 if chapter == 7 else 30 for chapter in HANDLERS
}
"""How many seconds an invocation of each may take, as the original workshop sets it."""
