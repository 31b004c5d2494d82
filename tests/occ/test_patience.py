"""How long a statement waits for one that is in its way. No cluster runs."""

import pytest

from dsqlkit.local.occ.patience import LIKELY_S, LONGEST_IN_A_ROW_S, LONGEST_WAIT_S, may_pass


@pytest.mark.parametrize(
    ("waited_s", "since_s", "waits", "passes"),
    [
        (0.001, 0.0, False, True),
        (0.001, LIKELY_S, False, False),  # it is not about to commit
        (0.001, LIKELY_S, True, True),  # whom it waits for is looked at
        (LONGEST_WAIT_S, 0.0, False, False),  # busy with one statement after another
        (LONGEST_WAIT_S, 0.0, True, True),
        (LONGEST_IN_A_ROW_S, 0.0, True, False),
    ],
)
def test_one_waits_a_moment_for_what_is_likely_to_pass(
    waited_s: float, since_s: float, waits: bool, passes: bool
) -> None:
    assert may_pass(waited_s, since_s, waits=waits) is passes
