"""P&L explain: the change of NAV as a sum of terms and a residual, exact to the wei.

Between two blocks the option book moves by its Greeks at the first (delta, gamma, theta from the
chain; vega from the float reference, strike by strike, for the move of the anchors: by the
envelope theorem a shift of u alone does not change C(q) to first order). The hedge term is
measured: the change of venue equity less margin transfers. The remaining terms are flows that the
events name. What no term explains is the residual; all terms and the residual sum to the change
of NAV exactly, in integers.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import numpy as np
import polars as pl

from amm_sim.analyzers.frames import Floats, event_sum, floats
from amm_sim.analyzers.hedging import hedge_profit, lp_flows
from amm_sim.pricing.black76 import vega as black76_vega
from amm_sim.tape import Tape
from amm_sim.types import LP_FLOWS, Metric
from amm_sim.units import YEAR, from_wad, to_wad

MIN_STEPS = 2


def explain(tape: Tape) -> list[tuple[str, int]]:
    """Terms as 18-decimal integers, the residual last.

    Their sum is the last NAV less the first, to the wei.
    """
    pool = tape.table("pool")
    if len(pool) < MIN_STEPS:
        return [("residual", 0)]
    terms = {**_book(tape, pool), **_hedge(tape, pool), **_flows(tape, pool)}
    exact = [(name, to_wad(value)) for name, value in terms.items()]
    nav = cast(list[Decimal], [pool["nav"][0], pool["nav"][-1]])
    change = to_wad(nav[1]) - to_wad(nav[0])
    return [*exact, ("residual", change - sum(value for _, value in exact))]


def residual_share(terms: list[tuple[str, int]]) -> float:
    """|residual| as a share of the sum of |terms| without LP flows; 0 when nothing happened."""
    total = sum(abs(value) for name, value in terms if name != LP_FLOWS)
    return abs(terms[-1][1]) / total if total else 0.0


def _book(tape: Tape, pool: pl.DataFrame) -> dict[str, float]:
    spot, time = floats(pool, "spot"), floats(pool, "time")
    move, elapsed = np.diff(spot), np.diff(time) / YEAR
    return {
        "delta": float(floats(pool, "delta")[:-1] @ move),
        "gamma": float(0.5 * floats(pool, "gamma")[:-1] @ move**2),
        "theta": float(floats(pool, "theta")[:-1] @ elapsed),
        "vega": _vega(
            tape.table("expiries"), dict(zip(pool["block"].to_list(), spot, strict=True))
        ),
        "settlement": _settlement(tape),
    }


def _vega(expiries: pl.DataFrame, spot: dict[int, float]) -> float:
    """What moved anchors cost the pool.

    Minus the sum over strikes of net position, vega and change of anchor.
    """
    total = 0.0
    for _, rows in expiries.group_by("expiry", maintain_order=True):
        live = rows.filter(pl.col("strikes").list.len() > 0)
        if len(live) >= MIN_STEPS:
            total += _vega_of(live, spot)
    return total


def _vega_of(rows: pl.DataFrame, spot: dict[int, float]) -> float:
    anchors, net = _matrix(rows, "anchors"), _matrix(rows, "net")
    moved = np.diff(anchors, axis=0)
    at = np.flatnonzero((moved != 0).any(axis=1) & (net[:-1] != 0).any(axis=1))
    if len(at) == 0:
        return 0.0
    forward = np.array([spot[b] for b in rows["block"].to_numpy()[at]])[:, None]
    left = (rows["expiry"].to_numpy() - rows["time"].to_numpy())[at][:, None] / YEAR
    vols = _matrix(rows, "vols")[at]
    vega = black76_vega(forward, _matrix(rows, "strikes")[at], np.maximum(left, 0.0), vols)
    return -float((net[at] * vega * moved[at]).sum())


def _matrix(rows: pl.DataFrame, column: str) -> Floats:
    return np.array(rows[column].to_list(), dtype=np.float64)


def _settlement(tape: Tape) -> float:
    """What the book owed at its last valuation less what settlement made of it."""
    return event_sum(tape, "removed", "liability") - event_sum(tape, "expiry_settled", "liability")


def _hedge(tape: Tape, pool: pl.DataFrame) -> dict[str, float]:
    """The venue position's P&L: market move at the oracle's price, cost, and the rest."""
    total = float(hedge_profit(tape)[-1])
    move = float(floats(pool, "hedge_size")[:-1] @ np.diff(floats(pool, "spot")))
    cost = event_sum(tape, "hedged", "cost")
    return {
        "hedge market move": move,
        "hedge cost": -cost,
        "hedge basis and funding": total - move + cost,
    }


def _flows(tape: Tape, pool: pl.DataFrame) -> dict[str, float]:
    flows = lp_flows(tape)
    share = _parameter(tape, "market", "insuranceShare")
    to_vault = 1.0 - _parameter(tape, "auction", "insurancePart")
    debt = event_sum(tape, "bad_debt", "loss") - event_sum(tape, "bad_debt", "insured")
    uncovered = floats(pool, "uncovered")
    return {
        "fees": _after_start(tape, pool, "traded", "result_fee") * (1.0 - share),
        "inventory fees": _after_start(tape, pool, "traded", "result_inventory"),
        "liquidation penalties": _after_start(tape, pool, "bid_filled", "penalty") * to_vault,
        "credit losses": -debt - float(uncovered[-1] - uncovered[0]),
        "underlying": _underlying(tape, pool),
        LP_FLOWS: float(flows[-1] - flows[0]),
    }


def _underlying(tape: Tape, pool: pl.DataFrame) -> float:
    """What underlying taken for debts brought above the debts that it paid, the haircut first."""
    held = floats(pool, "underlying")
    sold = _after_start(tape, pool, "underlying_sold", "paid")
    return sold + float(held[-1] - held[0]) - _after_start(tape, pool, "underlying_taken", "value")


def _after_start(tape: Tape, pool: pl.DataFrame, event: str, column: str) -> float:
    frame = tape.event(event)
    if frame is None:
        return 0.0
    return float(floats(frame.filter(pl.col("block") > pool["block"][0]), column).sum())


def _parameter(tape: Tape, table: str, field: str) -> float:
    """A parameter as read back from the chain; 0 for a tape without them."""
    return float(tape.manifest.get("parameters", {}).get(table, {}).get(field, 0.0))


def metrics(tape: Tape) -> list[Metric]:
    """Every term and the residual's share."""
    terms = explain(tape)
    method = "Greeks at the step's start; flows by event"
    return [
        *(
            Metric(f"pnl {name}".replace(" ", "_").lower(), from_wad(v), "quote", method=method)
            for name, v in terms
        ),
        Metric(
            "pnl_residual_share",
            residual_share(terms),
            "ratio",
            method="|residual| / sum of |terms|",
        ),
    ]
