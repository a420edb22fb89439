"""A liquidator without competitors: waits until an account costs next to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from amm_sim.agents.liquidator import Liquidator
from amm_sim.types import AccountView, PoolView


@dataclass(frozen=True, kw_only=True)
class PatientLiquidator(Liquidator):
    """Bids only once the auction asks for at most ``pay`` of the equity.

    Somebody else's bid comes first unless nobody else gets a place in a block: so zero bids won
    Maker's auctions on Black Thursday.
    """

    pay: float = 0.65

    shares: ClassVar[tuple[str, ...]] = (*Liquidator.shares, "pay")

    def worthwhile(self, account: AccountView, pool: PoolView, price: float) -> bool:
        """Pays, and is as cheap as it wants."""
        cheap = self.discount(account, pool) <= self.pay
        return cheap and super().worthwhile(account, pool, price)
