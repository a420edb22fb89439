"""Brownian bridges between knots of log-price."""

from __future__ import annotations

import numpy as np

from amm_sim.market.path import Floats
from amm_sim.units import YEAR


def bridge(
    knots: Floats, logs: Floats, vols: Floats, times: Floats, rng: np.random.Generator
) -> Floats:
    """Log-prices at ``times`` through the knots; ``vols[i]`` drives segment i, annualised.

    ``knots`` and ``times`` are sorted seconds; times outside the knots take the nearest knot's
    value. Between two knots the path is a Brownian bridge: normal around the chord with variance
    vol^2 (t - a)(b - t)/(b - a).
    """
    result = np.interp(times, knots, logs)
    for index in range(len(knots) - 1):
        first, last = np.searchsorted(times, (knots[index], knots[index + 1]), side="right")
        if last > first:
            segment = times[first:last]
            result[first:last] += vols[index] * _excursion(
                knots[index], knots[index + 1], segment, rng
            )
    return result


def _excursion(begin: float, end: float, times: Floats, rng: np.random.Generator) -> Floats:
    """A standard bridge (volatility 1 a year) from 0 at ``begin`` to 0 at ``end``, at ``times``."""
    grid = np.concatenate(([begin], times, [end]))
    steps = rng.standard_normal(len(grid) - 1) * np.sqrt(np.maximum(np.diff(grid), 0.0) / YEAR)
    walk = np.cumsum(steps)
    return np.asarray(walk[:-1] - walk[-1] * (times - begin) / (end - begin), dtype=np.float64)
