"""A just-in-time liquidity provider: there for a trade's fee, gone right after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, rounded_down
from amm_sim.types import (
    Mode,
    Order,
    PendingView,
    Read,
    RequestDeposit,
    RequestWithdrawal,
    Seen,
    Trade,
)


@dataclass(frozen=True, kw_only=True)
class JustInTimeLP(Behaviour):
    """Wraps the largest waiting trade of a block: a deposit before it, a withdrawal after it.

    It needs a builder that sells places beside an order (``run.builder = "bundles"``). Shares that
    it could not give back at once it gives back at its next wake-up.
    """

    latency: int = 0
    capital: float = 1_000_000.0
    least: float = 1.0
    """Contracts of a trade that is worth the trouble."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN, Read.MEMPOOL})
    positive: ClassVar[tuple[str, ...]] = ("least",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Leaves if it still holds shares, else waits for a trade."""
        own, pool = seen.own, seen.pool
        if own is None or pool.mode != Mode.NORMAL:
            return []
        held = rounded_down(own.lp_shares)
        if held >= 1.0:
            return [RequestWithdrawal(held)]
        target = self._largest(seen.mempool)
        amount = rounded_down(min(own.wallet, self.capital))
        if target is None or amount < 1.0 or pool.share_price <= 0.0:
            return []
        shares = rounded_down(0.999 * amount / pool.share_price)
        ticket = target.ticket
        return [
            RequestDeposit(amount, ahead_of=ticket),
            RequestWithdrawal(shares, behind=ticket),
        ]

    def _largest(self, mempool: tuple[PendingView, ...]) -> PendingView | None:
        trades = [
            (abs(p.order.size), -p.ticket, p)
            for p in mempool
            if isinstance(p.order, Trade) and abs(p.order.size) >= self.least
        ]
        return max(trades, key=lambda t: t[:2])[2] if trades else None
