"""Raw SVI slices of annualised variance, and whether a surface of them admits static arbitrage.

v(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)) with k = ln(K/F); total variance w = v T.
Conditions after Gatheral and Jacquier (2014), "Arbitrage-free SVI volatility surfaces": a slice
has no butterfly arbitrage iff Durrleman's g(k) >= 0 everywhere, which includes wings no steeper
than 2 (Lee 2004); two slices have no calendar arbitrage iff total variance does not fall with
expiry at any k.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from amm_sim.pricing.smile import Slice

Array = npt.NDArray[np.float64]

GRID: Array = np.linspace(-1.5, 1.5, 301)
"""Log-moneyness at which a slice is checked: strikes from 0.22 to 4.5 times the forward."""


def variance(svi: Slice, k: float | Array) -> Array:
    """Annualised variance at log-moneyness ``k``."""
    x = np.asarray(k, dtype=np.float64) - svi.m
    value: Array = svi.a + svi.b * (svi.rho * x + np.hypot(x, svi.sigma))
    return value


def vol(svi: Slice, k: float | Array) -> Array:
    """Annualised volatility; NaN where the slice's variance is negative."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(variance(svi, k)), dtype=np.float64)


def durrleman(svi: Slice, years: float, k: float | Array = GRID) -> Array:
    """g(k): risk-neutral density over a positive factor; negative where butterflies cost < 0."""
    k = np.asarray(k, dtype=np.float64)
    root = np.hypot(k - svi.m, svi.sigma)
    w = variance(svi, k) * years
    first = svi.b * (svi.rho + (k - svi.m) / root) * years
    second = svi.b * svi.sigma**2 / root**3 * years
    g: Array = (1 - k * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 0.25) + second / 2
    return g


def has_butterfly(svi: Slice, years: float, k: Array = GRID) -> bool:
    """Whether ``k`` shows butterfly arbitrage or variance <= 0, or a wing is too steep."""
    steep = svi.b * (1 + abs(svi.rho)) * years > 2.0
    if steep or np.min(variance(svi, k)) <= 0.0:
        return True
    return bool(np.min(durrleman(svi, years, k)) < 0.0)


def has_calendar(
    near: Slice, near_years: float, far: Slice, far_years: float, k: Array = GRID
) -> bool:
    """Whether total variance is anywhere on ``k`` lower for the later expiry."""
    return bool(np.any(variance(far, k) * far_years < variance(near, k) * near_years))
