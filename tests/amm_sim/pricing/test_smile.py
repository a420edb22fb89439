"""The outside surface: its term structure, and no static arbitrage, checked on prices and densities
directly."""

import itertools
import math

import numpy as np
import pytest

from amm_sim.errors import ScenarioError
from amm_sim.pricing.smile import check_smile, slice_at, total_variance
from amm_sim.types import Smile

DAY = 1.0 / 365.0
TENORS = [0.25 * DAY, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY]
SMILES = [Smile(), Smile(rho=-0.5, eta=1.5), Smile(rho=0.3, eta=1.7, long_vol=0.4, decay=5.0)]


def total(front, smile, years, k):
    return slice_at(front, smile, years).vol(k) ** 2 * years


@pytest.mark.parametrize("front", [0.4, 0.8, 2.5])
@pytest.mark.parametrize("smile", SMILES)
def test_total_variance_increases_with_time_at_every_strike(front, smile):
    for k in np.linspace(-0.6, 0.6, 61):
        values = [total(front, smile, years, k) for years in TENORS]
        assert all(b > a for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("front", [0.4, 0.8, 2.5])
@pytest.mark.parametrize("smile", SMILES)
def test_density_is_nowhere_negative(front, smile):
    """Durrleman's g(k) >= 0 (Gatheral and Jacquier 2014, eq. 2.1), by central differences."""
    h = 1e-4
    for years in TENORS:
        for k in np.linspace(-0.8, 0.8, 81):
            w, up, down = (total(front, smile, years, x) for x in (k, k + h, k - h))
            first, second = (up - down) / (2 * h), (up - 2 * w + down) / h**2
            g = (1 - k * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 0.25) + second / 2
            assert g > -1e-6, (years, k, g)


def test_steeper_smile_would_fail_the_density_test():
    """Power: eta beyond its bound has a negative density somewhere."""
    smile, years, h = Smile(rho=-0.9, eta=6.0), 90 * DAY, 1e-4
    found = []
    for k in np.linspace(-0.8, 0.8, 81):
        w, up, down = (total(0.8, smile, years, x) for x in (k, k + h, k - h))
        first, second = (up - down) / (2 * h), (up - 2 * w + down) / h**2
        found.append((1 - k * first / (2 * w)) ** 2 - first**2 / 4 * (1 / w + 0.25) + second / 2)
    assert min(found) < 0.0
    with pytest.raises(ScenarioError, match="eta"):
        check_smile("market.smile", smile)


def test_front_and_long_ends_of_the_term_structure():
    smile = Smile(long_vol=0.75, decay=20.0)
    assert math.sqrt(total_variance(1.3, smile, 1e-6) / 1e-6) == pytest.approx(1.3, rel=1e-4)
    assert math.sqrt(total_variance(1.3, smile, 50.0) / 50.0) == pytest.approx(0.75, rel=1e-2)
    assert slice_at(1.3, smile, 7 * DAY).vol(0.0) == pytest.approx(
        math.sqrt(total_variance(1.3, smile, 7 * DAY) / (7 * DAY))
    )


def test_negative_rho_lifts_low_strikes():
    shape = slice_at(0.8, Smile(rho=-0.3), 7 * DAY)
    assert shape.vol(-0.1) > shape.vol(0.0) > 0
    assert shape.vol(-0.1) > shape.vol(0.1)
