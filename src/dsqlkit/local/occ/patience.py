"""How long a statement waits for a transaction in its way before one of the two is set aside. Pure.

To set a transaction aside takes several exchanges more than to let it commit, and mostly it loses
later. One that was answered or began its statement a moment ago is likely to go on by itself.
"""

from typing import Final

LIKELY_S: Final = 0.003
LONGEST_WAIT_S: Final = 0.012
LONGEST_IN_A_ROW_S: Final = 0.04


def may_pass(waited_s: float, since_s: float, *, waits: bool) -> bool:
    """Whether to let a statement wait on: it has waited for `waited_s`, for one that has been idle,
    or busy with one statement, for `since_s`, or that `waits` for somebody else itself."""
    if waits:
        return waited_s < LONGEST_IN_A_ROW_S
    return waited_s < LONGEST_WAIT_S and since_s < LIKELY_S
