"""Statistics of the jump diffusion against closed forms, each with a power check.

Thresholds are 4.5 standard errors: a correct generator fails one of them for fewer than 1 in
100,000 seeds.
"""

import math

import numpy as np
import pytest

from amm_sim.errors import ScenarioError
from amm_sim.market import GbmJumps
from amm_sim.market.path import time_grid

SEED = 20200312
PATHS = 20_000
YEAR = 31_536_000
LIMIT = 4.5
CRASH = {
    "spot": 200.0,
    "drift": 0.1,
    "vol": 0.8,
    "jump_rate": 6.0,
    "jump_mean": -0.12,
    "jump_std": 0.12,
}


def terminals(seed=SEED, years=0.25, steps=1, **changes):
    """Terminal prices: one step is exact for this process, so many paths are cheap."""
    generator = GbmJumps(**{**CRASH, **changes})
    rng = np.random.default_rng(seed)
    times = time_grid(0, int(years * YEAR / steps), steps)
    return np.array([generator.spot_path(times, rng)[0][-1] for _ in range(PATHS)])


def z_of_mean(sample, expected):
    return (sample.mean() - expected) / (sample.std(ddof=1) / math.sqrt(len(sample)))


def log_moments(years, drift=0.1, vol=0.8, rate=6.0, mean=-0.12, std=0.12):
    """Mean, variance and fourth central moment of ln S_T / S_0 from the cumulants of Merton's
    model."""
    k1 = (drift - vol**2 / 2 - rate * (math.exp(mean + std**2 / 2) - 1) + rate * mean) * years
    k2 = (vol**2 + rate * (mean**2 + std**2)) * years
    k4 = rate * (mean**4 + 6 * mean**2 * std**2 + 3 * std**4) * years
    return k1, k2, k4 + 3 * k2**2


def test_path_mean_grows_with_the_drift():
    assert abs(z_of_mean(terminals(), 200.0 * math.exp(0.1 * 0.25))) < LIMIT


def test_path_mean_without_compensated_jumps_is_refuted():
    """Power: the same paths are far from the mean of an uncompensated process."""
    compensator = 6.0 * (math.exp(-0.12 + 0.12**2 / 2) - 1)
    assert abs(z_of_mean(terminals(), 200.0 * math.exp((0.1 + compensator) * 0.25))) > 3 * LIMIT


@pytest.mark.parametrize("steps", [1, 12])
def test_log_return_has_the_cumulants_of_merton(steps):
    logs = np.log(terminals(steps=steps) / 200.0)
    mean, variance, fourth = log_moments(0.25)
    assert abs(z_of_mean(logs, mean)) < LIMIT
    error = math.sqrt((fourth - variance**2) / PATHS)
    assert abs(logs.var(ddof=1) - variance) / error < LIMIT


def test_log_variance_of_a_wrong_jump_size_is_refuted():
    logs = np.log(terminals(jump_std=0.16) / 200.0)
    _, variance, fourth = log_moments(0.25)
    assert abs(logs.var(ddof=1) - variance) / math.sqrt((fourth - variance**2) / PATHS) > LIMIT


def jump_count(rate, seed=SEED):
    """Hours with a jump: with hardly any diffusion each is seen."""
    generator = GbmJumps(spot=1.0, vol=0.01, jump_rate=rate, jump_mean=0.1, jump_std=0.0)
    spot, _ = generator.spot_path(time_grid(0, 3600, 8760 * 20), np.random.default_rng(seed))
    return int((np.diff(np.log(spot)) > 0.05).sum())


def test_jump_count_follows_the_rate():
    expected = 20 * 8760 * -math.expm1(-40.0 / 8760)
    assert abs(jump_count(40.0) - expected) / math.sqrt(expected) < LIMIT
    assert abs(jump_count(60.0) - expected) / math.sqrt(expected) > LIMIT


def test_quiet_path_keeps_its_realised_volatility():
    generator = GbmJumps(spot=100.0, vol=0.5)
    path = generator.path(0, 60, 20_000, np.random.default_rng(SEED))
    returns = np.diff(np.log(path.spot))
    realised = math.sqrt(returns.var() * YEAR / 60)
    assert abs(realised / 0.5 - 1.0) < LIMIT / math.sqrt(2 * 20_000)
    assert path.realised == pytest.approx(np.full(20_001, 0.5))


def test_total_volatility_adds_the_jumps():
    assert GbmJumps(**CRASH).total_vol == pytest.approx(math.sqrt(0.64 + 6 * (0.0144 + 0.0144)))


@pytest.mark.parametrize(
    ("key", "value"),
    [("spot", 0.0), ("spot", -1.0), ("vol", -0.1), ("vol", math.nan), ("jump_rate", -1.0)],
)
def test_key_out_of_bounds_is_named(key, value):
    with pytest.raises(ScenarioError, match=f"market.{key}"):
        GbmJumps(**{**CRASH, key: value})


def test_same_seed_same_path_and_other_keys_leave_spot_alone():
    from amm_sim.market.surroundings import Gas, ImpliedVol, Venue

    plain = GbmJumps(**CRASH).path(0, 60, 500, np.random.default_rng(7))
    again = GbmJumps(**CRASH).path(0, 60, 500, np.random.default_rng(7))
    other = GbmJumps(
        **CRASH, iv=ImpliedVol(level=1.5), gas=Gas(noise=0.5), venue=Venue(basis_noise=0.01)
    ).path(0, 60, 500, np.random.default_rng(7))
    assert (plain.spot == again.spot).all()
    assert (plain.vol == again.vol).all()
    assert (plain.spot == other.spot).all()
    assert not (plain.vol == other.vol).all()


def test_prices_carry_nine_digits():
    path = GbmJumps(**CRASH).path(0, 60, 50, np.random.default_rng(1))
    assert all(float(f"{x:.8e}") == x for x in (*path.spot, *path.venue, *path.vol, *path.gas))
