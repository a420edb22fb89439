"""The float hedging reference against literature values, closed forms and high precision."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.special import erf

from amm_sim.pricing.hedging import (
    Array,
    Band,
    Clock,
    Moment,
    Options,
    Policy,
    Threshold,
    band_width,
    clock_product,
    gbm_paths,
    hedge_error_std,
    leland_cost,
    replay,
)

MONTH = 30 / 365
# Standard deviation of the hedge error of a 30-day option at S 100 and 80 vol: strike, hedges,
# value by quadrature of the squared martingale increments (another program, converged to 1e-12).
EXACT = [
    (80.0, 1, 4.024846117497582),
    (80.0, 10, 1.5188926136233245),
    (80.0, 120, 0.4607159014989691),
    (100.0, 1, 6.950996842764057),
    (100.0, 2, 5.092020535504146),
]
COST = 0.0005


def _call(strike: float = 100.0, size: float = -1.0) -> Options:
    return Options((strike,), (True,), (size,), MONTH, 0.8)


def _product(policy: Policy, prices: Array, times: Array) -> float:
    result = replay(_call(), prices, times, policy, COST)
    return float(result.cost.mean() * result.pnl.std())


# ------------------------------------------------------------------ hedge error


@pytest.mark.parametrize(("strike", "steps", "wanted"), EXACT)
def test_hedge_error_std_literature_case_matches(strike: float, steps: int, wanted: float) -> None:
    assert hedge_error_std(100, strike, 0.8, MONTH, steps) == pytest.approx(wanted, rel=1e-9)


def test_hedge_error_std_two_steps_equals_direct_integration() -> None:
    """E[(C1 - C0 - D0 dS)^2] + E[(C2 - C1 - D1 dS)^2] summed over a grid, prices by erf."""
    vol, spot, strike, half = 0.8, 100.0, 110.0, 0.125
    z = np.linspace(-8, 8, 1601)
    weight = np.exp(-z * z / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    growth = np.exp(vol * math.sqrt(half) * z - vol * vol * half / 2)

    def call(s: Array, t: float) -> tuple[Array, Array]:
        w = vol * math.sqrt(2 * t)
        up = 0.5 + 0.5 * erf(np.log(s / strike) / w + w / 4)
        down = 0.5 + 0.5 * erf(np.log(s / strike) / w - w / 4)
        return s * up - strike * down, up

    middle = spot * growth
    value0, delta0 = call(np.array([spot]), 2 * half)
    value1, delta1 = call(middle, half)
    end = middle[:, None] * growth[None, :]
    payoff = np.maximum(end - strike, 0)
    first = weight @ (value1 - value0 - delta0 * (middle - spot)) ** 2
    miss = payoff - value1[:, None] - delta1[:, None] * (end - middle[:, None])
    second = weight @ (miss**2 @ weight)
    wanted = math.sqrt(float(first + second))
    assert hedge_error_std(spot, strike, vol, 2 * half, 2) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("strike", [80.0, 100.0, 120.0])
@pytest.mark.parametrize("steps", [5, 10, 30, 120])
def test_replay_clock_reproduces_exact_error(strike: float, steps: int) -> None:
    """200,000 paths in batches, so that 120 steps of them need little memory."""
    rng = np.random.default_rng(steps)
    pnl = []
    for _ in range(4):
        prices, times = gbm_paths(100, 0.8, MONTH, steps, 50_000, rng)
        pnl.append(replay(_call(strike), prices, times, Clock()).pnl)
    profit = np.concatenate(pnl)
    assert profit.std() == pytest.approx(hedge_error_std(100, strike, 0.8, MONTH, steps), rel=0.02)
    assert abs(profit.mean()) < 4 * profit.std() / math.sqrt(len(profit))


def test_replay_at_a_wrong_volatility_earns_the_dollar_gamma() -> None:
    """A call sold and hedged at 100 vol while spot moves at 80: 2.268430 on average.

    El Karoui, Jeanblanc-Picque and Shreve (1998), Mathematical Finance 8(2); the value by
    quadrature in another program. It is the premium at 100 vol less that at 80, so also the mean
    of the same sum over paths.
    """
    prices, times = gbm_paths(100, 0.8, MONTH, 360, 20_000, np.random.default_rng(3))
    sold = Options((100.0,), (True,), (-1.0,), MONTH, 1.0)
    pnl = replay(sold, prices, times, Clock()).pnl
    assert pnl.mean() == pytest.approx(2.2684304496082746, abs=4 * pnl.std() / math.sqrt(20_000))
    assert pnl.std() / math.sqrt(20_000) < 0.01


def test_hedge_error_std_more_hedges_falls_like_root_n() -> None:
    ratio = hedge_error_std(100, 100, 0.8, MONTH, 60) / hedge_error_std(100, 100, 0.8, MONTH, 240)
    assert ratio == pytest.approx(2.0, rel=0.03)


# ------------------------------------------------------------------ replay


def test_replay_two_hedges_by_hand() -> None:
    """One short put over 100 -> 90 -> 80: sells its delta short at both dates."""
    option = Options((100.0,), (False,), (-1.0,), 2.0, 0.5)
    prices = np.array([[100.0], [90.0], [80.0]])
    with mpmath.workdps(20):
        d1 = (mpmath.log(1) + 0.25) / (0.5 * mpmath.sqrt(2))
        first = mpmath.ncdf(d1) - 1
        start = 100 * (mpmath.ncdf(0.5 * mpmath.sqrt(2) - d1) - mpmath.ncdf(-d1))
        second = mpmath.ncdf(mpmath.log(0.9) / 0.5 + 0.25) - 1
        pnl = start - 20 + first * (90 - 100) + second * (80 - 90)
        cost = 0.001 * abs(second - first) * 90
    result = replay(option, prices, np.array([0.0, 1.0, 2.0]), Clock(), 0.001)
    assert result.pnl[0] == pytest.approx(float(pnl), rel=1e-12)
    assert result.cost[0] == pytest.approx(float(cost), rel=1e-12)
    assert result.hedge[0] == pytest.approx(float(second), rel=1e-12)
    assert result.hedge[0] < 0
    assert result.trades[0] == 2


def test_replay_call_and_put_have_the_same_error() -> None:
    prices, times = gbm_paths(100, 0.8, MONTH, 20, 50, np.random.default_rng(1))
    call = replay(Options((95.0,), (True,), (1.0,), MONTH, 0.8), prices, times, Clock())
    put = replay(Options((95.0,), (False,), (1.0,), MONTH, 0.8), prices, times, Clock())
    assert np.allclose(call.pnl, put.pnl, atol=1e-10)


def test_threshold_outside_goes_to_zero_or_to_the_edge() -> None:
    net = np.array([-0.3, -0.1, 0.05, 0.4])
    now = Moment(net, net, net, 0)
    assert Threshold(0.1).keep(now).tolist() == [0.0, -0.1, 0.05, 0.0]
    assert Threshold(0.1, to_edge=True).keep(now).tolist() == [-0.1, -0.1, 0.05, 0.1]


# ------------------------------------------------------------------ costs


@pytest.mark.parametrize("steps", [120, 360])
def test_replay_clock_costs_what_leland_says(steps: int) -> None:
    prices, times = gbm_paths(100, 0.8, MONTH, steps, 20_000, np.random.default_rng(7))
    result = replay(_call(), prices, times, Clock(), 0.002)
    assert result.cost.mean() == pytest.approx(
        leland_cost(100, 100, 0.8, MONTH, steps, 0.002), rel=0.02
    )


@pytest.mark.parametrize(
    ("steps", "cost", "wanted"), [(120, 0.0005, 0.17320288421548), (720, 0.002, 1.69703475322515)]
)
def test_leland_cost_published_case(steps: int, cost: float, wanted: float) -> None:
    assert leland_cost(100, 100, 0.8, MONTH, steps, cost) == pytest.approx(wanted, rel=1e-12)


def test_clock_product_is_the_same_for_every_schedule() -> None:
    wanted = clock_product(100, 100, 0.8, MONTH, COST)
    assert wanted == pytest.approx(0.12821052699831, rel=1e-12)
    for steps in (120, 360, 720):
        product = leland_cost(100, 100, 0.8, MONTH, steps, COST) * hedge_error_std(
            100, 100, 0.8, MONTH, steps
        )
        assert product == pytest.approx(wanted, rel=0.03)


# ------------------------------------------------------------------ the frontier of cost and error


@pytest.fixture(scope="module")
def quarter_hours() -> tuple[Array, Array]:
    return gbm_paths(100, 0.8, MONTH, 2880, 3000, np.random.default_rng(11))


def test_frontier_band_beats_clock_and_nothing_beats_the_bound(
    quarter_hours: tuple[Array, Array],
) -> None:
    """Products of mean cost and error, 30-day at-the-money call, 5 bp.

    0.128 by the clock in the limit, 0.063 by Whalley-Wilmott at risk aversion 0.5. The dynamic
    programme of exponential utility leaves no room below 0.055 without a signal: a product under
    it would mean that the replay looks ahead.
    """
    clock = _product(Clock(4), *quarter_hours)
    band = _product(Band(COST, 0.5), *quarter_hours)
    fixed = _product(Threshold(0.05, to_edge=True), *quarter_hours)
    others = [_product(Band(COST, a), *quarter_hours) for a in (0.1, 2.0)]
    others.append(_product(Threshold(0.05), *quarter_hours))
    assert clock == pytest.approx(0.12821, rel=0.03)
    assert band == pytest.approx(0.0628, rel=0.05)
    assert fixed == pytest.approx(0.0842, rel=0.05)
    assert min(clock, band, fixed, *others) > 0.055


def test_band_width_published_example() -> None:
    """S 2000, gamma 8.64e-4, cost 5 bp, risk aversion 0.001."""
    got = float(band_width(0.0005, 2000, 8.6401295251297059e-4, 0.001))
    with mpmath.workdps(30):
        cube = mpmath.mpf("1.5") * mpmath.mpf("0.0005") * 2000 / mpmath.mpf("0.001")
        wanted = mpmath.cbrt(cube * mpmath.mpf("8.6401295251297059e-4") ** 2)
    assert got == pytest.approx(float(wanted), rel=1e-12)
    assert got == pytest.approx(0.10384300687933, rel=1e-12)


@pytest.mark.parametrize(
    ("argument", "exponent"),
    [("cost", 1 / 3), ("spot", 1 / 3), ("gamma", 2 / 3), ("risk_aversion", -1 / 3)],
)
def test_band_width_scales_by_its_exponent(argument: str, exponent: float) -> None:
    base = {"cost": 0.0005, "spot": 2000.0, "gamma": -0.003, "risk_aversion": 1e-5}
    grown = base | {argument: 10 * base[argument]}
    slope = math.log10(float(band_width(**grown)) / float(band_width(**base)))
    assert slope == pytest.approx(exponent, abs=1e-12)
