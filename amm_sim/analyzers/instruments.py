"""Which instruments would have hedged the book best: minimum variance and what it leaves.

The hedge that minimises Var(dV + h dI) is h = -Cov(dI)^-1 Cov(dI, dV); correlations of the
instruments are shrunk (Ledoit and Wolf 2004, J. Multivariate Analysis 88, 365), so that two that
move alike do not get huge opposite sizes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from amm_sim.analyzers.frames import Floats, floats, latest
from amm_sim.analyzers.hedging import HOUR, hedge_profit, lp_flows
from amm_sim.tape import Tape
from amm_sim.types import Metric

LEAST_PERIODS = 8


@dataclass(frozen=True, slots=True)
class Hedge:
    """Sizes by instrument, in units of the value by units of the instrument."""

    sizes: Floats
    left: float
    """Share of variance that remains."""
    alone: Floats
    """Share that each instrument alone would leave."""
    shrinkage: float


def minimum_variance(value: Floats, instruments: Floats) -> Hedge:
    """Of changes ``value`` (periods,) by ``instruments`` (periods, kinds).

    Raises:
        ValueError: a series does not move, or there are fewer periods than kinds + 2.
    """
    n, kinds = instruments.shape
    if n < kinds + 2:
        raise ValueError(f"{n} periods for {kinds} instruments: at least {kinds + 2}")
    v, x = value - value.mean(), instruments - instruments.mean(axis=0)
    scale, own = x.std(axis=0), float(v.std())
    if own == 0.0 or not (scale > 0.0).all():
        raise ValueError("a series without moves has no variance to hedge")
    z, w = x / scale, v / own
    matrix, shrinkage = shrunk(z)
    common = z.T @ w / n
    sizes = -np.linalg.solve(matrix, common)
    left = float((w + z @ sizes).var())
    return Hedge(sizes * own / scale, left, 1.0 - common**2, shrinkage)


def shrunk(z: Floats) -> tuple[Floats, float]:
    """Correlations of standardised ``z``, drawn to the identity by the best intensity, and that."""
    n, kinds = z.shape
    sample = z.T @ z / n
    distance = float(((sample - np.eye(kinds)) ** 2).sum())
    if distance == 0.0:
        return sample, 0.0
    squares = (z**2).sum(axis=1) ** 2
    error = float(squares.sum() / n - (sample**2).sum()) / n
    intensity = min(1.0, max(0.0, error / distance))
    return (1.0 - intensity) * sample + intensity * np.eye(kinds), intensity


def tracking_error(value: Floats, benchmark: Floats) -> float:
    """Standard deviation of the difference of changes."""
    return float((value - benchmark).std(ddof=1))


# ------------------------------------------------------------------ a run


def changes(tape: Tape, period: int = HOUR) -> tuple[Floats, Floats, Floats]:
    """By period: the pool's profit with its hedge, without it, and the moves of spot and venue."""
    pool, market = tape.table("pool"), tape.table("market").sort("time")
    time = pool["time"].to_numpy()
    if len(time) < 2 or market.is_empty():
        return np.zeros(0), np.zeros(0), np.zeros((0, 2))
    profit = floats(pool, "nav") - lp_flows(tape)
    marks = np.arange(time[0], time[-1] + 1, period)
    at = np.searchsorted(time, marks)
    then = latest(market["time"].to_numpy(), marks)
    outside = np.column_stack([floats(market, name)[then] for name in ("spot", "venue")])
    alone = profit - hedge_profit(tape)
    return np.diff(profit[at]), np.diff(alone[at]), np.diff(outside, axis=0)


def metrics(tape: Tape) -> list[Metric]:
    """What the hedge left of the book's variance, and what the best fixed position would have."""
    whole, alone, outside = changes(tape)
    found, left = None, 1.0
    if len(alone) >= LEAST_PERIODS and float(alone.std()) > 0.0 and float(outside.std()) > 0.0:
        found = minimum_variance(alone, outside[:, :1])
        left = float(whole.var() / alone.var())
    method = f"of {len(alone)} changes; 1 where there are too few"
    return [
        Metric("variance_left", left, "ratio", method=f"by the pool's hedge, {method}"),
        Metric(
            "variance_left_best_fixed",
            found.left if found else 1.0,
            "ratio",
            method=f"by the one fixed position in hindsight, {method}",
        ),
        Metric(
            "best_fixed_hedge",
            float(found.sizes[0]) if found and math.isfinite(found.sizes[0]) else 0.0,
            "underlying",
            method="that position",
        ),
    ]
