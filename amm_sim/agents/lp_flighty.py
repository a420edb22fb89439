"""A liquidity provider that flees at the first bad news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, rounded_down
from amm_sim.agents.lp_loyal import joining
from amm_sim.types import (
    Mode,
    Order,
    PoolView,
    RequestJuniorWithdrawal,
    RequestWithdrawal,
    Seen,
)


@dataclass(frozen=True, kw_only=True)
class FlightyLP(Behaviour):
    """Asks for all its shares after a loss, when liquidity is short or the mode is not normal."""

    cadence: int = 600
    join: int = 7200
    """Seconds from the start within which it deposits."""
    junior: bool = False
    """In the class that loses first and earns more; the pool must have it (vault.juniorWeight)."""
    loss: float = 0.03
    """Fall of its share's price below 1 that makes it leave."""
    least_free: float = 0.2
    """Share of NAV that is free liquidity below which it leaves."""
    afraid: bool = True
    """Whether any mode but NORMAL makes it leave."""

    positive: ClassVar[tuple[str, ...]] = ("join",)
    shares: ClassVar[tuple[str, ...]] = ("loss", "least_free")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Deposits early, leaves when frightened."""
        own, pool = seen.own, seen.pool
        if own is None:
            return []
        if self.frightened(pool):
            shares = rounded_down(own.junior_shares if self.junior else own.lp_shares)
            leave = RequestJuniorWithdrawal if self.junior else RequestWithdrawal
            return [leave(shares)] if shares >= 1.0 else []
        return joining(own, self.capital, self.junior) if seen.time - seen.start < self.join else []

    def frightened(self, pool: PoolView) -> bool:
        """Whether what the pool shows is bad news."""
        price = pool.junior_price if self.junior else pool.senior_price
        if price < 1.0 - self.loss or (self.afraid and pool.mode != Mode.NORMAL):
            return True
        return pool.nav <= 0.0 or pool.free_liquidity < self.least_free * pool.nav
