"""Minimum-variance hedges: closed forms, brute force, a tape by hand."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from scipy.optimize import minimize

from amm_sim.analyzers import instruments as ins
from amm_sim.tape import TABLES, Tape
from tests.amm_sim.analyzers.tapes import HOUR, START, empty_tape, frame


def test_one_instrument_leaves_one_less_squared_correlation() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    v = 3.0 * x + rng.normal(size=200)
    found = ins.minimum_variance(v, x[:, None])
    rho = np.corrcoef(v, x)[0, 1]
    assert found.left == pytest.approx(1.0 - rho**2, rel=1e-12)
    assert found.alone[0] == pytest.approx(found.left, rel=1e-12)
    assert found.sizes[0] == pytest.approx(-np.cov(v, x)[0, 1] / x.var(ddof=1), rel=1e-12)


def test_several_instruments_are_the_brute_force_minimum_when_samples_are_many() -> None:
    """Correlated instruments of units a thousand apart; no shrinkage is left at 20,000 periods."""
    rng = np.random.default_rng(2)
    root = rng.normal(size=(3, 3))
    x = rng.normal(size=(20_000, 3)) @ root * np.array([1.0, 1000.0, 0.01])
    v = x @ np.array([2.0, -0.003, 50.0]) + rng.normal(size=20_000)
    found = ins.minimum_variance(v, x)
    scale = np.array([1.0, 1e-3, 100.0])
    best = minimize(lambda h: float((v + x @ (h * scale)).var()), np.zeros(3), tol=1e-12)
    assert found.sizes / scale == pytest.approx(best.x, rel=0.02, abs=0.05)
    assert found.left == pytest.approx(best.fun / v.var(), rel=1e-2)
    assert found.shrinkage < 0.01
    assert (found.left < found.alone).all()


def test_shrinkage_is_the_published_intensity() -> None:
    """Ledoit and Wolf's sums, term by term; near one for noise, near none for what moves alike."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(40, 5))
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    sample = z.T @ z / 40
    beta = sum(((np.outer(row, row) - sample) ** 2).sum() for row in z) / 40**2
    wanted = min(beta / ((sample - np.eye(5)) ** 2).sum(), 1.0)
    matrix, intensity = ins.shrunk(z)
    assert intensity == pytest.approx(wanted, rel=1e-12)
    assert intensity > 0.5
    assert np.diag(matrix) == pytest.approx(np.ones(5))
    assert ins.shrunk(np.repeat(z[:, :1], 5, axis=1))[1] < 0.1


def test_twin_instruments_share_the_hedge() -> None:
    """Two of the same up to a thousandth: without shrinkage sizes would be opposite hundreds."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=60)
    twins = np.column_stack((x, x + 1e-3 * rng.normal(size=60)))
    found = ins.minimum_variance(-x + 0.3 * rng.normal(size=60), twins)
    assert found.sizes.sum() == pytest.approx(1.0, abs=0.15)
    assert np.abs(found.sizes).max() < 1.5


def test_series_that_do_not_move_or_are_short_are_refused() -> None:
    with pytest.raises(ValueError, match="without moves"):
        ins.minimum_variance(np.arange(9.0), np.ones((9, 1)))
    with pytest.raises(ValueError, match="at least 4"):
        ins.minimum_variance(np.arange(3.0), np.ones((3, 2)))


def test_tracking_error_by_hand() -> None:
    """Differences 1, -1, 3: mean 1, deviation 2."""
    assert ins.tracking_error(np.array([1.0, 0.0, 4.0]), np.array([0.0, 1.0, 1.0])) == 2.0


def tape(hedge: float) -> Tape:
    """Nine hours; the book loses 2 a dollar of spot, the hedge's equity moves by ``hedge``."""
    spot = [100, 103, 99, 104, 110, 108, 101, 97, 105]
    rows, market = [], []
    for hour, level in enumerate(spot):
        equity = Decimal(str(hedge * (level - 100)))
        nav = Decimal(-2 * (level - 100)) + equity + 1000
        time = START + hour * HOUR
        rows.append({"block": hour + 1, "time": time, "nav": nav, "hedge_equity": equity})
        market.append({"time": time, "spot": float(level), "venue": float(level)})
    tables = {"pool": frame(TABLES["pool"], rows), "market": frame(TABLES["market"], market)}
    return Tape({}, tables)


@pytest.mark.parametrize(("hedge", "left"), [(0.0, 1.0), (1.0, 0.25), (2.0, 0.0), (3.0, 0.25)])
def test_metrics_of_a_tape_by_hand(hedge: float, left: float) -> None:
    """Half the hedge leaves a quarter of the variance, and so does half of it too much."""
    found = {m.name: m.value for m in ins.metrics(tape(hedge))}
    assert found["variance_left"] == pytest.approx(left, abs=1e-12)
    assert found["variance_left_best_fixed"] == pytest.approx(0.0, abs=1e-12)
    assert found["best_fixed_hedge"] == pytest.approx(2.0)


def test_empty_tape_claims_nothing() -> None:
    assert [m.value for m in ins.metrics(empty_tape())] == [1.0, 1.0, 0.0]
