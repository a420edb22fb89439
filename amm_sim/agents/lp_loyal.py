"""A liquidity provider that comes early and stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, rounded_down
from amm_sim.types import AccountView, Order, RequestDeposit, RequestJuniorDeposit, Seen


@dataclass(frozen=True, kw_only=True)
class LoyalLP(Behaviour):
    """Puts its capital into the pool within the first hours and never asks for it."""

    cadence: int = 3600
    join: int = 7200
    """Seconds from the start within which it deposits."""
    junior: bool = False
    """In the class that loses first and earns more; the pool must have it (vault.juniorWeight)."""

    positive: ClassVar[tuple[str, ...]] = ("join",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """A deposit of what the wallet holds, early in the run."""
        if seen.own is None or seen.time - seen.start >= self.join:
            return []
        return joining(seen.own, self.capital, self.junior)


def joining(own: AccountView, capital: float, junior: bool = False) -> list[Order]:
    """A request to deposit what the wallet holds of ``capital``."""
    amount = min(own.wallet, capital)
    request = RequestJuniorDeposit if junior else RequestDeposit
    return [request(rounded_down(amount))] if amount >= 1.0 else []
