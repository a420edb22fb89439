"""Estimates of a trader: values against mpmath, fees by hand."""

import math

import mpmath as mp
import numpy as np
import pytest

from amm_sim.agents.quotes import (
    closing,
    half_spread,
    limited,
    listed,
    margin_of_short,
    outside_vol,
    quote_of,
    quotes,
)
from amm_sim.pricing import black76
from amm_sim.pricing.single import black
from amm_sim.types import LegView, SeriesKey, Smile


@mp.workdps(30)
def exact(forward, strike, years, vol, is_call):
    deviation = mp.mpf(vol) * mp.sqrt(mp.mpf(years))
    d1 = mp.log(mp.mpf(forward) / strike) / deviation + deviation / 2
    call = forward * mp.ncdf(d1) - strike * mp.ncdf(d1 - deviation)
    vega = forward * mp.sqrt(mp.mpf(years)) * mp.npdf(d1)
    if is_call:
        return float(call), float(mp.ncdf(d1)), float(vega)
    return float(call - forward + strike), float(mp.ncdf(d1) - 1), float(vega)


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize(
    "case", [(200, 210, 0.02, 0.8), (86, 160, 0.003, 2.0), (200, 100, 0.1, 0.5)]
)
def test_black_agrees_with_mpmath_and_the_reference(case, is_call):
    value, delta, vega = black(*case, is_call)
    assert (value, delta, vega) == pytest.approx(exact(*case, is_call), abs=1e-12 * case[0])
    full = black76.greeks(*case)
    assert value == pytest.approx(float(full.call if is_call else full.put), abs=1e-12 * case[0])


def test_black_at_expiry_is_intrinsic():
    assert black(200.0, 180.0, 0.0, 0.8, True) == (20.0, 1.0, 0.0)
    assert black(200.0, 180.0, 0.0, 0.8, False) == (0.0, 0.0, 0.0)


def test_half_spread_is_the_larger_part_and_grows_with_band_and_doubt(world):
    pool = world.pool()
    assert half_spread(pool, 10.0, 0.5) == pytest.approx(0.0006 * 200 * 0.5 + 0.5 * 0.1)
    assert half_spread(pool, 100.0, -0.5) == pytest.approx(0.005 * 100 + 0.05)
    doubtful = world.pool(oracle_confidence=0.9)
    assert half_spread(doubtful, 10.0, 0.5) == pytest.approx(0.11 * 1.3)


def test_quotes_keep_to_their_deltas_and_to_open_boards(world):
    pool = world.pool(
        expiries=(world.expiry(0.05), world.expiry(1.0, open=False), world.expiry(7.0))
    )
    found = quotes(pool, 0.1, 0.9)
    assert found
    assert all(0.1 <= abs(q.delta) <= 0.9 and q.years == pytest.approx(7 / 365) for q in found)
    assert all((q.delta > 0) == q.is_call for q in found)


def test_cash_of_a_trade_includes_half_of_its_own_impact(world):
    quote = quote_of(world.pool(), world.expiry(7.0), 2, True)
    assert quote.impact == pytest.approx(quote.vega**2 / 2e6)
    assert quote.cash(10) == pytest.approx(10 * quote.value + 10 * quote.fee + 100 * quote.impact)
    assert quote.cash(-10) == pytest.approx(-10 * quote.value + 10 * quote.fee + 100 * quote.impact)


def test_limit_lies_above_the_expected_cash_on_both_sides(world):
    quote = quote_of(world.pool(), world.expiry(7.0), 2, False)
    for size in (5.0, -5.0):
        trade = limited(quote, size, 200.0, 0.01)
        assert trade.limit > quote.cash(size)
        assert trade.limit < quote.cash(size) + 5 * (0.6 * 2.0 + 0.01 * quote.vega)


def test_margin_of_a_short_is_near_the_loss_of_a_fifth(world):
    put = quote_of(world.pool(), world.expiry(7.0), 2, False)
    shocked = exact(160.0, 200.0, put.years, 0.8 * (1 + 0.5 * (30 / 7) ** 0.3), False)[0]
    assert margin_of_short(put, 200.0) == pytest.approx(shocked - put.value + 3.0)


def test_outside_vol_has_the_smile(world):
    low, high = (quote_of(world.pool(), world.expiry(7.0), i, True) for i in (0, 4))
    truth = world.truth(smile=Smile(rho=-0.4))
    assert outside_vol(truth, low) > outside_vol(truth, high)
    assert math.isclose(
        outside_vol(world.truth(), quote_of(world.pool(), world.expiry(7.0), 2, True)),
        0.8,
        rel_tol=0.05,
    )


def test_closing_reverses_live_legs_and_leaves_the_rest(world):
    far, near = world.series(7, 2, True), world.series(7, 2, False)
    gone, worthless = world.series(-1, 2, True), world.series(0.001, 4, True)
    pool = world.pool(expiries=(world.expiry(0.001), world.expiry(7.0)))
    legs = [LegView(far, 2.5), LegView(near, -1.25), LegView(gone, 1.0), LegView(worthless, 3.0)]
    orders = closing(pool, legs)
    assert [(o.series, o.size) for o in orders] == [(far, -2.5), (near, 1.25)]
    value = quote_of(pool, world.expiry(7.0), 2, False).value
    assert orders[0].limit == 0.0
    assert orders[1].limit == pytest.approx(1.25 * (value + 200.0), rel=1e-8)


def test_vols_are_read_per_strike(world):
    expiry = world.expiry(7.0, vols=np.array([1.0, 0.9, 0.8, 0.7, 0.6]))
    assert [quote_of(world.pool(), expiry, i, True).vol for i in range(5)] == [
        1.0,
        0.9,
        0.8,
        0.7,
        0.6,
    ]


def test_listed_quotes_are_those_of_mpmath_and_of_one_at_a_time(world):
    """Boards of different depth, length and time left; one without impact, one past its end."""
    short = world.expiry(30.0, strikes=np.array([190.0, 210.0]), vols=np.array([0.6, 1.4]))
    boards = (world.expiry(0.001), world.expiry(1.0, impact=0.0), world.expiry(-1.0), short)
    pool = world.pool(expiries=boards)
    found = listed(pool)
    assert len(found) == 2 * (5 + 5 + 2)
    for series, quote in found.items():
        key = SeriesKey.from_id(series)
        board = next(each for each in boards if each.expiry == key.expiry)
        alone = quote_of(world.pool(expiries=boards), board, key.strike_index, key.is_call)
        assert quote == pytest.approx(alone, rel=1e-12, abs=1e-10)
        told = (quote.value, quote.delta, quote.vega)
        case = (200.0, quote.strike, quote.years, quote.vol, quote.is_call)
        assert told == pytest.approx(exact(*case), abs=1e-10)
    assert listed(world.pool(expiries=())) == {}
