"""Users who rebalance the pool: what their trades save it, what that costs, what leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from amm_sim.analyzers.frames import Floats, event_sum, floats
from amm_sim.analyzers.hedging import hedge_cost
from amm_sim.analyzers.intervals import PairedMean, paired_mean
from amm_sim.analyzers.study import column
from amm_sim.tape import Tape
from amm_sim.types import Metric, PathResult


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """Volumes in underlying, money in quote.

    A trade is reducing if the pool's |net delta| is smaller after it. ``saved`` is what the
    reducing trades took off the cost of hedging what lies outside the band, ``caused`` what the
    others added.
    """

    reducing: float
    increasing: float
    saved: float
    caused: float
    fees: float
    rebates: float
    rewards: float

    @property
    def share(self) -> float:
        """Reducing volume of all."""
        total = self.reducing + self.increasing
        return self.reducing / total if total > 0.0 else 0.0

    @property
    def efficiency(self) -> float:
        """Saved per unit of rebates and rewards; 0 where nothing was paid."""
        paid = self.rebates + self.rewards
        return self.saved / paid if paid > 0.0 else 0.0


def rebalancing(tape: Tape, unit_cost: float | None = None) -> Rebalancing:
    """Of one run; ``unit_cost`` is what hedging one underlying costs in quote.

    By default it is what the pool's own hedges cost on average, at least 0.
    """
    traded = tape.event("traded")
    if traded is None:
        return Rebalancing(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, _rewards(tape))
    moved = -floats(traded, "size") * floats(traded, "result_delta")
    before, band = _net_before(tape, traded, moved)
    after = before + moved
    cost = _unit_cost(tape) if unit_cost is None else unit_cost
    saved = cost * (np.maximum(np.abs(before) - band, 0.0) - np.maximum(np.abs(after) - band, 0.0))
    reducing = np.abs(after) < np.abs(before)
    charged = floats(traded, "result_inventory")
    return Rebalancing(
        float(np.abs(moved[reducing]).sum()),
        float(np.abs(moved[~reducing]).sum()),
        float(saved[reducing].sum()),
        float(-saved[~reducing].sum()),
        float(charged[charged > 0.0].sum()),
        float(-charged[charged < 0.0].sum()),
        _rewards(tape),
    )


def _rewards(tape: Tape) -> float:
    return event_sum(tape, "hedge_filled", "reward")


def _unit_cost(tape: Tape) -> float:
    hedged = tape.event("hedged")
    volume = 0.0 if hedged is None else float(np.abs(floats(hedged, "size")).sum())
    return max(0.0, hedge_cost(tape)) / volume if volume > 0.0 else 0.0


def _net_before(tape: Tape, traded: pl.DataFrame, moved: Floats) -> tuple[Floats, Floats]:
    """Net delta right before each trade, in the order of the chain, and the band stored then.

    From the last block's end, with the trades and hedges of the own block that came before.
    """
    pool = tape.table("pool")
    ends = floats(pool, "delta") + floats(pool, "hedge_size")
    at = np.searchsorted(pool["block"].to_numpy(), traded["block"].to_numpy())
    net, band = (np.append(0.0, each)[at] for each in (ends, floats(pool, "hedge_band")))
    keys = _places(traded)
    others = [(keys, moved), *_hedges(tape)]
    earlier = sum((_earlier(keys, places, sizes) for places, sizes in others), np.zeros(len(at)))
    return net + earlier, band


def _places(frame: pl.DataFrame) -> list[tuple[int, int]]:
    return list(zip(frame["block"].to_list(), frame["log"].to_list(), strict=True))


def _hedges(tape: Tape) -> list[tuple[list[tuple[int, int]], Floats]]:
    frame = tape.event("hedged")
    return (
        []
        if frame is None or "log" not in frame.columns
        else [(_places(frame), floats(frame, "size"))]
    )


def _earlier(keys: list[tuple[int, int]], places: list[tuple[int, int]], sizes: Floats) -> Floats:
    """Sum of sizes at smaller places of each key's block."""
    order = sorted(range(len(places)), key=places.__getitem__)
    sums = dict.fromkeys({block for block, _ in keys}, 0.0)
    found, next_ = np.zeros(len(keys)), 0
    for k in sorted(range(len(keys)), key=keys.__getitem__):
        while next_ < len(order) and places[order[next_]] < keys[k]:
            block = places[order[next_]][0]
            sums[block] = sums.get(block, 0.0) + float(sizes[order[next_]])
            next_ += 1
        found[k] = sums[keys[k][0]]
    return found


# ------------------------------------------------------------------ studies


def uplift(
    on: Sequence[PathResult], off: Sequence[PathResult], name: str = "reducing_share"
) -> PairedMean:
    """How much more rebalancing users bring where they are paid, over common random numbers.

    ``on`` and ``off`` are the same seeds with and without the incentive; others are left out.
    """
    base = {r.seed: r for r in off if r.status == "done"}
    mine = [r for r in on if r.status == "done" and r.seed in base]
    return paired_mean(column(mine, name), column([base[r.seed] for r in mine], name))


def leaks(charges: Floats, tolerance: float = 1e-9) -> int:
    """Closed cycles (rows: charges of their trades, + paid) whose trader got more than he paid."""
    return int((charges.sum(axis=1) < -tolerance).sum())


def metrics(tape: Tape) -> list[Metric]:
    """Who moved the pool's delta which way, and what that was worth."""
    r = rebalancing(tape)
    return [
        Metric(
            "reducing_share", r.share, "ratio", method="trades by |delta| that lower the pool's"
        ),
        Metric("rebalancing_saved", r.saved, "quote", method="at the mean cost of own hedges"),
        Metric("rebalancing_caused", r.caused, "quote", method="at the mean cost of own hedges"),
        Metric("inventory_fees_paid", r.fees, "quote"),
        Metric("inventory_rebates", r.rebates, "quote"),
        Metric("filler_rewards", r.rewards, "quote"),
        Metric("rebalancing_efficiency", r.efficiency, "ratio", method="saved / paid; 0 = unpaid"),
    ]
