"""Finding statements that wait for each other. No cluster runs."""

import pytest

from dsqlkit.local.occ.lock_monitor import Concern, Wait, Waits, circle


@pytest.mark.parametrize(
    ("waits", "around"),
    [
        ({}, set()),
        ({1: [2], 2: [3]}, set()),
        ({1: [2], 2: [1]}, {1, 2}),
        ({1: [2], 2: [3], 3: [1]}, {1, 2, 3}),
        ({1: [2], 2: [3], 3: [2]}, {2, 3}),  # who waits for them is not among them
        ({1: [2, 3], 2: [4], 3: [5], 5: [1]}, {1, 3, 5}),
        ({1: [2, 3], 2: [4], 3: [4]}, set()),  # two ways to one are no circle
        ({1: [9], 2: [3], 3: [4], 4: [2]}, {2, 3, 4}),
    ],
)
def test_those_that_wait_for_each_other(waits: dict[int, list[int]], around: set[int]) -> None:
    found: Waits = {pid: Wait(Concern.ROW, tuple(by)) for pid, by in waits.items()}
    assert set(circle(found)) == around
