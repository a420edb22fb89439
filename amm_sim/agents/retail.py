"""Retail flow: buys and sells calls and puts at random, closes later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import Quote, closing, limited, margin_of_short, may_close, quotes
from amm_sim.types import AccountView, Mode, Order, PoolView, Seen


@dataclass(frozen=True, kw_only=True)
class Retail(Behaviour):
    """Opens at Poisson times, closes each leg at one of its own; shorts keep ample margin."""

    cadence: int = 300
    rate: float = 1.0
    """Openings an hour."""
    close_rate: float = 0.1
    """Closings an hour of each leg."""
    buys: float = 0.55
    """Share of openings that buy."""
    calls: float = 0.5
    """Share of openings in calls."""
    size: float = 5.0
    """Mean size in contracts; exponential."""
    largest: float = 25.0
    """Largest size in contracts."""
    low_delta: float = 0.1
    """Trades series with |delta| in [low_delta, high_delta]."""
    high_delta: float = 0.8
    legs: int = 6
    """Holds at most so many series."""
    cover: float = 0.6
    """Share of its free equity that a short may bind."""
    slippage: float = 0.02
    """Relative move of spot against it that a limit tolerates."""

    positive: ClassVar[tuple[str, ...]] = ("size", "largest", "legs")
    shares: ClassVar[tuple[str, ...]] = ("buys", "calls", "low_delta", "high_delta", "cover")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """Funds itself, closes what is due, opens what comes."""
        own = seen.own
        if own is None:
            return []
        deposit = funding(own, self.capital)
        if deposit:
            return deposit
        return self._closings(seen.pool, own, rng) + self._openings(seen.pool, own, rng)

    def _closings(self, pool: PoolView, own: AccountView, rng: np.random.Generator) -> list[Order]:
        if not may_close(pool):
            return []
        chance = -np.expm1(-self.close_rate * self.cadence / 3600.0)
        due = [leg for leg in own.legs if rng.random() < chance]
        return list(closing(pool, due))

    def _openings(self, pool: PoolView, own: AccountView, rng: np.random.Generator) -> list[Order]:
        count = int(rng.poisson(self.rate * self.cadence / 3600.0))
        if count == 0 or pool.mode != Mode.NORMAL:
            return []
        choices = quotes(pool, self.low_delta, self.high_delta)
        return [order for _ in range(count) for order in self._opening(pool, own, choices, rng)]

    def _opening(
        self, pool: PoolView, own: AccountView, choices: list[Quote], rng: np.random.Generator
    ) -> list[Order]:
        buys, is_call = rng.random() < self.buys, rng.random() < self.calls
        wanted = min(rng.exponential(self.size), self.largest)
        pick = rng.random()
        fit = [
            quote for quote in choices if quote.is_call == is_call and self._may_hold(own, quote)
        ]
        if not fit:
            return []
        quote = fit[int(pick * len(fit))]
        size = contracts(min(wanted, self._affordable(own, quote, pool.spot, buys)))
        if size < pool.fees.get("minSize", 0.0) or size <= 0.0:
            return []
        return [limited(quote, size if buys else -size, pool.spot, self.slippage)]

    def _may_hold(self, own: AccountView, quote: Quote) -> bool:
        held = [leg.series for leg in own.legs]
        return quote.series in held or len(held) < self.legs

    def _affordable(self, own: AccountView, quote: Quote, spot: float, buys: bool) -> float:
        free = self.cover * max(min(own.balance, own.equity) - own.initial_margin, 0.0)
        return free / (quote.value + quote.fee if buys else margin_of_short(quote, spot))
