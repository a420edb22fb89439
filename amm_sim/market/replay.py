"""Replay of a price file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path as File

import numpy as np

from amm_sim.errors import ScenarioError
from amm_sim.market.bridge import bridge
from amm_sim.market.checks import one_of
from amm_sim.market.generator import Generator
from amm_sim.market.klines import Bars, load_bars
from amm_sim.market.path import Floats, Times
from amm_sim.market.surroundings import realised_volatility
from amm_sim.units import YEAR

HOUR = 3600.0


@dataclass(frozen=True, kw_only=True)
class Replay(Generator):
    """Prices of a kline file (open time, open, high, low, close, volume)."""

    file: str
    start: str = ""
    """ISO time (UTC) in the file at which the run starts; empty: the run's own start."""
    gaps: str = "refuse"
    """What to do about missing bars: refuse, hold (flat at the last close), interpolate (straight
    in logs)."""
    convention: str = "close"
    """close: a bar's close stands at its open time plus its length; open: its open at its open
    time."""
    between: str = "bridge"
    """Inside a bar: bridge (Brownian, through open, high, low, close), linear (in logs), hold (the
    last knot)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("market.gaps", self.gaps, ("refuse", "hold", "interpolate"))
        one_of("market.convention", self.convention, ("close", "open"))
        one_of("market.between", self.between, ("bridge", "linear", "hold"))
        _instant(self.start)

    def spot_path(self, times: Times, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Spot and its realised volatility over the last hour at ``times``.

        Raises:
            ScenarioError: the file is unfit or does not cover the run; gaps that ``gaps`` refuses.

        """
        offset = (_instant(self.start) or int(times[0])) - int(times[0])
        wanted = times + offset
        everything = load_bars(File(self.file))
        _covered(everything, wanted)
        bars = self._filled(everything.between(int(wanted[0]), int(wanted[-1])))
        spot = np.exp(self._sampled(bars, wanted, rng))
        return spot, _measured(spot, times)

    def _filled(self, bars: Bars) -> Bars:
        missing = bars.missing() if len(bars.times) > 1 else np.zeros(0, dtype=np.int64)
        holes = np.flatnonzero(missing)
        odd = np.flatnonzero(np.diff(bars.times) % bars.interval)
        if len(odd):
            raise ScenarioError(
                "market.file",
                bars.file,
                f"bars {bars.interval} s apart; the one at {_text(bars.times[odd[0] + 1])} is not",
            )
        if not len(holes):
            return bars
        if self.gaps == "refuse":
            raise ScenarioError(
                "market.file",
                bars.file,
                f"no gaps: {int(missing[holes[0]])} bars are missing after "
                f"{_text(bars.times[holes[0]])}, {int(missing.sum())} in all; "
                'or market.gaps = "hold" | "interpolate"',
            )
        return _refilled(bars, self.gaps)

    def _sampled(self, bars: Bars, times: Times, rng: np.random.Generator) -> Floats:
        """Log-prices at ``times``."""
        knots, logs = self._knots(bars)
        if self.between == "hold":
            return np.asarray(
                logs[np.searchsorted(knots, times, side="right") - 1], dtype=np.float64
            )
        if self.between == "linear":
            return np.asarray(np.interp(times, knots, logs), dtype=np.float64)
        return self._bridged(bars, knots, logs, times, rng)

    def _knots(self, bars: Bars) -> tuple[Times, Floats]:
        """Times and log-prices that the convention states."""
        opens, closes = np.log(bars.prices[:, 0]), np.log(bars.prices[:, 3])
        if self.convention == "open":
            knots = np.append(bars.times, bars.times[-1:] + bars.interval)
            return knots, np.append(opens, closes[-1:])
        knots = np.append(bars.times[:1], bars.times + bars.interval)
        return knots, np.append(opens[:1], closes)

    def _bridged(
        self, bars: Bars, knots: Times, logs: Floats, times: Times, rng: np.random.Generator
    ) -> Floats:
        """Through each bar's high and low at random times, in between by Brownian bridges."""
        result = np.interp(times, knots, logs)
        for index, begin in enumerate(knots[:-1]):
            first, last = np.searchsorted(times, (begin, knots[index + 1]), side="right")
            inner = times[first:last][times[first:last] < knots[index + 1]]
            if len(inner) >= 2:
                ends = (float(logs[index]), float(logs[index + 1]))
                low, high = np.log(bars.prices[index, 2]), np.log(bars.prices[index, 1])
                result[first : first + len(inner)] = _inside_bar(
                    (float(begin), float(knots[index + 1])),
                    ends,
                    (float(low), float(high)),
                    inner,
                    rng,
                )
        return result


def _inside_bar(
    span: tuple[float, float],
    ends: tuple[float, float],
    extremes: tuple[float, float],
    times: Times,
    rng: np.random.Generator,
) -> Floats:
    """Log-prices inside a bar: low first in a rising bar, high first in a falling one.

    The extremes fall on two of the times; the bridges' volatility is Parkinson's, ln(H/L)^2 / (4 ln
    2) a bar.
    """
    low, high = min(extremes[0], *ends), max(extremes[1], *ends)
    order = (low, high) if ends[1] >= ends[0] else (high, low)
    stops = np.sort(rng.choice(len(times), size=2, replace=False))
    knots = np.array([span[0], times[stops[0]], times[stops[1]], span[1]], dtype=np.float64)
    logs = np.array([ends[0], *order, ends[1]])
    vol = (high - low) / np.sqrt(4.0 * np.log(2.0) * (span[1] - span[0]) / YEAR)
    return np.clip(bridge(knots, logs, np.full(3, vol), times.astype(np.float64), rng), low, high)


def _refilled(bars: Bars, how: str) -> Bars:
    """The bars on a full grid, missing ones made up."""
    grid = np.arange(bars.times[0], bars.times[-1] + bars.interval, bars.interval, dtype=np.int64)
    at = np.searchsorted(bars.times, grid, side="right") - 1
    known = bars.times[at] == grid
    closes = bars.prices[at, 3] if how == "hold" else _straight(bars, grid)
    opens = np.append(bars.prices[:1, 0], closes[:-1])
    prices = np.column_stack((opens, np.maximum(opens, closes), np.minimum(opens, closes), closes))
    prices[known] = bars.prices
    return Bars(bars.file, grid, prices, bars.interval)


def _straight(bars: Bars, grid: Times) -> Floats:
    """Closes of the grid's bars, straight in logs across each gap."""
    after = np.flatnonzero(bars.missing()) + 1
    knots = np.append(bars.times + bars.interval, bars.times[after])
    logs = np.log(np.append(bars.prices[:, 3], bars.prices[after, 0]))
    order = np.argsort(knots)
    return np.exp(np.interp(grid + bars.interval, knots[order], logs[order]))


def _measured(spot: Floats, times: Times) -> Floats:
    if len(times) < 2:
        return np.zeros(len(times))
    returns = np.diff(np.log(spot[: max(2, int(24 * HOUR // (times[1] - times[0])))]))
    first = float(np.sqrt(np.mean(returns**2) * YEAR / (times[1] - times[0])))
    return realised_volatility(spot, int(times[1] - times[0]), HOUR, first)


def _instant(text: str) -> int | None:
    """Seconds since 1970 of an ISO time, UTC unless it says otherwise; None for an empty text."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ScenarioError("market.start", text, "an ISO time such as 2020-03-12T00:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _text(time: float) -> str:
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%d %H:%M UTC")


def _covered(bars: Bars, times: Times) -> None:
    """The bars reach from the first of ``times`` to the last."""
    first, last = bars.times[0], bars.times[-1] + bars.interval
    if times[0] < first or times[-1] > last:
        raise ScenarioError(
            "market.file",
            bars.file,
            f"prices from {_text(times[0])} to {_text(times[-1])}; "
            f"it covers {_text(first)} to {_text(last)}",
        )
