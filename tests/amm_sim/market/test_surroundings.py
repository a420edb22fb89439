import math

import numpy as np
import pytest

from amm_sim.errors import ScenarioError
from amm_sim.market.path import time_grid
from amm_sim.market.surroundings import Gas, ImpliedVol, Venue

YEAR = 31_536_000
LIMIT = 4.5


def flat(times):
    return np.full(len(times), 100.0)


def test_implied_vol_stays_at_its_level_without_shocks():
    times = time_grid(0, 60, 1000)
    path = ImpliedVol(level=0.8, vol_of_vol=0.0).path(times, flat(times), np.random.default_rng(0))
    assert path == pytest.approx(np.full(1001, 0.8))


def test_implied_vol_rises_when_spot_falls_and_reverts():
    times = time_grid(0, 3600, 24 * 30)
    spot = np.where(np.arange(len(times)) < 10, 100.0, 80.0)
    path = ImpliedVol(level=0.8, vol_of_vol=0.0, leverage=-0.5, reversion=1.0).path(
        times, spot, np.random.default_rng(0)
    )
    jump = path[10] / path[9]
    assert jump == pytest.approx(math.exp(-0.5 * math.log(0.8)))
    a_day_later = math.log(path[34] / 0.8) / math.log(path[10] / 0.8)
    assert a_day_later == pytest.approx(math.exp(-1.0), rel=1e-9)
    assert path[-1] == pytest.approx(0.8, rel=1e-6)


def test_implied_vol_follows_what_is_realised():
    times = time_grid(0, 60, 60 * 24 * 10)
    rng = np.random.default_rng(4)
    returns = 1.6 * math.sqrt(60 / YEAR) * rng.standard_normal(len(times) - 1)
    spot = 100 * np.exp(np.concatenate(([0.0], np.cumsum(returns))))
    keys = {"level": 0.6, "vol_of_vol": 0.0, "leverage": 0.0, "reversion": 5.0}
    half = ImpliedVol(**keys, follow=0.5).path(times, spot, rng)
    none = ImpliedVol(**keys, follow=0.0).path(times, spot, rng)
    assert half[-3000:].mean() == pytest.approx(1.1, abs=0.05)
    assert none[-1] == pytest.approx(0.6)


def test_implied_vol_has_its_stationary_variance():
    """AR(1) in logs: vol_of_vol^2 dt / (1 - phi^2); half of it is refuted."""
    times = time_grid(0, 3600, 200_000)
    keys = ImpliedVol(level=0.8, vol_of_vol=1.5, leverage=0.0, reversion=24.0, floor=0.01, cap=50.0)
    logs = np.log(keys.path(times, flat(times), np.random.default_rng(8)))[100:]
    phi = math.exp(-1.0)
    expected = 1.5**2 * 3600 / YEAR / (1 - phi**2)
    effective = len(logs) * (1 - phi**2) / (1 + phi**2)
    error = expected * math.sqrt(2 / effective)
    assert abs(logs.var() - expected) < LIMIT * error
    assert abs(logs.var() - expected / 4) > LIMIT * error


def test_implied_vol_follows_points_and_bounds():
    times = time_grid(0, 3600, 48)
    keys = ImpliedVol(points=((0.0, 0.8), (24.0, 2.0)), vol_of_vol=0.0, reversion=1000.0, cap=1.9)
    path = keys.path(times, flat(times), np.random.default_rng(0))
    assert path[13] == pytest.approx(1.4, abs=0.06)
    assert path[30] == pytest.approx(1.9)


def test_gas_follows_congestion():
    times = time_grid(0, 3600, 20)
    gas, congestion = Gas(price=2e-6, congestion=((0.0, 1.0), (10.0, 6.0)), noise=0.0).path(
        times, np.random.default_rng(0)
    )
    assert congestion[[0, 5, 10, 20]] == pytest.approx([1.0, 3.5, 6.0, 6.0])
    assert gas == pytest.approx(2e-6 * congestion)


def test_venue_basis_noise_has_its_deviation():
    times = time_grid(0, 60, 100_000)
    spot = flat(times)
    price, depth, is_open = Venue(basis_noise=0.002, basis_minutes=1.0).path(
        times, spot, np.random.default_rng(2)
    )
    logs = np.log(price / spot)
    phi = 0.5
    effective = len(logs) * (1 - phi**2) / (1 + phi**2)
    error = 0.002**2 * math.sqrt(2 / effective)
    assert abs(logs.var() - 0.002**2) < LIMIT * error
    assert abs(logs.var() - 0.0025**2) > LIMIT * error
    assert depth == pytest.approx(np.ones(len(times)))
    assert is_open.all()


def test_venue_closes_in_its_windows_and_follows_points():
    times = time_grid(0, 3600, 6)
    price, depth, is_open = Venue(
        basis=((0.0, 0.0), (2.0, -0.2)),
        basis_noise=0.0,
        depth=((0.0, 1.0), (4.0, 0.2)),
        closed=((1.0, 3.0),),
    ).path(times, flat(times), np.random.default_rng(2))
    assert is_open.tolist() == [True, False, False, True, True, True, True]
    assert price[2] == pytest.approx(100 * math.exp(-0.2))
    assert depth[2] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: ImpliedVol(level=-0.8), "iv.level"),
        (lambda: ImpliedVol(level=math.nan), "iv.level"),
        (lambda: ImpliedVol(follow=1.5), "iv.follow"),
        (lambda: ImpliedVol(points=((1.0, 0.5), (0.0, 0.5))), "iv.points"),
        (lambda: ImpliedVol(cap=0.1), "iv.cap"),
        (lambda: Gas(price=-1.0), "gas.price"),
        (lambda: Venue(closed=((2.0, 1.0),)), "venue.closed"),
        (lambda: Venue(depth=((0.0, 0.0),)), "venue.depth"),
    ],
)
def test_bad_key_is_named(make, key):
    with pytest.raises(ScenarioError, match=f"market.{key}"):
        make()
