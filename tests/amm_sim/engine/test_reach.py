"""The bound on how fast an account loses what it has beyond its margin, against the chain's rules.

The oracle is the margin engine's rule in numpy (protocol.md, margin), written from its description
and not from the code; the engine's own views are compared in test_simulation.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from amm_sim.engine.reach import Margin, Travel
from amm_sim.pricing.single import black
from amm_sim.types import AccountView, LegView, SeriesKey, series_id
from amm_sim.units import YEAR
from tests.amm_sim.engine.pools import BOARDS, DAY, MARGIN, board, pool

BASE = AccountView("0xa", 0.0, 0.0, 0.0, 0.0, False, 0, False, 0, 0.0, ())
GRID = (0.8, 0.865, 0.93, 1.0, 1.07, 1.135, 1.2)
WORSE = {**MARGIN, "maintenanceFactor": 1.4, "tailUp": 3.0, "tailUpWeight": 0.6}
MARGINS = [MARGIN, WORSE]


def legs(*sizes: tuple[int, bool, float], days: float = 7.0) -> tuple[LegView, ...]:
    return tuple(LegView(series_id(int(days * DAY), k, c), q) for k, c, q in sizes)


def beyond(
    view: AccountView, spot: float, vol: float, time: float, p: dict[str, float], days: float = 7.0
) -> float:
    """E - M without what does not move: minus debt, plus cover, minus the maintenance margin."""
    years = max(days * DAY - time, 0.0) / YEAR
    scale = (30.0 / max(days - time / DAY, 1.0)) ** 0.3
    strikes = board().strikes
    shocks = (
        vol,
        max(vol, p["volUpFloor"]) * (1 + p["volUp"] * scale),
        vol * (1 - min(p["volDown"] * scale, 0.95)),
    )

    def debt(at: float, sigma: float) -> float:
        owed = -view.units * at
        for leg in view.legs:
            key = SeriesKey.from_id(leg.series)
            strike = float(strikes[key.strike_index])
            owed -= leg.size * black(at, strike, years, sigma, key.is_call)[0]
        return owed

    now = debt(spot, vol)
    loss = max(debt(g * spot, sigma) for g in GRID for sigma in shocks) - now
    for tail, weight in (("tailDown", "tailDownWeight"), ("tailUp", "tailUpWeight")):
        loss = max(loss, p[weight] * (debt(p[tail] * spot, shocks[1]) - now))
    sold = -sum(leg.size for leg in view.legs if leg.size < 0)
    margin = p["maintenanceFactor"] * loss + p["maintenanceSpot"] * sold * spot
    margin = max(margin, p["maintenanceFloor"] * sold * spot, debt(spot, 0.0) - now)
    return -now - margin


BOOKS = [
    legs((1, False, -10.0)),
    legs((3, True, -10.0)),
    legs((2, True, -4.0), (2, False, -4.0)),
    legs((1, False, -10.0), (0, False, 10.0)),
    legs((3, True, -7.0), (4, True, 5.0), (0, False, -2.0), (1, False, 1.0)),
]


@pytest.mark.parametrize("p", MARGINS, ids=["base", "worse"])
@pytest.mark.parametrize("units", [0.0, 6.0])
@pytest.mark.parametrize("book", BOOKS)
def test_no_move_of_spot_takes_more_than_the_bound(
    book: tuple[LegView, ...], units: float, p: dict[str, float]
) -> None:
    view = dataclasses.replace(BASE, legs=book, units=units)
    rates = Margin.of(p).rates(view)  # type: ignore[union-attr]
    spots = np.linspace(30.0, 260.0, 47)
    rooms = np.array([beyond(view, float(s), 0.9, 0.0, p) for s in spots])
    steps = np.diff(rooms) / np.diff(spots)
    assert steps.min() >= -rates.up - 1e-9
    assert steps.max() <= rates.down + 1e-9


def test_bound_of_a_spot_move_is_not_idle() -> None:
    """Deep in the money nearly all of it is used: a bound of two thirds would be too small."""
    view = dataclasses.replace(BASE, legs=BOOKS[0])
    rates = Margin.of(MARGIN).rates(view)  # type: ignore[union-attr]
    rooms = [beyond(view, spot, 0.9, 0.0, MARGIN) for spot in (60.0, 59.0)]
    assert rooms[0] - rooms[1] > 0.66 * rates.down


@pytest.mark.parametrize("p", MARGINS, ids=["base", "worse"])
@pytest.mark.parametrize("book", BOOKS)
def test_no_path_of_vol_and_time_takes_more_than_the_bound(
    book: tuple[LegView, ...], p: dict[str, float]
) -> None:
    """A week of volatilities that jump, at several spots; also the last minutes."""
    view = dataclasses.replace(BASE, legs=book)
    margin = Margin.of(p)
    assert margin is not None
    rates, rng = margin.rates(view), np.random.default_rng(5)
    for spot in (70.0, 95.0, 104.0, 130.0):
        travel, first = Travel(margin), None
        for time in (0, DAY, 3 * DAY, 5 * DAY, int(6.5 * DAY), int(6.99 * DAY), 7 * DAY):
            vol = float(rng.uniform(0.2, 2.0))
            travel.to(pool(time, spot) if first is None else changed(time, spot, vol))
            room = beyond(view, spot, vol if first else 0.8, time, p)
            if first is None:
                first = (room, travel.length)
            used = (travel.length - first[1]) * rates.spread * spot
            assert first[0] - room <= used + 1e-9
    assert travel.jumps == 0


def changed(time: int, spot: float, vol: float) -> Any:
    state = pool(time, spot)
    state.expiries = (board(vol=vol),)
    return state


def test_bound_of_volatility_and_time_is_reached_at_the_money() -> None:
    """Without shocks and factor an account loses S phi(0) a unit of s: the bound."""
    off = {"maintenanceFactor": 0.0, "volUp": 0.0, "volDown": 0.0, "volUpFloor": 0.0}
    p = {**MARGIN, **off}
    view = dataclasses.replace(BASE, legs=legs((2, True, -10.0)))
    margin = Margin.of(p)
    assert margin is not None
    travel = Travel(margin)
    travel.to(pool())
    travel.to(changed(0, 100.0, 0.9))
    used = travel.length * margin.rates(view).spread * 100.0
    lost = beyond(view, 100.0, 0.8, 0.0, p) - beyond(view, 100.0, 0.9, 0.0, p)
    assert 0.99 * used < lost <= used


def test_travel_of_time_alone_is_what_the_shocked_deviation_loses() -> None:
    """By hand, within the last day: 0.8 (1 + 0.5 * 30^0.3) (sqrt(T0) - sqrt(T1))."""
    travel = Travel(Margin.of(MARGIN))  # type: ignore[arg-type]
    travel.to(pool(6 * DAY))
    travel.to(pool(6 * DAY + 3600))
    roots = math.sqrt(DAY / YEAR) - math.sqrt((DAY - 3600) / YEAR)
    assert travel.length == pytest.approx(0.8 * (1 + 0.5 * 30**0.3) * roots, rel=1e-12)


def test_travel_counts_the_way_and_not_the_distance() -> None:
    margin = Margin.of(MARGIN)
    assert margin is not None
    travel = Travel(margin)
    travel.to(pool())
    travel.to(changed(0, 100.0, 0.9))
    once = travel.length
    travel.to(pool())
    assert travel.length == pytest.approx(2.0 * once)


def test_travel_jumps_when_an_expiry_is_settled_or_gone() -> None:
    margin = Margin.of(MARGIN)
    assert margin is not None
    travel = Travel(margin)
    travel.to(pool())
    travel.to(pool(settled=True))
    assert travel.jumps == 1
    travel.to(pool(settled=True))
    gone = pool()
    gone.expiries = ()
    travel.to(gone)
    assert travel.jumps == 1  # of the settled one nothing is left that could jump
    travel.to(pool())
    travel.to(gone)
    assert travel.jumps == 2


def test_margin_of_a_pool_with_other_rules_is_unknown() -> None:
    assert Margin.of({}) is None
    assert BOARDS[0].vols.max() > 0
