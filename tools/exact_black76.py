"""Black (1976) in mpmath with 60 digits, from the textbook: the oracle of the pricing tests.

Prices in wei as the contracts take them, time in seconds, volatility in 1e18; results in wei,
unrounded.
"""

from __future__ import annotations

from typing import NamedTuple

from mpmath import erfc, exp, log, mp, mpf, pi, sqrt

DIGITS = 60
WAD = 10**18
YEAR = 31_536_000

Point = tuple[int, int, int, int]
"""Forward, strike, seconds left, volatility."""


class Exact(NamedTuple):
    """What `OptionGreeks` holds, in wei."""

    call: mpf
    put: mpf
    callDelta: mpf  # noqa: N815 - the contract's name
    gamma: mpf
    vega: mpf
    theta: mpf
    vanna: mpf
    volga: mpf


def normal(x: mpf) -> mpf:
    return erfc(-x / sqrt(2)) / 2


def exact(point: Point) -> Exact:
    """Values and Greeks by differentiating F N(d1) - K N(d2); time and volatility above 0."""
    with mp.workdps(DIGITS):
        f, k, vol = (mpf(point[i]) / WAD for i in (0, 1, 3))
        years = mpf(point[2]) / YEAR
        s = vol * sqrt(years)
        d1 = log(f / k) / s + s / 2
        d2 = d1 - s
        density = exp(-d1 * d1 / 2) / sqrt(2 * pi)
        vega = f * density * sqrt(years)
        values = (
            f * normal(d1) - k * normal(d2),
            k * normal(-d2) - f * normal(-d1),
            normal(d1),
            density / (f * s),
            vega,
            -f * density * vol / (2 * sqrt(years)),
            -density * d2 / vol,
            vega * d1 * d2 / vol,
        )
        return Exact(*(v * WAD for v in values))


def wei(x: float) -> int:
    return int(x * WAD)
