"""Units: exact conversions, and the quick one against them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amm_sim.units import decision_to_wad, exact, quantize, to_wad


@pytest.mark.parametrize(
    ("value", "wad"),
    [
        (Decimal("0.07"), 70_000_000_000_000_000),
        (0.1, 10**17),
        ("1e-18", 1),
        (Decimal("1.5e-18"), 2),
        (Decimal("2.5e-18"), 2),
        (-3, -3 * 10**18),
    ],
)
def test_to_wad_rounds_half_to_even(value: Decimal | float | str, wad: int) -> None:
    assert to_wad(value) == wad


def test_exact_of_a_large_wad_keeps_every_digit() -> None:
    assert str(exact(123_456_789_012_345_678_901_234_567_890_123)) == (
        "123456789012345.678901234567890123"
    )


@given(st.floats(-1e18, 1e18, allow_nan=False))
@example(0.0)
@example(-0.0)
@example(5e-19)
@example(1.5e-18)
@example(-2.5e-18)
@example(1e22)
@example(123_456_789.5)
def test_decision_to_wad_any_float_equals_rounding_then_converting(value: float) -> None:
    assert decision_to_wad(value) == to_wad(quantize(value))
