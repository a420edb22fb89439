"""An informed volatility trader: knows what the outside pays, trades where the pool is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import Quote, limited, margin_of_short, outside_vol, quotes
from amm_sim.types import AccountView, Mode, Order, Read, Seen, Truth


@dataclass(frozen=True, kw_only=True)
class VolTrader(Behaviour):
    """Trades the series with the largest edge of the outside over the pool's volatility."""

    cadence: int = 600
    margin: float = 0.01
    """Edge that it asks beyond the fee, in volatility."""
    share: float = 0.5
    """Share of the gap that one trade closes, where trades move the pool's volatility."""
    largest: float = 200.0
    """Largest trade in contracts."""
    low_delta: float = 0.15
    """Trades series with |delta| in [low_delta, high_delta]."""
    high_delta: float = 0.85
    legs: int = 7
    """Holds at most so many series."""
    cover: float = 0.8
    """Share of its free equity that a trade may bind."""
    slippage: float = 0.01
    """Relative move of spot against it that a limit tolerates."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN, Read.TRUTH})
    positive: ClassVar[tuple[str, ...]] = ("largest", "legs")
    shares: ClassVar[tuple[str, ...]] = ("share", "low_delta", "high_delta", "cover")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """One trade in the series with the largest edge, if any pays."""
        own, truth, pool = seen.own, seen.truth, seen.pool
        if own is None or truth is None:
            return []
        deposit = funding(own, self.capital)
        if deposit or pool.mode != Mode.NORMAL:
            return deposit
        held = {leg.series for leg in own.legs}
        choices = [
            quote
            for quote in quotes(pool, self.low_delta, self.high_delta)
            if quote.vega > 0.0 and (quote.series in held or len(held) < self.legs)
        ]
        best = max(choices, key=lambda quote: self._edge(truth, quote), default=None)
        if best is None or self._edge(truth, best) <= 0.0:
            return []
        size = self._size(truth, best, own, pool.spot)
        return [limited(best, size, pool.spot, self.slippage)] if size else []

    def _edge(self, truth: Truth, quote: Quote) -> float:
        """Quote per contract gained after fee and asked margin."""
        gap = abs(outside_vol(truth, quote) - quote.vol) - self.margin
        return gap * quote.vega - quote.fee

    def _size(self, truth: Truth, quote: Quote, own: AccountView, spot: float) -> float:
        """Signed contracts: toward the outside volatility, within capital and ``largest``."""
        buys = outside_vol(truth, quote) > quote.vol
        size = self.largest
        if quote.impact > 0.0:
            size = min(size, self.share * self._edge(truth, quote) / (2.0 * quote.impact))
        free = self.cover * max(min(own.balance, own.equity) - own.initial_margin, 0.0)
        size = min(size, free / (quote.value + quote.fee if buys else margin_of_short(quote, spot)))
        return contracts(size if buys else -size)
