"""What became of the agents' money, by kind."""

from __future__ import annotations

import numpy as np
import polars as pl

from amm_sim.analyzers.frames import Floats, floats
from amm_sim.tape import Tape
from amm_sim.types import Metric


def profits(tape: Tape) -> dict[str, float]:
    """By kind: wallet, equity and LP shares when last seen, less what the agents came with.

    What waits in the LP queue counts; gas does not. Where underlying is collateral, what came or
    went of it counts at the oracle's last price, what is only kept does not. Kinds of which no
    account was ever read are left out.
    """
    seen, agents = tape.table("accounts"), tape.table("agents")
    last = seen.sort("block", maintain_order=True).group_by("agent").last()
    columns = agents.select("agent", "kind", "address", "capital", "underlying")
    known = last.drop("address").join(columns, on="agent").sort("agent")
    if known.is_empty():
        return {}
    pool = tape.table("pool")
    price = floats(pool, "share_price")
    queued, waiting = _queued(tape, 0, "amount"), _queued(tape, 1, "shares")
    owners = known["address"].to_list()
    shares = floats(known, "lp_shares") + np.array([waiting.get(a, 0.0) for a in owners])
    held = floats(known, "wallet") + floats(known, "equity") - floats(known, "credit")
    held += _underlying_gained(known) * (floats(pool, "spot")[-1] if len(pool) else 0.0)
    held += shares * (price[-1] if len(price) else 0.0)
    held += np.array([queued.get(a, 0.0) for a in owners])
    known = known.with_columns(pl.Series("profit", held - floats(known, "capital")))
    sums = known.group_by("kind").agg(pl.col("profit").sum()).sort("kind")
    return {str(kind): float(profit) for kind, profit in sums.iter_rows()}


def _underlying_gained(known: pl.DataFrame) -> Floats:
    """Units that came to each since the start; none where no account has a part in collateral."""
    units = floats(known, "units") + floats(known, "underlying_wallet")
    return units - floats(known, "underlying") if units.any() else np.zeros(len(known))


def _queued(tape: Tape, odd: int, unit: str) -> dict[str, float]:
    """By address: requests less what was served of them or taken back. Withdrawals are odd."""
    name = "withdrawal" if odd else "deposit"
    total: dict[str, float] = {}
    for event, column, sign in (
        (f"{name}_requested", unit, 1.0),
        (f"{name}_processed", unit, -1.0),
        ("request_cancelled", "amount", -1.0),
    ):
        frame = tape.event(event)
        if frame is None:
            continue
        rows = zip(frame["id"].to_list(), frame["lp"].to_list(), floats(frame, column), strict=True)
        for request, lp, amount in rows:
            if int(request) % 2 == odd:
                total[str(lp)] = total.get(str(lp), 0.0) + sign * float(amount)
    return total


def metrics(tape: Tape) -> list[Metric]:
    """Profit of each kind of agent."""
    return [
        Metric(f"profit_{kind}", profit, "quote", method="wallet, equity and shares less capital")
        for kind, profit in profits(tape).items()
    ]
