"""A seller of options at high leverage: partial collateral, a thin margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding, rounded_down
from amm_sim.agents.quotes import Quote, limited, margin_of_short, quotes
from amm_sim.errors import ScenarioError
from amm_sim.types import (
    AccountView,
    DepositUnderlying,
    Mode,
    Order,
    PoolView,
    Seen,
    SeriesKey,
)


@dataclass(frozen=True, kw_only=True)
class ShortSeller(Behaviour):
    """Sells until initial margin binds ``use`` of its equity; never adds collateral later.

    With ``collateral = "underlying"`` it posts that instead of quote, and sells no more calls than
    it has posted units: a writer of covered calls.
    """

    cadence: int = 900
    deposit: float = 0.5
    """Share of its capital that one deposit brings; after a liquidation it may come back with the
    next."""
    use: float = 0.95
    """Share of equity that the initial margin of its shorts binds."""
    tranche: float = 0.5
    """Share of the room that one trade takes."""
    side: str = "put"
    """Sells put, call or both."""
    target_delta: float = 0.35
    """Sells the series with |delta| nearest to this."""
    longest: int = 5 * 86_400
    """Sells expiries at most this many seconds away."""
    legs: int = 4
    """Holds at most so many series."""
    collateral: str = "quote"
    """What it posts: quote or underlying."""
    underlying: float = 0.0
    """Underlying minted to it at the start."""
    slippage: float = 0.02
    """Relative move of spot against it that a limit tolerates."""

    positive: ClassVar[tuple[str, ...]] = ("longest", "legs")
    shares: ClassVar[tuple[str, ...]] = ("deposit", "use", "tranche", "target_delta")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side not in ("put", "call", "both"):
            raise ScenarioError("side", self.side, "one of put, call, both")
        if self.collateral not in ("quote", "underlying"):
            raise ScenarioError("collateral", self.collateral, "one of quote, underlying")
        if not 0.0 <= self.underlying < math.inf:
            raise ScenarioError("underlying", self.underlying, "a finite amount, at least 0")
        if self.collateral == "underlying" and self.underlying == 0.0:
            raise ScenarioError("underlying", self.underlying, "above 0 to post underlying")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """One sale while there is room."""
        own, pool = seen.own, seen.pool
        if own is None:
            return []
        is_call = rng.random() < 0.5 if self.side == "both" else self.side == "call"
        share = rng.uniform(0.8, 1.0)
        deposit = self._funding(own)
        if deposit or pool.mode != Mode.NORMAL or own.auction_started:
            return deposit
        quote = self._choice(pool, own, is_call)
        if quote is None:
            return []
        size = contracts(share * self._room(own, quote, pool.spot))
        if size < max(pool.fees.get("minSize", 0.0), 0.1):
            return []
        return [limited(quote, -size, pool.spot, self.slippage)]

    def _funding(self, own: AccountView) -> list[Order]:
        if self.collateral == "quote":
            return funding(own, self.capital * self.deposit, least=0.01 * self.capital)
        share = rounded_down(min(self.underlying * self.deposit, own.underlying_wallet))
        if own.legs or own.units > 0.0 or share < 0.01 * self.underlying:
            return []
        return [DepositUnderlying(share)]

    def _choice(self, pool: PoolView, own: AccountView, is_call: bool) -> Quote | None:
        held = {leg.series for leg in own.legs}
        fit = [
            quote
            for quote in quotes(pool, 0.05, 0.95)
            if quote.is_call == is_call
            and quote.years * 31_536_000 <= self.longest
            and (quote.series in held or len(held) < self.legs)
        ]
        return min(fit, key=lambda quote: abs(abs(quote.delta) - self.target_delta), default=None)

    def _room(self, own: AccountView, quote: Quote, spot: float) -> float:
        """Contracts that ``tranche`` of the unbound equity carries."""
        free = self.use * own.equity - own.initial_margin
        room = max(self.tranche * free, 0.0) / margin_of_short(quote, spot)
        if self.collateral == "quote" or not quote.is_call:
            return room
        calls = sum(leg.size for leg in own.legs if SeriesKey.from_id(leg.series).is_call)
        return max(min(room, own.units + calls), 0.0)
