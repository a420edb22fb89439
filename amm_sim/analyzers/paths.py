"""One path of a study in numbers: what the ledger keeps of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from amm_sim import analyzers
from amm_sim.analyzers.frames import floats
from amm_sim.analyzers.losses import bad_debt
from amm_sim.analyzers.solvency import solvency
from amm_sim.tape import Tape


def insolvent_after(tape: Tape) -> int | None:
    """Seconds from the first block to the first with payout scale below 1, if there is one."""
    at = solvency(tape).insolvent_at
    return None if at is None else at - int(tape.table("pool")["time"][0])


def path_metrics(tape: Tape) -> Mapping[str, float]:
    """Every finite metric of a run by name, and the two that only studies use.

    ``lp_loss`` is the fall of the LP share price from first to last block as a share of the first:
    deposits and withdrawals do not move it. ``bad_debt`` is what all accounts left.
    """
    found = {metric.name: metric.value for metric in analyzers.evaluate(tape).metrics}
    found |= {"lp_loss": lp_loss(tape), "bad_debt": math.fsum(bad_debt(tape).values())}
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def lp_loss(tape: Tape) -> float:
    """1 - last / first share price; 0 without LPs."""
    price = floats(tape.table("pool"), "share_price")
    return float(1.0 - price[-1] / price[0]) if len(price) and price[0] > 0.0 else 0.0
