"""A liquidator: starts auctions, bids when it pays, lets the pool close the insolvent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, funding, rounded_down
from amm_sim.agents.quotes import closing, may_close
from amm_sim.types import (
    AccountView,
    Bid,
    BuyUnderlying,
    CloseInsolvent,
    EndAuction,
    Order,
    PoolView,
    Read,
    Seen,
    StartAuction,
)
from amm_sim.units import quantize


@dataclass(frozen=True, kw_only=True)
class Liquidator(Behaviour):
    """Takes over accounts for less than their worth and closes what it took against the pool.

    Its capital is one: what a bid binds is not there for the bids that follow in the same wake-up.
    """

    latency: int = 12
    profit: float = 0.02
    """Least profit as a share of the margin that a bid binds."""
    cover: float = 0.8
    """Share of its free equity that a bid may bind."""
    most: int = 4
    """Accounts that it acts on in one wake-up."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN, Read.SHORTS})
    shares: ClassVar[tuple[str, ...]] = ("profit", "cover")
    positive: ClassVar[tuple[str, ...]] = ("most",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Funds itself, closes what it took, then goes through the accounts from the sickest on."""
        own, pool = seen.own, seen.pool
        if own is None:
            return []
        deposit = funding(own, self.capital)
        if deposit or not may_close(pool):
            return deposit
        orders: list[Order] = list(closing(pool, own.legs))
        sick = sorted(
            (
                a
                for a in seen.shorts
                if a.address != own.address and (a.liquidatable or a.auction_started)
            ),
            key=lambda a: (a.equity - a.maintenance_margin, a.address),
        )
        spare = self._spare(own)
        for account in sick[: self.most]:
            taken = self._treat(account, spare, pool)
            spare -= sum(
                order.fraction * max(account.initial_margin, 1.0)
                for order in taken
                if isinstance(order, Bid)
            )
            orders += taken
        return orders + self._buy_stock(own, spare, pool)

    def _buy_stock(self, own: AccountView, spare: float, pool: PoolView) -> list[Order]:
        """Underlying that the pool took for debts, once it is cheap enough to be sold on."""
        if pool.stock_price <= 0.0 or pool.stock_price > pool.spot * (1.0 - self.profit):
            return []
        amount = rounded_down(min(pool.stock, min(spare, own.balance) / pool.stock_price))
        return [BuyUnderlying(amount, quantize(pool.stock_price))] if amount > 0.0 else []

    def _treat(self, account: AccountView, spare: float, pool: PoolView) -> list[Order]:
        if not account.auction_started:
            return [StartAuction(account.address)]
        if account.auction_insolvent:
            return self._bury(account, spare, pool)
        if self._is_hopeless(account, pool):
            return [StartAuction(account.address)]
        if not account.liquidatable and account.equity > account.initial_margin:
            return [EndAuction(account.address)]
        price = self.discount(account, pool) * max(account.worth(pool.spot_low), 0.0)
        return self._bid(account, spare, price) if self.worthwhile(account, pool, price) else []

    def worthwhile(self, account: AccountView, pool: PoolView, price: float) -> bool:
        """Whether taking over the account at ``price`` pays."""
        worth = account.worth(pool.spot_low)
        gain = (worth - price) * (1.0 - pool.auction.get("penaltyShare", 0.0))
        return worth > 0.0 and gain >= self.profit * max(account.initial_margin, 1.0)

    def _bid(self, account: AccountView, spare: float, price: float) -> list[Order]:
        """A bid for the whole, or for what its capital carries."""
        fraction = min(1.0, spare / max(account.initial_margin, 1.0))
        if fraction < 0.01:
            return []
        limit = quantize(fraction * price * 1.05)
        return [Bid(account.address, quantize(fraction, 4), limit, account.auction_nonce)]

    def _bury(self, account: AccountView, spare: float, pool: PoolView) -> list[Order]:
        """Bids for the rising bounty if it pays; after its time lets the pool close the account."""
        time = max(pool.auction.get("bountyTime", 1800.0), 1.0)
        age = pool.time - account.auction_started
        if age >= time:
            return [CloseInsolvent(account.address)]
        worth = account.worth(pool.spot_low)
        full = min(max(account.maintenance_margin - worth, 0.0), pool.insurance)
        bounty = full * age / time + worth
        bound = max(account.initial_margin, 1.0)
        fraction = min(1.0, spare / bound)
        if bounty < self.profit * bound or fraction < 0.01:
            return []
        return [Bid(account.address, quantize(fraction, 4), 0.0, account.auction_nonce)]

    @staticmethod
    def _is_hopeless(account: AccountView, pool: PoolView) -> bool:
        """Whether no bid is worth the least bounty: another start turns the auction insolvent."""
        worth = account.worth(pool.spot_low)
        most = worth * (1.0 - pool.auction.get("endPrice", 1.0))
        return worth <= 0.0 or most < pool.auction.get("minBounty", 0.0)

    def _spare(self, own: AccountView) -> float:
        return self.cover * max(own.equity - own.initial_margin, 0.0)

    @staticmethod
    def discount(account: AccountView, pool: PoolView) -> float:
        """Share of equity that the auction asks now, from its parameters."""
        auction = pool.auction
        start, kink, end = (auction.get(k, 1.0) for k in ("startPrice", "kinkPrice", "endPrice"))
        fast, slow = auction.get("fast", 1.0), auction.get("slow", 1.0)
        age = max(pool.time - account.auction_started, 0)
        if age <= fast:
            return start - (start - kink) * age / fast
        return kink - (kink - end) * min((age - fast) / max(slow - fast, 1.0), 1.0)
