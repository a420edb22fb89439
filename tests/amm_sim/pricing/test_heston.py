"""Heston and the minimum-variance delta against QuantLib, published values and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import QuantLib
from scipy import stats

from amm_sim.pricing.hedging import Options
from amm_sim.pricing.heston import Array, Heston

MONTH = 30 / 365
CRASH = Heston(k=4.0, theta=0.49, s=2.5, rho=-0.35)
VARIANCE = 0.36
SPOT = 2000.0


def _one(x: float) -> Array:
    return np.array([x])


def _quantlib(spot: float, variance: float, strike: float, years: float) -> float:
    """Adaptive Gauss-Lobatto to 1e-12."""
    today = QuantLib.Date(1, 1, 2021)
    QuantLib.Settings.instance().evaluationDate = today
    zero = QuantLib.YieldTermStructureHandle(
        QuantLib.FlatForward(today, 0.0, QuantLib.Actual365Fixed())
    )
    quote = QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot))
    process = QuantLib.HestonProcess(
        zero, zero, quote, variance, CRASH.k, CRASH.theta, CRASH.s, CRASH.rho
    )
    engine = QuantLib.AnalyticHestonEngine(QuantLib.HestonModel(process), 1e-12, 100_000)
    payoff = QuantLib.PlainVanillaPayoff(QuantLib.Option.Call, strike)
    option = QuantLib.VanillaOption(payoff, QuantLib.EuropeanExercise(today + round(years * 365)))
    option.setPricingEngine(engine)
    return float(option.NPV())


@pytest.mark.parametrize("strike", [1400.0, 2000.0, 2600.0])
@pytest.mark.parametrize("variance", [0.05, 0.36, 1.5])
@pytest.mark.parametrize("days", [7, 30, 365])
def test_call_equals_quantlib(strike: float, variance: float, days: int) -> None:
    got = CRASH.call(_one(SPOT), _one(variance), strike, days / 365).value[0]
    assert got == pytest.approx(_quantlib(SPOT, variance, strike, days / 365), abs=1e-8 * SPOT)


def test_minimum_variance_delta_published_case() -> None:
    """Values by central differences of a 30-digit quadrature in another program."""
    greeks = CRASH.call(_one(SPOT), _one(VARIANCE), 2000.0, MONTH)
    assert greeks.value[0] == pytest.approx(133.6964273415994, rel=1e-9)
    assert greeks.delta[0] == pytest.approx(0.571258252927, rel=1e-9)
    assert greeks.by_variance[0] == pytest.approx(160.8168308, rel=1e-9)
    found = CRASH.minimum_variance_delta(greeks, _one(SPOT))[0]
    assert found == pytest.approx(0.500900889463, rel=1e-9)


def test_volatility_slope_states_the_same_in_vega() -> None:
    """C_S + slope vega / S with vega = 2 sqrt(v) C_v, as the policy on chain reckons."""
    greeks = CRASH.call(_one(SPOT), _one(VARIANCE), 2000.0, MONTH)
    vega = 2.0 * math.sqrt(VARIANCE) * greeks.by_variance[0]
    found = greeks.delta[0] + CRASH.volatility_slope(VARIANCE) * vega / SPOT
    assert found == pytest.approx(0.500900889463, rel=1e-9)


@pytest.fixture(scope="module")
def moved() -> tuple[Array, Array, float]:
    """Spot and variance a day later, 8,000 times, and the option's life left."""
    rng = np.random.default_rng(5)
    start = np.full(8000, SPOT)
    spot, variance = CRASH.step(start, np.full(8000, VARIANCE), 1 / 365, 96, rng)
    return spot, np.maximum(variance, 0.01), MONTH - 1 / 365


def test_minimum_variance_delta_leaves_less_variance_than_black_scholes(
    moved: tuple[Array, Array, float],
) -> None:
    """Paired over the same days, by Pitman's test of correlated variances: p < 0.01.

    The Black-Scholes delta is that of the option's own implied volatility.
    """
    spot, variance, left = moved
    now = CRASH.call(_one(SPOT), _one(VARIANCE), 2000.0, MONTH)
    gain = CRASH.call(spot, variance, 2000.0, left).value - now.value[0]
    plain = _black_scholes_delta(now.value[0])
    error = gain - plain * (spot - SPOT)
    least = gain - CRASH.minimum_variance_delta(now, _one(SPOT))[0] * (spot - SPOT)
    assert least.var() < 0.99 * error.var()  # 0.973 in the limit; 0.99 is 4.5 standard errors off
    tested = stats.pearsonr(error + least, error - least, alternative="greater")
    assert tested.pvalue < 0.01
    wrong = gain - (2 * plain - CRASH.minimum_variance_delta(now, _one(SPOT))[0]) * (spot - SPOT)
    assert wrong.var() > error.var()  # the correction with its sign turned


def _black_scholes_delta(price: float) -> float:
    low, high = 0.1, 3.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        book = Options((2000.0,), (True,), (1.0,), MONTH, middle)
        low, high = (middle, high) if book.value(_one(SPOT), 0.0)[0] < price else (low, middle)
    return float(Options((2000.0,), (True,), (1.0,), MONTH, low).delta(_one(SPOT), 0.0)[0])


def test_one_instrument_leaves_one_less_squared_correlation(
    moved: tuple[Array, Array, float],
) -> None:
    """The best ratio from the sample itself: residual / variance = 1 - rho^2 (A05)."""
    spot, variance, left = moved
    gain = CRASH.call(spot, variance, 2000.0, left).value
    ratio = np.cov(gain, spot)[0, 1] / spot.var(ddof=1)
    rest = (gain - ratio * spot).var(ddof=1) / gain.var(ddof=1)
    assert rest == pytest.approx(1.0 - np.corrcoef(gain, spot)[0, 1] ** 2, rel=1e-9)
