"""What happened: fills, refusals by name, hedges, fees against hedge cost."""

from __future__ import annotations

import polars as pl

from amm_sim.analyzers.frames import event_count, event_sum, floats
from amm_sim.analyzers.hedging import hedge_cost
from amm_sim.tape import Tape
from amm_sim.types import Metric


def refusals(tape: Tape) -> list[tuple[str, int]]:
    """Refused orders by the name of the error, most frequent first."""
    txs = tape.table("txs").filter(pl.col("status") == "refused")
    counts = txs.group_by("error").len().sort(["len", "error"], descending=[True, False])
    return [(str(name) or "(no name)", int(n)) for name, n in counts.iter_rows()]


def fills(tape: Tape) -> list[tuple[str, int]]:
    """Filled orders by kind of agent, most frequent first; every kind of the run is listed."""
    agents = tape.table("agents")
    done = tape.table("txs").filter(pl.col("status") == "filled").group_by("kind").len()
    counts = {str(kind): 0 for kind in agents["kind"].unique().to_list()}
    counts.update({str(kind): int(n) for kind, n in done.iter_rows()})
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def trades(tape: Tape) -> tuple[int, int]:
    """Numbers of option trades in which the trader bought and sold."""
    frame = tape.event("traded")
    if frame is None:
        return 0, 0
    size = floats(frame, "size")
    return int((size > 0).sum()), int((size < 0).sum())


def _largest(frame: pl.DataFrame, column: str) -> float:
    return float(floats(frame, column).max()) if len(frame) else 0.0


def metrics(tape: Tape) -> list[Metric]:
    """Activity as metrics. ``fees`` are gross; part of them goes to the insurance fund."""
    bought, sold = trades(tape)
    txs = tape.table("txs")
    fees = event_sum(tape, "traded", "result_fee")
    cost = hedge_cost(tape)
    return [
        Metric("transactions", len(txs), "count"),
        Metric("refused", len(txs.filter(pl.col("status") == "refused")), "count"),
        Metric("dropped", len(txs.filter(pl.col("status") == "dropped")), "count"),
        Metric("longest_wait", _largest(txs, "delay"), "s", method="from submission to block"),
        Metric("trades_bought", bought, "count"),
        Metric("trades_sold", sold, "count"),
        Metric("hedges", event_count(tape, "hedged"), "count"),
        Metric("hedge_failures", event_count(tape, "hedge_failed"), "count"),
        Metric("fees", fees, "quote"),
        Metric(
            "hedge_cost",
            cost,
            "quote",
            method="size times (fill - true spot), + the pool paid",
        ),
        Metric("fees_less_hedge_cost", fees - cost, "quote"),
    ]
