"""A sandwicher of liquidations: buys ahead of a forced purchase, sells right after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import Quote, closing, find, limited
from amm_sim.types import AccountView, Mode, Order, PendingView, PoolView, Read, Seen, Trade


@dataclass(frozen=True, kw_only=True)
class LiquidationSandwich(Behaviour):
    """Wraps purchases at any price: a liquidator who closes what he took over.

    A purchase is taken for forced when its limit lies ``loose`` of spot per contract above the
    value. Needs a builder that sells places beside an order (``run.builder = "bundles"``).
    """

    latency: int = 0
    capital: float = 200_000.0
    loose: float = 0.5
    largest: float = 100.0
    """Contracts that it buys at most."""
    cover: float = 0.8
    """Share of its balance that the purchase may cost."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN, Read.MEMPOOL})
    positive: ClassVar[tuple[str, ...]] = ("loose", "largest")
    shares: ClassVar[tuple[str, ...]] = ("cover",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Gets rid of what is left of an earlier one, else wraps the largest forced purchase."""
        own, pool = seen.own, seen.pool
        if own is None:
            return []
        deposit = funding(own, self.capital)
        if deposit or pool.mode != Mode.NORMAL:
            return deposit
        if own.legs:
            return list(closing(pool, own.legs))
        prey = [f for p in seen.mempool if (f := self._forced(p, pool)) is not None]
        if not prey:
            return []
        _, ticket, quote = max(prey, key=lambda f: f[:2])
        return self._wrap(-ticket, quote, pool, own)

    def _forced(self, pending: PendingView, pool: PoolView) -> tuple[float, int, Quote] | None:
        """Size, -ticket and quote of a purchase at any price; None if it is no such thing."""
        order = pending.order
        if not isinstance(order, Trade) or order.size <= 0.0:
            return None
        quote = find(pool, order.series)
        if quote is None or order.limit < order.size * (quote.value + self.loose * pool.spot):
            return None
        return order.size, -pending.ticket, quote

    def _wrap(self, ticket: int, quote: Quote, pool: PoolView, own: AccountView) -> list[Order]:
        size = self._size(quote, pool, own)
        if size <= 0.0:
            return []
        buy = limited(quote, size, pool.spot, 0.02)
        return [
            Trade(quote.series, size, buy.limit, ahead_of=ticket),
            Trade(quote.series, -size, 0.0, behind=ticket),
        ]

    def _size(self, quote: Quote, pool: PoolView, own: AccountView) -> float:
        size = min(self.largest, self.cover * own.balance / (quote.value + quote.fee))
        limit = pool.fees.get("accountDeltaLimit", 0.0) * pool.nav
        if limit > 0.0:
            size = min(size, 0.9 * limit / (abs(quote.delta) * pool.spot))
        return contracts(size)
