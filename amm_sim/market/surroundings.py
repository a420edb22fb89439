"""What surrounds spot: implied volatility, gas, the hedge venue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amm_sim.market.checks import Points, number, positive, rows, windows
from amm_sim.market.path import Floats, Times, hours_of
from amm_sim.units import YEAR

DAY = 86_400


def interpolated(points: Points, hours: Floats, default: float) -> Floats:
    """Values at ``hours``, linear between (hour, value) points; ``default`` without any."""
    if not points:
        return np.full(len(hours), default)
    return np.interp(hours, [row[0] for row in points], [row[1] for row in points])


def inside(spans: Points, hours: Floats) -> npt.NDArray[np.bool_]:
    """Whether each hour lies in one of the windows [from, to)."""
    result = np.zeros(len(hours), dtype=np.bool_)
    for span in spans:
        result |= (hours >= span[0]) & (hours < span[1])
    return result


def exponential_average(values: Floats, first: float, decay: float) -> Floats:
    """a_0 = first, a_i = decay a_{i-1} + (1 - decay) v_i."""
    result = np.empty(len(values) + 1)
    result[0] = first
    for index, value in enumerate(values):
        result[index + 1] = decay * result[index] + (1.0 - decay) * value
    return result


def realised_volatility(spot: Floats, step: int, halflife: float, first: float) -> Floats:
    """Annualised volatility from exponentially weighted squared log-returns."""
    squares = np.diff(np.log(spot)) ** 2 * (YEAR / step)
    return np.asarray(
        np.sqrt(exponential_average(squares, first**2, 0.5 ** (step / halflife))), dtype=np.float64
    )


@dataclass(frozen=True)
class ImpliedVol:
    """Front at-the-money volatility, mean-reverting in logs and moved by returns.

    d ln v = reversion (ln target - ln v) dt + leverage * r + vol_of_vol dW, with
    target = (1 - follow) * level + follow * realised; ``reversion`` is per day, ``vol_of_vol`` per
    root of a year.
    """

    level: float = 0.75
    points: Points = ()
    """(hour, level) to interpolate instead of the constant level."""
    reversion: float = 1.0
    follow: float = 0.0
    realised_hours: float = 6.0
    """Half-life over which realised volatility is measured."""
    leverage: float = -0.4
    """Change of ln v for a log-return of 1: negative, volatility rises when spot falls."""
    vol_of_vol: float = 0.6
    floor: float = 0.15
    cap: float = 4.0

    def __post_init__(self) -> None:
        positive("market.iv.level", self.level)
        rows("market.iv.points", self.points, 2, "hour, volatility")
        for index, row in enumerate(self.points):
            positive(f"market.iv.points[{index}]", row[1])
        number("market.iv.reversion", self.reversion, 0.0)
        number("market.iv.follow", self.follow, 0.0, 1.0)
        positive("market.iv.realised_hours", self.realised_hours)
        number("market.iv.leverage", self.leverage)
        number("market.iv.vol_of_vol", self.vol_of_vol, 0.0)
        positive("market.iv.floor", self.floor)
        number("market.iv.cap", self.cap, self.floor)

    def path(self, times: Times, spot: Floats, rng: np.random.Generator) -> Floats:
        """Volatility at ``times`` along ``spot``."""
        if len(times) == 1:
            return interpolated(self.points, hours_of(times), self.level)
        step = int(times[1] - times[0])
        level = interpolated(self.points, hours_of(times), self.level)
        realised = realised_volatility(spot, step, self.realised_hours * 3600.0, float(level[0]))
        target = np.log((1.0 - self.follow) * level + self.follow * realised)
        shocks = self.leverage * np.diff(np.log(spot))
        shocks += self.vol_of_vol * np.sqrt(step / YEAR) * rng.standard_normal(len(times) - 1)
        return np.clip(
            np.exp(_reverting(target, shocks, self.reversion * step / DAY)), self.floor, self.cap
        )


def _reverting(target: Floats, shocks: Floats, rate: float) -> Floats:
    """x_0 = target_0, x_{i+1} = x_i + (1 - e^-rate) (target_i - x_i) + shock_i."""
    pull = -np.expm1(-rate)
    result = np.empty(len(target))
    result[0] = target[0]
    for index, shock in enumerate(shocks):
        result[index + 1] = result[index] + pull * (target[index] - result[index]) + shock
    return result


@dataclass(frozen=True)
class Gas:
    """Gas price in quote per unit: a normal price times congestion."""

    price: float = 2e-6
    """Normal: 10 gwei at 200 quote per ether."""
    congestion: Points = ()
    """(hour, multiple of normal), linear in between."""
    noise: float = 0.1
    """Standard deviation of its logarithm from block to block."""

    def __post_init__(self) -> None:
        number("market.gas.price", self.price, 0.0)
        rows("market.gas.congestion", self.congestion, 2, "hour, multiple")
        number("market.gas.noise", self.noise, 0.0)

    def path(self, times: Times, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Gas price and congestion at ``times``."""
        congestion = interpolated(self.congestion, hours_of(times), 1.0)
        wobble = np.exp(self.noise * rng.standard_normal(len(times)) - self.noise**2 / 2.0)
        return self.price * congestion * wobble, congestion


@dataclass(frozen=True)
class Venue:
    """The hedge venue: its price is spot times e^basis; basis = points + a mean-reverting noise."""

    basis: Points = ()
    """(hour, log of venue over spot), linear in between."""
    basis_noise: float = 0.0003
    """Stationary standard deviation of the noise."""
    basis_minutes: float = 10.0
    """Half-life of the noise."""
    depth: Points = ()
    """(hour, multiple of normal depth)."""
    closed: Points = ()
    """Windows (from hour, to hour) in which it does not trade."""

    def __post_init__(self) -> None:
        rows("market.venue.basis", self.basis, 2, "hour, log basis")
        number("market.venue.basis_noise", self.basis_noise, 0.0, 1.0)
        positive("market.venue.basis_minutes", self.basis_minutes)
        rows("market.venue.depth", self.depth, 2, "hour, multiple")
        for index, row in enumerate(self.depth):
            positive(f"market.venue.depth[{index}]", row[1])
        windows("market.venue.closed", self.closed)

    def path(
        self, times: Times, spot: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Price, depth and whether it is open at ``times``."""
        hours = hours_of(times)
        step = float(times[1] - times[0]) if len(times) > 1 else 60.0
        decay = 0.5 ** (step / (60.0 * self.basis_minutes))
        draws = rng.standard_normal(len(times)) * self.basis_noise
        noise = draws.copy()
        for index in range(1, len(noise)):
            noise[index] = decay * noise[index - 1] + np.sqrt(1.0 - decay**2) * draws[index]
        basis = interpolated(self.basis, hours, 0.0) + noise
        return (
            spot * np.exp(basis),
            interpolated(self.depth, hours, 1.0),
            ~inside(self.closed, hours),
        )
