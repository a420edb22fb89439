"""What hedging cost against the moment it was decided, and what the venue may do to the pool.

Almgren and Chriss (2000), J. Risk 3(2), 5; the division over venues is the same problem at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr

from amm_sim.analyzers.frames import Floats, floats, latest
from amm_sim.tape import Tape
from amm_sim.types import Metric
from amm_sim.units import YEAR

HOUR = 3600
LEAST_FILLS = 3
"""Fewest hedges that a line is laid through."""
MAINTENANCE = 0.01
SLIPPAGE = 0.02
"""Where a run does not state ``perp.maintenanceRatio`` and ``hedge.maxSlippage``."""


# ------------------------------------------------------------------ closed forms


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Units held at the beginning and after each period; cost in quote, expected and deviation."""

    held: Floats
    kappa: float
    expected: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Impact:
    """Of a market, per unit and period of time.

    ``permanent`` moves the price for good, ``temporary`` is the price of speed, ``fixed`` half the
    bid-ask; ``vol`` is absolute, quote by square root of time.
    """

    vol: float
    permanent: float
    temporary: float
    fixed: float


def trajectory(
    size: float, time: float, periods: int, impact: Impact, aversion: float
) -> Trajectory:
    """The schedule that minimises expected cost plus ``aversion`` times its variance."""
    tau = time / periods
    eta = impact.temporary - 0.5 * impact.permanent * tau
    if eta <= 0.0:
        raise ValueError("periods this long have more permanent impact than temporary")
    rate = aversion * impact.vol**2 / eta
    kappa = math.acosh(0.5 * rate * tau * tau + 1.0) / tau
    left = time - tau * np.arange(periods + 1)
    held = size * (np.sinh(kappa * left) / math.sinh(kappa * time) if kappa > 0.0 else left / time)
    sold = -np.diff(held)
    expected = 0.5 * impact.permanent * size**2 + impact.fixed * float(np.abs(sold).sum())
    expected += eta / tau * float((sold**2).sum())
    deviation = impact.vol * math.sqrt(tau * float((held[1:] ** 2).sum()))
    return Trajectory(held, kappa, expected, deviation)


def split(slopes: Sequence[float] | Floats, total: float) -> Floats:
    """Sizes by venue at the least sum of slope * size^2: inverse to the slopes."""
    inverse = 1.0 / np.asarray(slopes, dtype=np.float64)
    return np.asarray(total * inverse / inverse.sum())


def margin_call(
    equity: float, size: float, spot: float, vol: float, years: float, maintenance: float
) -> float:
    """P(equity < maintenance * |size| * spot) at the horizon, for driftless lognormal spot."""
    notional = abs(size) * spot
    width = vol * math.sqrt(years)
    if notional <= 0.0 or width <= 0.0:
        return 0.0
    if size > 0.0:
        level = (1.0 - equity / notional) / (1.0 - maintenance)
        return float(ndtr(math.log(level) / width + 0.5 * width)) if level > 0.0 else 0.0
    level = (1.0 + equity / notional) / (1.0 + maintenance)
    return float(ndtr(-math.log(level) / width - 0.5 * width)) if level > 0.0 else 1.0


# ------------------------------------------------------------------ a run


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Of all hedges against the true price when they were sent, in shares of their notional.

    ``delay`` is what the price did until the block, ``execution`` what the fill was off it then.
    """

    delay: float
    execution: float
    fills: int

    @property
    def total(self) -> float:
        """Implementation shortfall."""
        return self.delay + self.execution


@dataclass(frozen=True, slots=True)
class Fit:
    """Cost of a fill as a share of its notional: ``fixed`` + ``slope`` * |size|."""

    fixed: float
    slope: float
    fills: int

    def capacity(self, most: float) -> float:
        """Underlying that is filled at a cost of at most ``most``; infinite without impact."""
        return max(0.0, most - self.fixed) / self.slope if self.slope > 0.0 else math.inf


def shortfall(tape: Tape) -> Shortfall:
    """Implementation shortfall (Perold 1988), + the pool paid."""
    fills = _fills(tape)
    if fills is None:
        return Shortfall(0.0, 0.0, 0)
    size, price, now, sent = fills
    notional = float((np.abs(size) * sent).sum())
    delay, execution = float((size * (now - sent)).sum()), float((size * (price - now)).sum())
    return Shortfall(delay / notional, execution / notional, len(size))


def impact(tape: Tape) -> Fit:
    """Least squares through the fills' costs; flat where sizes do not differ."""
    fills = _fills(tape)
    if fills is None or len(fills[0]) < LEAST_FILLS:
        return Fit(0.0, 0.0, 0 if fills is None else len(fills[0]))
    size, price, now, _ = fills
    cost = np.sign(size) * (price / now - 1.0)
    width = np.abs(size)
    spread = float(((width - width.mean()) ** 2).sum())
    slope = float(((width - width.mean()) * cost).sum()) / spread if spread > 0.0 else 0.0
    return Fit(float(cost.mean()) - slope * float(width.mean()), slope, len(size))


def _fills(tape: Tape) -> tuple[Floats, Floats, Floats, Floats] | None:
    """Size, price, true price then and when the hedge was sent."""
    hedged, market = tape.event("hedged"), tape.table("market")
    if hedged is None or market.is_empty() or not {"price", "tx"} <= set(hedged.columns):
        return None
    sent = dict(tape.table("txs").select("tx", "submitted").iter_rows())
    then = np.array([sent.get(tx, time) for tx, time in hedged.select("tx", "time").iter_rows()])
    now = _truth(market, hedged["time"].to_numpy())
    return floats(hedged, "size"), floats(hedged, "price"), now, _truth(market, then)


def _truth(market: pl.DataFrame, times: npt.NDArray[np.int64]) -> Floats:
    """The last true price at or before each time; the first one before that."""
    known = market.sort("time")
    spot: Floats = floats(known, "spot")[latest(known["time"].to_numpy(), times)]
    return spot


@dataclass(frozen=True, slots=True)
class VenueRisk:
    """What a venue could have done to the pool, and what it kept it from doing."""

    call: float
    """Largest P(margin call within an hour) at a block's end."""
    lost: float
    """Largest share of NAV that lay at the venue."""
    unhedgeable: int
    """Seconds in which a hedge was needed and could not be had."""


def venue_risk(tape: Tape) -> VenueRisk:
    """Of one run."""
    pool = tape.table("pool")
    if pool.is_empty():
        return VenueRisk(0.0, 0.0, 0)
    equity, size = floats(pool, "hedge_equity"), floats(pool, "hedge_size")
    spot, nav = floats(pool, "spot"), floats(pool, "nav")
    vol, ratio = _realised(tape), _parameter(tape, "perp", "maintenanceRatio", MAINTENANCE)
    calls = [
        margin_call(e, q, s, vol, HOUR / YEAR, ratio)
        for e, q, s in zip(equity, size, spot, strict=True)
    ]
    held = np.divide(np.maximum(equity, 0.0), nav, out=np.zeros_like(nav), where=nav > 0.0)
    return VenueRisk(max(calls), float(held.max()), int(_seconds(pool)[unhedgeable(tape)].sum()))


def unhedgeable(tape: Tape) -> npt.NDArray[np.bool_]:
    """Blocks at whose end the pool needed a hedge that it could not have had.

    Delta was outside the band, and the venue closed or further off the true price than a hedge may
    pay.
    """
    pool, market = tape.table("pool"), tape.table("market")
    net = np.abs(floats(pool, "delta") + floats(pool, "hedge_size"))
    needs = net > floats(pool, "hedge_band")
    if market.is_empty():
        return np.zeros(len(pool), dtype=bool)
    known = market.sort("time")
    at = latest(known["time"].to_numpy(), pool["time"].to_numpy())
    off = np.abs(floats(known, "venue") / floats(known, "spot") - 1.0)[at]
    most = _parameter(tape, "hedge", "maxSlippage", SLIPPAGE)
    return np.asarray(needs & ((off > most) | ~known["open"].to_numpy()[at]))


def _seconds(pool: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Of each block until the next; the last counts nothing."""
    time = pool["time"].to_numpy()
    return np.append(np.diff(time), 0)


def _realised(tape: Tape) -> float:
    """Volatility of the true path by year."""
    market = tape.table("market").sort("time")
    if len(market) < 2:
        return 0.0
    spot, time = floats(market, "spot"), market["time"].to_numpy()
    square = float((np.diff(np.log(spot)) ** 2).sum())
    return math.sqrt(square * YEAR / float(time[-1] - time[0]))


def _parameter(tape: Tape, table: str, key: str, otherwise: float) -> float:
    found = tape.manifest.get("parameters", {}).get(table, {})
    return float(found.get(key, otherwise)) or otherwise


def metrics(tape: Tape) -> list[Metric]:
    """Execution and venue risk."""
    s, fit, risk = shortfall(tape), impact(tape), venue_risk(tape)
    most = _parameter(tape, "hedge", "maxSlippage", SLIPPAGE)
    capacity = fit.capacity(most) if fit.fills >= LEAST_FILLS else 0.0
    return [
        Metric(
            "hedge_shortfall_delay", s.delay, "ratio", method="price until the block, of notional"
        ),
        Metric("hedge_shortfall_execution", s.execution, "ratio", method="fill against the truth"),
        Metric("hedge_impact_fixed", fit.fixed, "ratio", method=f"line through {fit.fills} fills"),
        Metric("hedge_impact_slope", fit.slope, "1/underlying", method="of the same line"),
        Metric(
            "hedge_capacity",
            min(capacity, 1e18),
            "underlying",
            method=f"one trade within {most:.1%}, by that line",
        ),
        Metric("margin_call_probability", risk.call, "ratio", method="largest, within an hour"),
        Metric("largest_share_at_venue", risk.lost, "ratio", method="lost of NAV with the venue"),
        Metric(
            "seconds_unhedgeable", float(risk.unhedgeable), "s", method="delta outside the band"
        ),
    ]
