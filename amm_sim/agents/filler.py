"""A filler: supplies the delta that the pool needs when the reward is worth it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour
from amm_sim.types import FillHedge, Mode, NoticeNeed, Order, Read, Seen
from amm_sim.units import quantize


@dataclass(frozen=True, kw_only=True)
class Filler(Behaviour):
    """Holds both tokens and wants neither more: it hedges elsewhere at ``cost``."""

    cadence: int = 60
    latency: int = 2
    capital: float = 2_000_000.0
    underlying: float = 10_000.0
    """Underlying minted to it at the start."""
    cost: float = 0.0003
    """What its own hedge costs, as a share of spot: it fills when the offered price covers it."""
    largest: float = 500.0
    """Largest fill in underlying."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.TRUTH})
    positive: ClassVar[tuple[str, ...]] = ("largest",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Starts the clock and offers what the pool wants: the chain refuses while it pays less."""
        pool, truth = seen.pool, seen.truth
        if truth is None or pool.mode != Mode.NORMAL or pool.hedge_trade == 0.0:
            return []
        size = max(-self.largest, min(self.largest, quantize(pool.hedge_trade)))
        cost = self.cost if size > 0.0 else -self.cost
        return [NoticeNeed(), FillHedge(size, quantize(truth.spot * (1.0 + cost)))]
