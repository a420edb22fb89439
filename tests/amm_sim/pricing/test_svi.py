"""SVI slices: values by hand, density by independent differentiation, known arbitrages."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import diff, mp, mpf, sqrt

from amm_sim.pricing.black76 import price
from amm_sim.pricing.smile import Slice
from amm_sim.pricing.svi import GRID, durrleman, has_butterfly, has_calendar, variance, vol

MILD = Slice(a=0.3, b=0.4, rho=-0.3, m=0.05, sigma=0.4)
VOGT = Slice(a=-0.0410, b=0.1331, rho=0.306, m=0.3586, sigma=0.4153)
"""Axel Vogt's butterfly arbitrage with T = 1; Gatheral and Jacquier 2014, section 2.2."""


def test_variance_of_slice_by_hand() -> None:
    """x = 0.3: 0.3 + 0.4 (-0.3 * 0.3 + 0.5) = 0.464."""
    assert float(variance(MILD, 0.35)) == pytest.approx(0.464, rel=1e-15)
    assert float(vol(MILD, 0.35)) == pytest.approx(0.464**0.5, rel=1e-15)


def test_vol_of_negative_variance_is_nan() -> None:
    assert np.isnan(vol(Slice(a=-1.0, b=0.1, rho=0.0, m=0.0, sigma=0.1), 0.0))


@pytest.mark.parametrize("k", [-1.0, -0.2, 0.0, 0.35, 1.2])
@pytest.mark.parametrize("svi", [MILD, VOGT])
def test_durrleman_equals_its_definition(svi: Slice, k: float) -> None:
    """g = (1 - k w'/2w)^2 - w'^2/4 (1/w + 1/4) + w''/2, differentiated numerically by mpmath."""
    years = 0.7

    def w(x: mpf) -> mpf:
        y = x - mpf(svi.m)
        return (svi.a + svi.b * (svi.rho * y + sqrt(y * y + mpf(svi.sigma) ** 2))) * years

    with mp.workdps(40):
        value, first, second = w(mpf(k)), diff(w, k), diff(w, k, 2)
        want = (1 - k * first / (2 * value)) ** 2 - first**2 / 4 * (1 / value + 0.25) + second / 2
    assert float(durrleman(svi, years, k)) == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize(("svi", "negative"), [(MILD, False), (VOGT, True)])
def test_durrleman_has_the_sign_of_butterflies(svi: Slice, negative: bool) -> None:
    """Prices of butterflies from Black-76 at the slice's vols are the density that g stands for."""
    k = np.linspace(-1.2, 1.2, 241)
    h = 1e-3
    strikes = [np.exp(k + shift) for shift in (-h, 0.0, h)]
    low, mid, high = (price(1.0, K, 1.0, vol(svi, np.log(K)))[0] for K in strikes)
    lower, upper = strikes[1] - strikes[0], strikes[2] - strikes[1]
    butterfly = (high - mid) / upper - (mid - low) / lower
    g = durrleman(svi, 1.0, k)
    clear = np.abs(g) > 1e-2
    assert (butterfly[clear] < 0).any() == negative
    assert np.array_equal(butterfly[clear] < 0, g[clear] < 0)


def test_has_butterfly_of_known_slices() -> None:
    assert has_butterfly(VOGT, 1.0)
    assert not has_butterfly(MILD, 0.25)


def test_has_butterfly_of_negative_variance() -> None:
    assert has_butterfly(Slice(a=-0.5, b=0.1, rho=0.0, m=0.0, sigma=0.1), 0.25)


def test_has_butterfly_of_steep_wings() -> None:
    """Lee 2004: total variance cannot rise faster than 2 |k|. b (1 + |rho|) T = 2.1 > 2."""
    steep = Slice(a=1.0, b=1.4, rho=-0.5, m=0.0, sigma=1.0)
    assert has_butterfly(steep, 1.0)
    assert not has_butterfly(steep, 0.25)


def test_has_calendar_of_falling_total_variance() -> None:
    lower = MILD._replace(a=0.1)
    assert not has_calendar(MILD, 0.1, MILD, 0.2)
    assert has_calendar(MILD, 0.2, lower, 0.21)
    assert has_calendar(MILD, 0.2, MILD, 0.1)


def test_has_calendar_in_one_wing_only() -> None:
    tilted = MILD._replace(rho=0.3)
    right = GRID[GRID > 0.055]
    assert np.all(variance(tilted, right) > variance(MILD, right))
    assert has_calendar(MILD, 0.2, tilted, 0.201)
