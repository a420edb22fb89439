"""The float cost function against an independent maximiser in 40 digits."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mpf

from amm_sim.pricing.dual_cost import (
    Board,
    cost,
    objective,
    optimal_shift,
    slope,
    trade_cost,
    weight,
)
from tests.contracts.ledger_world import Reference

STRIKES = np.array([1400.0, 1600.0, 1800.0, 2000.0, 2200.0, 2600.0])
EXPIRY = 31_536_000
SPOT = 1950.0


def board(impact: float = 1e6, vol: float = 0.65) -> Board:
    k = np.log(STRIKES / SPOT)
    return Board(STRIKES, vol + 0.2 * k**2 - 0.1 * k, weight(k, 0.6), impact, 0.25)


def reference(b: Board, net: np.ndarray) -> Reference:
    exact = [[mpf(float(x)) for x in array] for array in (b.strikes, b.anchors, b.weights, net)]
    return Reference(EXPIRY, mpf(b.impact), *exact, max_shift=mpf(b.max_shift))


@pytest.mark.parametrize("days", [1, 30, 300])
def test_cost_and_shift_of_random_books_match_mpmath(days: int) -> None:
    rng = np.random.default_rng(days)
    nets, time = rng.normal(0, 60, (4, 6)), EXPIRY - days * 86_400
    shifts = optimal_shift(board(), nets, SPOT, days / 365)
    costs = cost(board(), nets, SPOT, days / 365)
    for net, u, value in zip(nets, shifts, costs, strict=True):
        ref = reference(board(), net)
        assert u == pytest.approx(float(ref.shift(mpf(SPOT), time)), abs=1e-9)
        assert value == pytest.approx(float(ref.cost(mpf(SPOT), time)), rel=1e-11)


@pytest.mark.parametrize("size", [-900.0, -3.0, 0.01, 40.0, 900.0])
def test_trade_cost_matches_mpmath_for_calls_and_puts(size: float) -> None:
    net = np.array([5.0, -12.0, 30.0, 44.0, -9.0, 3.0])
    time, years = EXPIRY - 20 * 86_400, 20 / 365
    ref = reference(board(), net)
    want = ref.with_trade(2, size).cost(mpf(SPOT), time) - ref.cost(mpf(SPOT), time)
    assert trade_cost(board(), net, (2, True), size, SPOT, years) == pytest.approx(
        float(want), abs=1e-7
    )
    assert trade_cost(board(), net, (2, False), size, SPOT, years) == pytest.approx(
        float(want) + size * (1800 - SPOT), abs=1e-7
    )


def test_shift_of_a_book_with_two_maxima_is_the_better_one() -> None:
    strikes = np.array([1500.0, 2000.0, 2600.0])
    b = Board(strikes, np.full(3, 0.8), weight(np.log(strikes / 2000), 0.6), 5e4, 0.25)
    for short in (-400.0, -440.0, -480.0):
        net, time = np.array([800.0, short, 800.0]), EXPIRY - 20 * 86_400
        ends = slope(b, net, 2000, 20 / 365, np.array([-0.25, 0.25]))
        assert ends[0] < 0 < ends[1]
        want = reference(b, net).shift(mpf(2000), time, pieces=50)
        assert optimal_shift(b, net, 2000, 20 / 365) == pytest.approx(float(want), abs=1e-9)


def test_shift_is_zero_without_impact_and_at_expiry() -> None:
    net = np.full(6, 100.0)
    assert optimal_shift(board(impact=0), net, SPOT, 0.1) == 0
    assert optimal_shift(board(), net, SPOT, 0.0) == 0
    intrinsic = float(np.sum(net * np.maximum(SPOT - STRIKES, 0)))
    assert cost(board(), net, SPOT, 0.0) == pytest.approx(intrinsic)


def test_slope_is_the_derivative_of_the_objective() -> None:
    net, h = np.array([5.0, -12.0, 30.0, 44.0, -9.0, 3.0]), 1e-5
    for u in (-0.2, 0.0, 0.13):
        up, down = (objective(board(), net, SPOT, 0.1, u + s) for s in (h, -h))
        assert slope(board(), net, SPOT, 0.1, u) == pytest.approx((up - down) / (2 * h), rel=1e-7)


def test_vols_stay_positive_over_the_whole_clamp() -> None:
    for vol in (0.06, 0.5, 4.9):
        b = board(vol=vol)
        assert b.vols(np.array([-b.limit, b.limit])).min() >= b.anchors.min() / 2 - 1e-15
        assert b.vols(b.limit).max() <= 5.0 + 1e-12
