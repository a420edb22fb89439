"""A stale-quote sniper: sees the truth before the oracle does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import Quote, closing, limited, may_close, moved_value, quotes
from amm_sim.types import AccountView, Mode, Order, PoolView, Read, Seen


@dataclass(frozen=True, kw_only=True)
class Sniper(Behaviour):
    """Buys calls when the truth is above the oracle, puts when below; closes afterwards."""

    latency: int = 0
    trigger: float = 0.002
    """|truth / oracle - 1| below which it does not even look."""
    profit: float = 1.5
    """Asked gain per contract as a multiple of the fees of opening and closing."""
    largest: float = 100.0
    """Largest trade in contracts."""
    low_delta: float = 0.3
    """Trades series with |delta| in [low_delta, high_delta]."""
    high_delta: float = 0.9
    cover: float = 0.9
    """Share of its balance that a trade may cost."""
    slippage: float = 0.0005
    """Relative move of spot against it that a limit tolerates: a filled stale quote or none."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN, Read.TRUTH})
    positive: ClassVar[tuple[str, ...]] = ("trigger", "profit", "largest")
    shares: ClassVar[tuple[str, ...]] = ("low_delta", "high_delta", "cover")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """One trade if the oracle is stale enough, else closes what it holds."""
        own, truth, pool = seen.own, seen.truth, seen.pool
        if own is None or truth is None or pool.spot <= 0.0:
            return []
        deposit = funding(own, self.capital)
        if deposit or not may_close(pool):
            return deposit
        gap = truth.spot / pool.spot - 1.0
        if abs(gap) >= self.trigger:
            return self._strike(pool, own, truth.spot) if pool.mode == Mode.NORMAL else []
        return list(closing(pool, own.legs))

    def _strike(self, pool: PoolView, own: AccountView, spot: float) -> list[Order]:
        up = spot > pool.spot
        choices = quotes(pool, self.low_delta, self.high_delta, up)
        best = max(choices, key=lambda quote: self._edge(quote, spot), default=None)
        if best is None or self._edge(best, spot) <= 0.0:
            return []
        size = contracts(self._size(pool, own, best))
        return [limited(best, size, pool.spot, self.slippage)] if size > 0.0 else []

    def _edge(self, quote: Quote, spot: float) -> float:
        """Quote per contract beyond the asked multiple of the fees."""
        return moved_value(quote, spot) - quote.value - self.profit * 2.0 * quote.fee

    def _size(self, pool: PoolView, own: AccountView, quote: Quote) -> float:
        size = min(self.largest, self.cover * own.balance / (quote.value + quote.fee))
        limit = pool.fees.get("accountDeltaLimit", 0.0) * pool.nav
        return min(size, 0.95 * limit / (abs(quote.delta) * pool.spot)) if limit > 0.0 else size
