"""Float reference of delta hedging: replay along prices, exact error, expected cost, optimal band.

No rates: the option's forward is spot. Prices and values in quote, deltas in underlying, times in
years, volatility and costs in 1 = 100 %. The pool's side: + long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Array = npt.NDArray[np.float64]

GRID = 4001
"""Nodes of the trapezoidal rule over a standard normal; exact to rounding for smooth integrands."""
REACH = 9.0
"""Standard deviations that the rule covers."""


def _density(x: Array) -> Array:
    return np.asarray(np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi))


@dataclass(frozen=True, slots=True)
class Options:
    """European options that share an expiry and a volatility: strike, kind and size by position.

    Methods take an array of spots and return one of its shape.
    """

    strikes: tuple[float, ...]
    calls: tuple[bool, ...]
    sizes: tuple[float, ...]
    years: float
    vol: float

    def value(self, spot: Array, time: float) -> Array:
        """Black-Scholes at ``time`` years after the start; the payoff from expiry on."""
        left = self.years - time
        total = np.zeros_like(spot)
        for strike, is_call, size in zip(self.strikes, self.calls, self.sizes, strict=True):
            if left <= 0.0:
                call = np.maximum(spot - strike, 0.0)
            else:
                d1, d2 = self._d(spot, strike, left)
                call = spot * ndtr(d1) - strike * ndtr(d2)
            total += size * (call if is_call else call - spot + strike)
        return total

    def delta(self, spot: Array, time: float) -> Array:
        """First derivative of value in spot, before expiry."""
        total = np.zeros_like(spot)
        for strike, is_call, size in zip(self.strikes, self.calls, self.sizes, strict=True):
            d1, _ = self._d(spot, strike, self.years - time)
            total += size * (ndtr(d1) - (0.0 if is_call else 1.0))
        return total

    def gamma(self, spot: Array, time: float) -> Array:
        """Second derivative of value in spot, before expiry."""
        left = self.years - time
        total = np.zeros_like(spot)
        for strike, size in zip(self.strikes, self.sizes, strict=True):
            d1, _ = self._d(spot, strike, left)
            total += size * _density(d1) / (spot * self.vol * math.sqrt(left))
        return total

    def _d(self, spot: Array, strike: float, left: float) -> tuple[Array, Array]:
        width = self.vol * math.sqrt(left)
        d1 = np.log(spot / strike) / width + 0.5 * width
        return d1, d1 - width


@dataclass(frozen=True, slots=True)
class Moment:
    """What a policy knows at a step: net delta, spot and the options' gamma by path."""

    net: Array
    spot: Array
    gamma: Array
    step: int


class Policy(Protocol):
    """Decides the net delta to keep."""

    def keep(self, now: Moment) -> Array:
        """Net delta after the trade; equal to ``now.net`` where nothing is done."""
        ...


@dataclass(frozen=True, slots=True)
class Clock:
    """To zero at every ``every``-th step, from the first."""

    every: int = 1

    def keep(self, now: Moment) -> Array:
        """Zero at a date of the schedule."""
        return np.zeros_like(now.net) if now.step % self.every == 0 else now.net


@dataclass(frozen=True, slots=True)
class Threshold:
    """Outside a fixed half-width: to zero, or to the edge."""

    width: float
    to_edge: bool = False

    def keep(self, now: Moment) -> Array:
        """Zero or the edge, where net delta is outside."""
        inside = np.clip(now.net, -self.width, self.width)
        return inside if self.to_edge else np.where(inside == now.net, now.net, 0.0)


@dataclass(frozen=True, slots=True)
class Band:
    """Whalley-Wilmott: to the edge of a half-width that follows gamma, limited to [low, high]."""

    cost: float
    risk_aversion: float
    """Absolute, in 1/quote."""
    low: float = 0.0
    high: float = math.inf

    def keep(self, now: Moment) -> Array:
        """The edge, where net delta is outside."""
        free = band_width(self.cost, now.spot, now.gamma, self.risk_aversion)
        width = np.clip(free, self.low, self.high)
        return np.clip(now.net, -width, width)


def band_width(
    cost: float | Array, spot: float | Array, gamma: float | Array, risk_aversion: float | Array
) -> Array:
    """Half-width of the asymptotically optimal no-trade band, in underlying.

    Whalley and Wilmott (1997), Mathematical Finance 7, 307, for r = 0: (3/2 k S gamma^2 / l)^(1/3).
    """
    return np.asarray(np.cbrt(1.5 * cost * spot * np.square(gamma) / risk_aversion))


@dataclass(frozen=True, slots=True)
class Replay:
    """Results by path, all of shape (paths,)."""

    pnl: Array
    """Change of the options' value plus the hedge's profit, before costs."""
    cost: Array
    """Proportional costs of rebalancing."""
    trades: npt.NDArray[np.int64]
    hedge: Array
    """Hedge position before expiry."""


def replay(
    options: Options,
    prices: Array,
    times: Array,
    policy: Policy,
    cost: float = 0.0,
    *,
    count_first: bool = False,
) -> Replay:
    """Hedges ``options`` along ``prices`` (steps + 1, paths) at ``times`` (steps + 1,) in years.

    The last price is the settlement's. The first trade costs only with ``count_first``; unwinding
    never does.
    """
    paths = prices.shape[1]
    hedge, profit, paid = np.zeros(paths), np.zeros(paths), np.zeros(paths)
    trades = np.zeros(paths, dtype=np.int64)
    for step in range(len(times) - 1):
        spot, time = prices[step], float(times[step])
        delta = options.delta(spot, time)
        after = policy.keep(Moment(delta + hedge, spot, options.gamma(spot, time), step))
        trade = after - (delta + hedge)
        if step > 0 or count_first:
            paid += cost * np.abs(trade) * spot
        trades += trade != 0.0
        hedge = hedge + trade
        profit += hedge * (prices[step + 1] - spot)
    start = options.value(prices[0], float(times[0]))
    end = options.value(prices[-1], float(times[-1]))
    return Replay(profit + end - start, paid, trades, hedge)


def gbm_paths(
    spot: float, vol: float, years: float, steps: int, paths: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Driftless geometric Brownian motion: prices (steps + 1, paths) and times (steps + 1,)."""
    dt = years / steps
    moves = rng.standard_normal((steps, paths)) * (vol * math.sqrt(dt)) - 0.5 * vol * vol * dt
    prices = np.empty((steps + 1, paths))
    prices[0] = spot
    prices[1:] = spot * np.exp(np.cumsum(moves, axis=0))
    return prices, np.linspace(0.0, years, steps + 1)


# ------------------------------------------------------------------ closed forms


def hedge_error_std(spot: float, strike: float, vol: float, years: float, steps: int) -> float:
    """Exact standard deviation of the error of hedging one option at ``steps`` equal intervals.

    The same for a call and a put. The error is a sum of martingale increments
    C_{i+1} - C_i - delta_i dS, so its variance is the payoff's less, for each interval,
    E[2 delta_i cov_i - delta_i^2 var_i] with var_i = S_i^2 (e^{v^2 dt} - 1) and, by the change of
    measure to the share, cov_i = S_i (C(S_i e^{v^2 dt}, t_i) - C(S_i, t_i)): one smooth integral
    per interval. Its large-N limit is Bertsimas, Kogan and Lo (2000), J. Financial Economics 55.
    """
    option = Options((strike,), (True,), (1.0,), years, vol)
    dt = years / steps
    growth = math.exp(vol * vol * dt)
    explained = sum(_explained(option, spot, i * dt, growth) for i in range(steps))
    return math.sqrt(_payoff_variance(spot, strike, vol, years) - explained)


def _explained(option: Options, spot: float, time: float, growth: float) -> float:
    z = np.linspace(-REACH, REACH, GRID) if time > 0.0 else np.zeros(1)
    weight = _density(z) * (z[1] - z[0]) if time > 0.0 else np.ones(1)
    s = spot * np.exp(option.vol * math.sqrt(time) * z - 0.5 * option.vol**2 * time)
    delta = option.delta(s, time)
    covariance = s * (option.value(s * growth, time) - option.value(s, time))
    return float(np.sum(weight * (2.0 * delta * covariance - (delta * s) ** 2 * (growth - 1.0))))


def _payoff_variance(spot: float, strike: float, vol: float, years: float) -> float:
    width = vol * math.sqrt(years)
    d1 = math.log(spot / strike) / width + 0.5 * width
    mean = spot * ndtr(d1) - strike * ndtr(d1 - width)
    square = (
        spot**2 * math.exp(width * width) * ndtr(d1 + width)
        - 2.0 * spot * strike * ndtr(d1)
        + strike**2 * ndtr(d1 - width)
    )
    return float(square - mean**2)


def vega(spot: float, strike: float, vol: float, years: float) -> float:
    """Quote per 1.00 of volatility."""
    width = vol * math.sqrt(years)
    d1 = math.log(spot / strike) / width + 0.5 * width
    return spot * math.sqrt(years / (2.0 * math.pi)) * math.exp(-0.5 * d1 * d1)


def leland_cost(
    spot: float, strike: float, vol: float, years: float, steps: int, cost: float
) -> float:
    """Expected proportional cost of hedging at ``steps`` equal intervals: c sqrt(2 / (pi dt)) vega.

    Leland (1985), Journal of Finance 40(5); small dt, without entry and exit.
    """
    return cost * math.sqrt(2.0 * steps / (math.pi * years)) * vega(spot, strike, vol, years)


def clock_product(spot: float, strike: float, vol: float, years: float, cost: float) -> float:
    """Expected cost times standard deviation of any clock schedule: c vega v S / (2 sqrt(pi))."""
    return cost * vega(spot, strike, vol, years) * vol * spot / (2.0 * math.sqrt(math.pi))
