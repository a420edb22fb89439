"""How large an insurance fund must be: ruin by closed forms, and by simulation of any losses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
"""Draws losses of a shape."""


def exponential_ruin(fund: float, rate: float, mean: float, income: float) -> float:
    """Cramér-Lundberg: ``rate`` losses a unit of time, exponential with ``mean``; for ever."""
    load = rate * mean / income
    return 1.0 if load >= 1.0 else load * math.exp(-(1.0 / mean - rate / income) * fund)


def exponential_fund(ruin: float, rate: float, mean: float, income: float) -> float:
    """The fund whose ruin has this probability; inf if income does not cover losses."""
    load = rate * mean / income
    if load >= 1.0:
        return math.inf
    return max(0.0, math.log(load / ruin) / (1.0 / mean - rate / income))


def brownian_ruin(fund: float, drift: float, vol: float, horizon: float = math.inf) -> float:
    """P(a Brownian surplus of ``drift`` and ``vol`` a unit of time falls below zero in time)."""
    ever = math.exp(-2.0 * drift * fund / (vol * vol))
    if math.isinf(horizon):
        return min(ever, 1.0)
    root = vol * math.sqrt(horizon)
    late = float(ndtr((-fund - drift * horizon) / root))
    return late + ever * float(ndtr((-fund + drift * horizon) / root))


def adjustment(losses: Floats, rate: float, income: float) -> float:
    """Lundberg's coefficient R of a sample of losses: ruin <= exp(-R fund).

    Raises:
        ValueError: losses without end outrun the income: ruin is certain.
    """
    mean = float(losses.mean())
    if rate * mean >= income:
        raise ValueError(f"income {income} does not cover {rate} losses of {mean} on average")

    def balance(r: float) -> float:
        return rate * float(np.expm1(r * losses).mean()) - income * r

    high = 1.0 / mean
    while balance(high) <= 0.0:
        high *= 2.0
    low = high
    while balance(low) >= 0.0:
        low /= 2.0
    return float(brentq(balance, low, high, xtol=1e-14 * high))


def simulated_ruin(
    funds: Floats,
    draw: Draw,
    rate: float,
    income: float,
    size: tuple[int, int],
    rng: np.random.Generator,
) -> Floats:
    """Share of paths that ruin each fund; ``size`` is (paths, losses in each).

    A path ends with its last loss: take enough that income has run away from losses by then.
    """
    paths, losses = size
    worst = np.full(paths, -math.inf)
    total = np.zeros(paths)
    step = max(1, min(losses, 200_000 // max(paths, 1) + 1))
    for begin in range(0, losses, step):
        shape = (paths, min(step, losses - begin))
        net = np.cumsum(draw(rng, shape) - income * rng.exponential(1.0 / rate, shape), axis=1)
        worst = np.maximum(worst, total + net.max(axis=1))
        total += net[:, -1]
    return np.array([(worst > fund).mean() for fund in funds], dtype=np.float64)
