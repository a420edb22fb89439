"""Execution and venue risk: published numbers, closed forms, hand-made tapes."""

from __future__ import annotations

import math
from decimal import Decimal

import mpmath
import numpy as np
import pytest

from amm_sim.analyzers import execution as ex
from amm_sim.tape import TABLES, Tape
from amm_sim.units import YEAR
from tests.amm_sim.analyzers.tapes import HOUR, START, empty_tape, event, frame

PAPER = ex.Impact(vol=0.95, permanent=2.5e-7, temporary=2.5e-6, fixed=0.0625)
"""A million shares in five days (Almgren and Chriss 2000, table 1)."""


@pytest.mark.parametrize(
    ("aversion", "kappa", "held", "expected", "deviation"),
    [
        (
            1e-6,
            0.60707616,
            [1e6, 541955.554, 289854.219, 147897.488, 62141.802, 0.0],
            911227,
            603431,
        ),
        (
            2e-6,
            0.84629713,
            [1e6, 428598.846, 182932.814, 76295.722, 27643.377, 0.0],
            1140715,
            449368,
        ),
        (0.0, 0.0, [1e6, 8e5, 6e5, 4e5, 2e5, 0.0], 662500, 1040673),
    ],
)
def test_trajectory_is_the_published_one(aversion, kappa, held, expected, deviation):
    found = ex.trajectory(1e6, 5.0, 5, PAPER, aversion)
    assert found.kappa == pytest.approx(kappa, rel=1e-6)
    assert found.held == pytest.approx(held, rel=1e-6, abs=1e-6)
    assert (found.expected, found.deviation) == pytest.approx((expected, deviation), rel=1e-5)


def test_trajectory_no_other_schedule_is_better():
    """Cost plus aversion times variance, by plain sums over the holdings."""
    rng = np.random.default_rng(3)

    def objective(held):
        sold = -np.diff(held)
        eta = PAPER.temporary - 0.5 * PAPER.permanent
        cost = eta * (sold**2).sum() + PAPER.fixed * np.abs(sold).sum()
        return cost + 1e-6 * PAPER.vol**2 * (held[1:] ** 2).sum()

    best = ex.trajectory(1e6, 5.0, 5, PAPER, 1e-6).held
    for _ in range(200):
        other = best.copy()
        other[1:-1] += rng.normal(0.0, 3e4, 4)
        assert objective(other) > objective(best)


def test_trajectory_periods_too_long_for_the_impact_are_refused():
    with pytest.raises(ValueError, match="permanent impact"):
        ex.trajectory(1.0, 100.0, 1, PAPER, 1e-6)


def test_split_is_inverse_to_impact():
    """Slopes 1 : 4 : 2 of 1000: 4000 / 7, 1000 / 7, 2000 / 7."""
    found = ex.split([1e-6, 4e-6, 2e-6], 1000.0)
    assert found == pytest.approx([4000 / 7, 1000 / 7, 2000 / 7], rel=1e-12)
    assert (np.array([1e-6, 4e-6, 2e-6]) * found**2).sum() == pytest.approx(4 / 7, rel=1e-12)


@pytest.mark.parametrize("size", [10.0, -10.0])
def test_margin_call_is_the_lognormal_probability(size):
    """Equity 400 on a notional of 1000 at 1 %, by mpmath's normal distribution of the log-price."""
    width = 2.0 * mpmath.sqrt(mpmath.mpf(HOUR) / YEAR) * 12
    left = (1 - mpmath.mpf("0.4")) / mpmath.mpf("0.99")
    right = (1 + mpmath.mpf("0.4")) / mpmath.mpf("1.01")
    fall = mpmath.ncdf((mpmath.log(left) + width**2 / 2) / width)
    rise = 1 - mpmath.ncdf((mpmath.log(right) + width**2 / 2) / width)
    found = ex.margin_call(400.0, size, 100.0, 2.0, 144 * HOUR / YEAR, 0.01)
    assert found == pytest.approx(float(fall if size > 0 else rise), rel=1e-12)
    assert 0.0 < found < 0.2


def test_margin_call_extremes():
    assert ex.margin_call(400.0, 0.0, 100.0, 2.0, 0.1, 0.01) == 0.0
    assert ex.margin_call(1000.0, 10.0, 100.0, 2.0, 0.1, 0.01) == 0.0  # a long paid in full
    assert ex.margin_call(-1e4, -10.0, 100.0, 2.0, 0.1, 0.01) == 1.0
    assert ex.margin_call(0.0, 10.0, 100.0, 2.0, 1e-4, 0.01) > 0.5


def minutes_of_19_may() -> Tape:
    """12:43 to 12:46 as at 13:10: the perpetual prints 1,400.73 while spot stays above 1,888."""
    spot, venue = [2100.0, 1950.0, 1888.0, 1900.0], [2095.0, 1930.0, 1400.73, 1890.0]
    times = [START + 60 * i for i in range(4)]
    pool = [
        {"block": i + 1, "time": t, "spot": 2000, "nav": 1000, "hedge_equity": 100 + 50 * i}
        | {"delta": -3, "hedge_size": 2, "hedge_band": Decimal("0.5")}
        for i, t in enumerate(times)
    ]
    market = [
        {"time": t, "spot": s, "venue": v, "open": True}
        for t, s, v in zip(times, spot, venue, strict=True)
    ]
    txs = [{"tx": 7, "block": 3, "time": times[2], "submitted": times[1], "order": "Hedge"}]
    d = Decimal
    fills = [
        {"block": 3, "time": times[2], "tx": 7, "log": 2, "size": d(-2), "price": d(1880)},
        {"block": 4, "time": times[3], "tx": 9, "log": 2, "size": d(1), "price": d(1919)},
    ]
    tables = {
        "pool": frame(TABLES["pool"], pool),
        "market": frame(TABLES["market"], market),
        "txs": frame(TABLES["txs"], txs),
    }
    return Tape({}, tables | dict([event("hedged", *fills)]))


def test_unhedgeable_minute_is_flagged_and_no_other():
    tape = minutes_of_19_may()
    assert ex.unhedgeable(tape).tolist() == [False, False, True, False]
    assert ex.venue_risk(tape).unhedgeable == 60
    assert ex.venue_risk(tape).lost == pytest.approx(0.25)


def test_unhedgeable_needs_a_need_and_counts_a_closed_venue():
    tape = minutes_of_19_may()
    calm = tape.table("pool").with_columns(hedge_band=tape.table("pool")["delta"].abs())
    assert not ex.unhedgeable(Tape({}, {**tape.tables, "pool": calm})).any()
    shut = tape.table("market").with_columns(open=np.array([True, False, True, True]))
    found = ex.unhedgeable(Tape({}, {**tape.tables, "market": shut}))
    assert found.tolist() == [False, True, True, False]
    loose = {"parameters": {"hedge": {"maxSlippage": 0.3}}}
    assert not ex.unhedgeable(Tape(loose, tape.tables)).any()


def test_shortfall_splits_into_delay_and_execution():
    """-2 sent at 1950, done at 1880 when the truth is 1888: 124 lost by waiting, 16 by the fill; +1
    at 1919 against 1900: 19. Notional 2 x 1950 + 1900."""
    found = ex.shortfall(minutes_of_19_may())
    assert found.delay == pytest.approx(124 / 5800)
    assert found.execution == pytest.approx((16 + 19) / 5800)
    assert found.total == pytest.approx(159 / 5800)
    assert found.fills == 2


def test_impact_line_gives_back_what_the_fills_were_made_of():
    """Cost of 0.05 % and 0.001 % an underlying; 2 % is reached by 1,950."""
    market = [{"time": START, "spot": 1000.0, "venue": 1000.0, "open": True}]
    rows = []
    for i, size in enumerate((-30, 10, -80, 55)):
        price = 1000 * (1 + math.copysign(5e-4 + 1e-5 * abs(size), size))
        row = {"block": i, "time": START + i, "tx": i, "log": 0}
        rows.append(row | {"size": Decimal(size), "price": Decimal(f"{price:.9f}")})
    tables = {"market": frame(TABLES["market"], market), "txs": frame(TABLES["txs"], [])}
    found = ex.impact(Tape({}, tables | dict([event("hedged", *rows)])))
    assert (found.fixed, found.slope) == pytest.approx((5e-4, 1e-5), rel=1e-6)
    assert found.capacity(0.02) == pytest.approx(1950.0, rel=1e-6)
    assert ex.Fit(0.001, 0.0, 5).capacity(0.02) == math.inf
    assert ex.Fit(0.03, 1.0, 5).capacity(0.02) == 0.0


def test_empty_tape_has_numbers_and_they_are_zero():
    assert {m.value for m in ex.metrics(empty_tape())} == {0.0}
