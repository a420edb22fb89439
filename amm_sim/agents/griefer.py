"""A griefer: a position so small that nobody gains by liquidating it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, funding
from amm_sim.agents.quotes import limited, quotes
from amm_sim.types import Mode, Order, Seen


@dataclass(frozen=True, kw_only=True)
class Griefer(Behaviour):
    """Sells ``size`` contracts once with all it has, and leaves the account to rot.

    What it hopes for: an insolvent auction that nobody bids in keeps liquidity providers waiting
    and the fund paying. One agent is one account; a crowd comes by ``count``.
    """

    capital: float = 20.0
    size: float = 0.01
    """Contracts: the least that the pool takes."""
    is_call: bool = False
    target_delta: float = 0.4
    """Sells the series with |delta| nearest to this."""
    slippage: float = 0.05
    """Relative move of spot against it that a limit tolerates."""

    positive: ClassVar[tuple[str, ...]] = ("size",)
    shares: ClassVar[tuple[str, ...]] = ("target_delta",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """One deposit, one sale."""
        own, pool = seen.own, seen.pool
        if own is None or own.legs or own.auction_nonce:
            return []
        deposit = funding(own, self.capital)
        if deposit or pool.mode != Mode.NORMAL:
            return deposit
        fit = [quote for quote in quotes(pool, 0.05, 0.95) if quote.is_call == self.is_call]
        best = min(fit, key=lambda quote: abs(abs(quote.delta) - self.target_delta), default=None)
        if best is None:
            return []
        return [limited(best, -self.size, pool.spot, self.slippage)]
