"""Which of two measurements is the better one: DPU and rows first, time last."""

from decimal import Decimal

import pytest

from dsqlkit.advisor.choosing import better
from dsqlkit.measurement import Measurement


def _measured(
    scanned: int, *, ms: float = 1.0, spread: float = 0.1, completed: int = 0, dpu: str = ""
) -> Measurement:
    return Measurement(
        execution_ms=ms,
        spread_ms=spread,
        runs=14,
        rows=10,
        rows_scanned=scanned,
        index=None,
        rows_completed=completed,
        storage_dpu=Decimal(dpu) if dpu else None,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_measured(100), _measured(200)),
        (_measured(100, ms=2), _measured(200, ms=1)),
        (_measured(200, dpu="0.1"), _measured(100, dpu="0.2")),
        (_measured(100, dpu="0.100"), _measured(200, dpu="0.101")),
        (_measured(100, dpu="0.2"), _measured(200)),
        (_measured(100, dpu="0.0"), _measured(100, dpu="0.1")),
        (_measured(100, dpu="0.1", ms=2), _measured(100, dpu="0.2", ms=1)),
        (_measured(100, ms=2), _measured(100, completed=100, ms=1)),
        (_measured(100, ms=1), _measured(100, ms=2)),
        (_measured(0), _measured(10)),
    ],
)
def test_fewer_dpu_win_then_fewer_rows_then_fewer_completed_then_less_time(
    one: Measurement, other: Measurement
) -> None:
    assert better(one, other)
    assert not better(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_measured(100), _measured(100)),
        (_measured(100), _measured(103)),
        (_measured(100, ms=1.0), _measured(100, ms=1.15)),
        (_measured(100, ms=1.0, spread=2), _measured(100, ms=3.0, spread=0.1)),
        (_measured(100, dpu="0.100"), _measured(100, dpu="0.101")),
    ],
)
def test_a_difference_within_the_spread_or_the_noise_is_none(
    one: Measurement, other: Measurement
) -> None:
    assert not better(one, other)
    assert not better(other, one)
