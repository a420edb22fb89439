"""Who trades on the Uniswap pool beside the options pool: liquidity, arbitrage, a sandwich."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour
from amm_sim.types import (
    ArbitrageSpot,
    Hedge,
    Mode,
    Order,
    ProvideSpot,
    Read,
    Seen,
    SwapSpot,
)
from amm_sim.units import quantize


@dataclass(frozen=True, kw_only=True)
class SpotProvider(Behaviour):
    """Concentrated liquidity around the price at its first wake-up; opens the pool."""

    cadence: int = 3600
    latency: int = 0
    capital: float = 10_000_000.0
    underlying: float = 50_000.0
    """Underlying minted to it at the start."""
    amount: float = 5_000_000.0
    """Quote that it puts in a side."""
    width: float = 2.0
    """Range [price / width, price * width]."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.TRUTH})
    positive: ClassVar[tuple[str, ...]] = ("amount", "width")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Once, at the start."""
        if seen.truth is None or seen.time - seen.start >= self.phase + self.cadence:
            return []
        return [ProvideSpot(quantize(seen.truth.spot), self.width, self.amount)]


@dataclass(frozen=True, kw_only=True)
class SpotArbitrageur(Behaviour):
    """Brings the pool to the truth, within its fee."""

    cadence: int = 60
    latency: int = 2
    capital: float = 50_000_000.0
    underlying: float = 200_000.0
    """Underlying minted to it at the start."""
    largest: float = 20_000.0
    """Largest trade in underlying."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.TRUTH})
    positive: ClassVar[tuple[str, ...]] = ("largest",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Trades the pool to the true price."""
        if seen.truth is None:
            return []
        return [ArbitrageSpot(quantize(seen.truth.spot), self.largest)]


@dataclass(frozen=True, kw_only=True)
class Sandwich(Behaviour):
    """Pushes the Uniswap price, has the pool hedge there, and trades back, all in one block.

    It sees that a hedge is due and that anyone may call it: no luck with other people's
    transactions is needed. What it can gain is bounded by what the venue allows a block.
    """

    cadence: int = 60
    latency: int = 1
    capital: float = 20_000_000.0
    underlying: float = 100_000.0
    """Underlying minted to it at the start."""
    push: float = 50.0
    """Underlying with which it pushes."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL})
    positive: ClassVar[tuple[str, ...]] = ("push",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Front run, hedge, back run."""
        trade = seen.pool.hedge_trade
        if not seen.pool.hedge_due or seen.pool.mode == Mode.FROZEN or trade == 0.0:
            return []
        push = self.push if trade > 0.0 else -self.push
        return [SwapSpot(push), Hedge(), SwapSpot(-push)]
