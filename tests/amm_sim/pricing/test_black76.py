"""Float Black-76 against exact arithmetic and QuantLib."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import QuantLib

from amm_sim.pricing.black76 import greeks, implied_vol, price, vega
from tools.exact_black76 import WAD, YEAR, exact

Array = npt.NDArray[np.float64]


def draw(count: int, reach: float) -> tuple[Array, Array, Array, Array]:
    """Forward, strike, years, volatility, such that wei hold them exactly for the oracle."""
    rng = np.random.default_rng(76)
    seconds = np.rint(np.exp(rng.uniform(0.0, math.log(2 * YEAR), count)))
    vol = np.round(0.01 * 500 ** rng.random(count), 6)
    k = np.clip(rng.uniform(-reach, reach, count) * vol * np.sqrt(seconds / YEAR), -4.6, 4.6)
    forward = np.full(count, 2000.0)
    return forward, np.ldexp(np.rint(np.ldexp(forward * np.exp(k), 18)), -18), seconds / YEAR, vol


def oracle(F: float, K: float, T: float, vol: float):
    numerator, denominator = float(K).as_integer_ratio()
    strike = numerator * WAD // denominator
    assert strike * denominator == numerator * WAD
    return exact((int(F) * WAD, strike, round(T * YEAR), round(vol * 10**6) * 10**12))


def test_price_keeps_its_relative_accuracy_in_the_tail() -> None:
    points = draw(1500, reach=8.0)
    calls, puts, deltas = price(*points)
    for *point, call, put, delta in zip(*points, calls, puts, deltas, strict=True):
        true = oracle(*point)
        for got, want in ((call, true.call), (put, true.put)):
            if want / WAD >= 1e-30 * point[0]:
                assert abs(got * WAD / want - 1) <= 1e-12, point
        assert abs(delta * WAD / true.callDelta - 1) <= 1e-12, point


def test_greeks_equal_exact_derivatives() -> None:
    points = draw(400, reach=5.0)
    got = greeks(*points)
    names = {"gamma": "gamma", "vega": "vega", "theta": "theta", "vanna": "vanna", "volga": "volga"}
    for i, point in enumerate(zip(*points, strict=True)):
        true = oracle(*point)
        for name in names:
            want = getattr(true, name) / WAD
            size = {"vanna": true.vega / point[0], "volga": true.vega}.get(name, 0) / WAD
            error = abs(getattr(got, name)[i] - want)
            assert error <= 1e-11 * max(abs(want), float(size) / point[3]), (name, point)


def test_vega_equals_that_of_greeks() -> None:
    points = draw(50, reach=3.0)
    assert vega(*points) == pytest.approx(greeks(*points).vega, rel=1e-13)


def test_price_equals_quantlib() -> None:
    for F, K, T, vol in zip(*draw(200, reach=3.0), strict=True):
        call, put, _ = price(F, K, T, vol)
        deviation = vol * math.sqrt(T)
        want = QuantLib.blackFormula(QuantLib.Option.Call, K, F, deviation)
        assert call == pytest.approx(want, rel=1e-9, abs=1e-9)
        assert put == pytest.approx(
            QuantLib.blackFormula(QuantLib.Option.Put, K, F, deviation), rel=1e-9, abs=1e-9
        )


def test_price_of_published_example() -> None:
    """Haug 2007, 1.1.3: futures at 19, nine months, 28 % volatility, 10 % rate."""
    call, put, _ = price(19.0, 19.0, 0.75, 0.28)
    assert float(call) * math.exp(-0.075) == pytest.approx(1.7011, abs=5e-5)
    assert float(put) == float(call)


@pytest.mark.parametrize(
    ("F", "call", "put", "delta"), [(7.0, 2.0, 0.0, 1.0), (5.0, 0.0, 0.0, 0.0)]
)
def test_price_at_expiry_is_intrinsic(F: float, call: float, put: float, delta: float) -> None:
    assert [float(x) for x in price(F, 5.0, 0.0, 0.8)] == [call, put, delta]
    got = greeks(F, 5.0, 0.0, 0.8)
    assert [got.gamma, got.vega, got.theta, got.vanna, got.volga] == [0.0] * 5
    assert vega(F, 5.0, 0.0, 0.8) == 0.0


def test_price_broadcasts() -> None:
    calls, puts, deltas = price(2000.0, np.array([1800.0, 2200.0]), np.array([[0.1], [0.2]]), 0.8)
    assert calls.shape == puts.shape == deltas.shape == (2, 2)
    assert float(calls[1, 0]) == float(price(2000.0, 1800.0, 0.2, 0.8)[0])


def test_implied_vol_of_price_is_the_vol() -> None:
    F, K, T, vol = draw(1500, reach=8.0)
    call, put, _ = price(F, K, T, vol)
    is_call = K >= F
    value = np.where(is_call, call, put)
    sound = (value > 1e-30 * F) & (value < 0.9 * np.minimum(F, K))
    assert sound.sum() > 1000
    got = implied_vol(value, F, K, T, is_call)
    assert got[sound] == pytest.approx(vol[sound], rel=1e-12)


def test_implied_vol_in_the_money_is_that_of_its_parity_twin() -> None:
    call, put, _ = price(2000.0, 1800.0, 0.1, 0.8)
    assert implied_vol(call, 2000.0, 1800.0, 0.1, True) == pytest.approx(0.8, rel=1e-12)
    assert implied_vol(put, 2000.0, 1800.0, 0.1, False) == pytest.approx(0.8, rel=1e-12)


@pytest.mark.parametrize("value", [-1.0, 199.0, 2000.0, 2500.0, math.nan])
def test_implied_vol_outside_the_bounds_is_nan(value: float) -> None:
    assert math.isnan(implied_vol(value, 2000.0, 1800.0, 0.1, True))


def test_implied_vol_of_intrinsic_value_is_zero() -> None:
    assert implied_vol(200.0, 2000.0, 1800.0, 0.1, True) == 0.0
