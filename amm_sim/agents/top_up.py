"""A seller who adds collateral at the last second, and no earlier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import rounded_down
from amm_sim.agents.short_seller import ShortSeller
from amm_sim.types import AccountView, Deposit, EndAuction, Order, Seen


@dataclass(frozen=True, kw_only=True)
class TopUp(ShortSeller):
    """Sells like a short seller; holds the rest of its capital back until liquidation is near.

    It deposits what lifts it to its initial margin when equity falls below ``trigger`` times the
    maintenance margin, also while its auction runs, and then ends the auction.
    """

    cadence: int = 60
    trigger: float = 1.05

    positive: ClassVar[tuple[str, ...]] = (*ShortSeller.positive, "trigger")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """Rescue first, then business."""
        own = seen.own
        if own is None:
            return []
        rescue = self._rescue(own)
        return rescue or super().act(seen, rng)

    def _rescue(self, own: AccountView) -> list[Order]:
        if not own.legs or own.equity >= self.trigger * own.maintenance_margin:
            return []
        missing = min(own.initial_margin - own.equity, own.wallet)
        added = rounded_down(missing) if missing >= 1.0 else 0.0
        orders: list[Order] = [Deposit(added)] if added else []
        return [*orders, EndAuction(own.address)] if own.auction_started and orders else orders
