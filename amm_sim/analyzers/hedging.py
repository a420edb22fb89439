"""Hedge tracking error against the unhedged book."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from amm_sim.analyzers.frames import Floats, event_by_block, floats
from amm_sim.tape import Tape
from amm_sim.types import Metric

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Tracking:
    """Standard deviations of the pool's P&L per period, in quote.

    ``ratio`` is hedged / unhedged.
    """

    hedged: float
    unhedged: float
    ratio: float
    largest_lag_delta: float
    """Largest |net delta| times spot seen at a block's end, in quote."""
    periods: int


def hedge_profit(tape: Tape) -> Floats:
    """Cumulative P&L of the venue position per block.

    Its equity less the margin that went there.
    """
    pool = tape.table("pool")
    blocks = pool["block"].to_numpy()
    moved = event_by_block(tape, "margin_moved", "amount", blocks)
    equity = floats(pool, "hedge_equity")
    return equity - (equity[0] if len(equity) else 0.0) - np.cumsum(moved)


def lp_flows(tape: Tape) -> Floats:
    """Cumulative quote that liquidity providers brought in less what they took out, per block."""
    blocks = tape.table("pool")["block"].to_numpy()
    paid_in = event_by_block(tape, "deposit_processed", "amount", blocks)
    return np.cumsum(paid_in - event_by_block(tape, "withdrawal_processed", "amount", blocks))


def tracking(tape: Tape, period: int = HOUR) -> Tracking:
    """Compares the P&L of book and hedge with that of the book alone, per ``period`` seconds."""
    pool = tape.table("pool")
    if len(pool) < 2:
        return Tracking(0.0, 0.0, 1.0, 0.0, 0)
    time = pool["time"].to_numpy()
    profit = floats(pool, "nav") - lp_flows(tape)
    hedge = hedge_profit(tape)
    marks = np.searchsorted(time, np.arange(time[0], time[-1] + 1, period))
    total, alone = np.diff(profit[marks]), np.diff((profit - hedge)[marks])
    spread = float(total.std(ddof=1)) if len(total) > 1 else 0.0
    unhedged = float(alone.std(ddof=1)) if len(alone) > 1 else 0.0
    net = np.abs(floats(pool, "delta") + floats(pool, "hedge_size")) * floats(pool, "spot")
    return Tracking(
        spread, unhedged, spread / unhedged if unhedged > 0 else 1.0, float(net.max()), len(total)
    )


def hedge_cost(tape: Tape) -> float:
    """What the pool paid for its hedges beyond the true spot of their moment, in quote.

    Against the oracle, which may be late, a hedge can look cheap that was dear; that price counts
    only where the truth was not recorded.
    """
    frame = tape.event("hedged")
    if frame is None:
        return 0.0
    told = floats(frame, "cost")
    truth = tape.table("market").select("time", pl.col("spot").alias("truth"))
    if "price" not in frame.columns or truth.is_empty():
        return float(told.sum())
    joined = frame.join(truth, on="time", how="left", maintain_order="left")
    paid = floats(joined, "size") * (floats(joined, "price") - floats(joined, "truth"))
    return float(np.where(np.isnan(paid), told, paid).sum())


def internalised(tape: Tape) -> float:
    """Share of what was hedged that fillers supplied, by |size|."""
    total = _volume(tape, "hedged")
    return _volume(tape, "hedge_filled") / total if total > 0 else 0.0


def _volume(tape: Tape, event: str) -> float:
    frame = tape.event(event)
    return 0.0 if frame is None else float(np.abs(floats(frame, "size")).sum())


def largest_shortfall(tape: Tape) -> float:
    """Largest delta that a venue did not take, times spot."""
    pool = tape.table("pool")
    short = floats(pool, "hedge_shortfall") * floats(pool, "spot")
    return float(short.max(initial=0.0))


def sandwich_profit(tape: Tape) -> float:
    """Quote that attackers of the pool's hedges gained on the Uniswap pool, at its last price."""
    swaps, agents = tape.event("spot_swapped"), tape.table("agents")
    if swaps is None:
        return 0.0
    attackers = agents.filter(agents["kind"] == "sandwich")["address"]
    theirs = swaps.filter(swaps["account"].is_in(attackers.to_list()))
    if theirs.is_empty():
        return 0.0
    last = float(floats(swaps, "price")[-1])
    return float(floats(theirs, "cash").sum() + floats(theirs, "size").sum() * last)


def metrics(tape: Tape) -> list[Metric]:
    """Tracking error as metrics."""
    t = tracking(tape)
    method = f"standard deviation of {t.periods} hourly changes"
    return [
        Metric("pnl_std_hedged", t.hedged, "quote per hour", method=method),
        Metric("pnl_std_unhedged", t.unhedged, "quote per hour", method=method),
        Metric("hedge_tracking_ratio", t.ratio, "ratio", method="hedged / unhedged"),
        Metric(
            "largest_net_delta",
            t.largest_lag_delta,
            "quote",
            method="|delta| times spot at block ends",
        ),
        Metric("largest_hedge_shortfall", largest_shortfall(tape), "quote"),
        Metric("hedge_internalised", internalised(tape), "ratio", method="fillers' share of size"),
        Metric("sandwich_profit", sandwich_profit(tape), "quote", method="swaps at the last price"),
    ]
