"""Liquidity providers: what covers a run on the pool, who gains by running first, who waits."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from scipy.special import ndtr

from amm_sim.analyzers.frames import Floats, floats
from amm_sim.tape import Tape
from amm_sim.types import Metric

MOST = 10.0
"""Coverage is not stated beyond this: without shares it would be infinite."""


def coverage(tape: Tape) -> Floats:
    """Free liquidity / what all shares are worth, block by block; inf where there are none."""
    pool = tape.table("pool")
    owed = floats(pool, "total_shares") * floats(pool, "share_price")
    free = floats(pool, "free_liquidity")
    return np.where(owed > 0.0, free / np.where(owed > 0.0, owed, 1.0), math.inf)


def waits(tape: Tape) -> Floats:
    """Seconds from request to the first payment of each withdrawal that was paid."""
    asked, paid = tape.event("withdrawal_requested"), tape.event("withdrawal_processed")
    if asked is None or paid is None:
        return np.empty(0)
    first = paid.group_by("id").agg(pl.col("time").min().alias("paid"))
    both = asked.select("id", "time").join(first, on="id").sort("id")
    return (both["paid"] - both["time"]).to_numpy().astype(np.float64)


def run_gain(tape: Tape) -> float:
    """What those who left got more for their shares than at the run's last share price, in quote.

    Positive: whoever ran first gained at the expense of those who stayed.
    """
    paid, pool = tape.event("withdrawal_processed"), tape.table("pool")
    if paid is None or paid.is_empty() or pool.is_empty():
        return 0.0
    last = float(floats(pool, "share_price")[-1])
    return float((floats(paid, "amount") - floats(paid, "shares") * last).sum())


def loss_pending(tape: Tape) -> int:
    """Seconds in which an insolvent auction was open: the queue waits for its loss."""
    pool = tape.table("pool")
    if pool.is_empty():
        return 0
    time = pool["time"].to_numpy()
    step = np.diff(time, append=time[-1])
    return int(step[pool["live_insolvent"].to_numpy() > 0].sum())


def metrics(tape: Tape) -> list[Metric]:
    """Liquidity providers as metrics."""
    covered, waited = coverage(tape), waits(tape)
    least = min(float(covered.min(initial=math.inf)), MOST)
    return [
        Metric("least_lp_coverage", least, "ratio", method="free liquidity / value of all shares"),
        Metric("longest_lp_wait", float(waited.max(initial=0.0)), "s"),
        Metric("lp_run_gain", run_gain(tape), "quote", method="paid less shares at the last price"),
        Metric("seconds_loss_pending", loss_pending(tape), "s"),
    ]


def first_mover_gain(withdrawn: float, loss: float, fee: float) -> float:
    """What ``withdrawn`` quote gains by leaving ahead of a loss of the share ``loss`` of NAV.

    Those who stay bear it. Running pays when the loss exceeds the fee: that is the threshold.
    """
    return withdrawn * (loss - fee)


def waiting_tail(seconds: float, served: float, load: float) -> float:
    """P(wait and service > ``seconds``) of an M/M/1 queue: ``served`` a second, load < 1."""
    if not 0.0 <= load < 1.0:
        raise ValueError(f"load {load}: a queue is stable for a load in [0, 1)")
    return math.exp(-served * (1.0 - load) * seconds)


def hit_probability(distance: float, drift: float, vol: float, years: float) -> float:
    """P(a Brownian motion with drift falls by ``distance`` within ``years``).

    How likely an account whose equity lies ``distance`` above its margin needs a top-up.
    """
    if distance <= 0.0:
        return 1.0
    root = vol * math.sqrt(years)
    straight = float(ndtr((-distance - drift * years) / root))
    turned = float(ndtr((-distance + drift * years) / root))
    return straight + math.exp(-2.0 * drift * distance / (vol * vol)) * turned
