"""Bad debt by cause, liquidations, and who bore what."""

from __future__ import annotations

import polars as pl

from amm_sim.analyzers.frames import event_count, event_sum, floats
from amm_sim.tape import Tape
from amm_sim.types import Metric

CAUSES = {0: "settlement", 1: "liquidation"}


def bad_debt(tape: Tape) -> dict[str, float]:
    """Loss that accounts left beyond their collateral, by cause, in quote."""
    total = dict.fromkeys(CAUSES.values(), 0.0)
    frame = tape.event("bad_debt")
    if frame is not None:
        for cause, loss in zip(frame["cause"].to_list(), floats(frame, "loss"), strict=True):
            total[CAUSES.get(int(cause), f"cause {cause}")] += float(loss)
    return total


def liquidations(tape: Tape) -> dict[str, int]:
    """Accounts liquidated.

    Auctions started, fills of solvent and insolvent auctions, closes by the pool.
    """
    fills = tape.event("bid_filled")
    insolvent = 0 if fills is None else len(fills.filter(pl.col("insolvent")))
    return {
        "auctions": event_count(tape, "auction_started"),
        "solvent_fills": (0 if fills is None else len(fills)) - insolvent,
        "insolvent_fills": insolvent,
        "closed_by_pool": event_count(tape, "closed_by_pool"),
    }


def paid_share(tape: Tape) -> float:
    """Share of the equity for sale that solvent bids paid; 1 without any.

    A bidder's profit is what the penalty is a known share of. Far below 1, nobody competed.
    """
    fills = tape.event("bid_filled")
    share = float(tape.manifest.get("parameters", {}).get("auction", {}).get("penaltyShare", 0.0))
    if fills is None or share <= 0.0:
        return 1.0
    solvent = fills.filter(~pl.col("insolvent"))
    paid = float(floats(solvent, "payment").sum())
    profit = float(floats(solvent, "penalty").sum()) / share
    return paid / (paid + profit) if paid + profit > 0.0 else 1.0


def metrics(tape: Tape) -> list[Metric]:
    """Losses and liquidations as metrics."""
    debt = bad_debt(tape)
    insured = event_sum(tape, "bad_debt", "insured")
    total = sum(debt.values())
    return [
        *(Metric(f"bad_debt_{cause}", loss, "quote") for cause, loss in debt.items()),
        Metric("bad_debt_insured", insured, "quote"),
        Metric("bad_debt_borne_by_pool", max(total - insured, 0.0), "quote"),
        Metric("liquidation_paid_share", paid_share(tape), "ratio"),
        Metric("liquidation_penalties", event_sum(tape, "bid_filled", "penalty"), "quote"),
        *(Metric(name, count, "count") for name, count in liquidations(tape).items()),
    ]
