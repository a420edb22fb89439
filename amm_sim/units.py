"""The only place that knows 10**18.

``to_wad`` and ``from_wad`` convert between the chain's 18-decimal integers and floats or
Decimals; ``quantize`` is the one rounding that every decision passes through, so that processors
whose libm differ in the last bit still agree.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

WAD = 10**18
LOT = 10**12
"""Smallest trade in wei of a contract: 1e-6 contract."""
YEAR = 31_536_000
SIGNIFICANT = 9
"""Significant digits that a float decision keeps."""


def to_wad(value: Decimal | float | str) -> int:
    """The 18-decimal integer of ``value``, rounded half to even; exact for Decimal, int and str.

    Raises:
        ValueError: not a finite number.
    """
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    with localcontext() as context:
        context.prec = 100
        return int((number * WAD).to_integral_value(rounding=ROUND_HALF_EVEN))


def from_wad(value: int) -> float:
    """The nearest float of an 18-decimal integer."""
    return value / WAD


def exact(value: int) -> Decimal:
    """The exact Decimal of an 18-decimal integer."""
    with localcontext() as context:
        context.prec = 100
        return Decimal(value) / WAD


def quantize(value: float, digits: int = SIGNIFICANT) -> float:
    """``value`` rounded to ``digits`` significant digits.

    Every decision passes through here once.
    """
    if value == 0.0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits - 1}e}")


def decision_to_wad(value: float) -> int:
    """``to_wad(quantize(value))`` of a finite float, three times as quick."""
    digits, _, exponent = f"{value:.{SIGNIFICANT - 1}e}".partition("e")
    number, shift = int(digits.replace(".", "")), int(exponent) + 19 - SIGNIFICANT
    if shift >= 0:
        return number * int(10**shift)
    unit = int(10**-shift)
    whole, rest = divmod(number, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole & 1 == 1))


def to_lots(size: float) -> int:
    """``size`` contracts as an 18-decimal integer that is a whole number of lots."""
    return round(quantize(size) * (WAD // LOT)) * LOT
