"""What the protocol's state must be, kept apart from it: money, positions, queues, prices.

The ghost knows the rules of money from the documents, not from the contracts' code. Of each
transaction it takes what only the pricer can say (a trade's cash, a bid's fraction) and works out
what must follow, to the wei.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WAD = 10**18
LOT = 10**12
UNIT = 10**12
"""Wads in a unit of the six-decimal quote token."""


def down(amount: int) -> int:
    """Rounded down to whole token units."""
    return amount // UNIT * UNIT


def up(amount: int) -> int:
    """Rounded up to whole token units."""
    return -(-amount // UNIT) * UNIT


@dataclass
class Request:
    """A request in the LP queue: what is left of it."""

    id: int
    lp: str
    amount: int
    asked: int = 0


@dataclass
class Auction:
    """A live auction: the price path counts from ``started``, bids have paid in ``received``."""

    started: int
    insolvent: bool
    received: int = 0


@dataclass
class Ghost:
    """Exact integers; 18 decimals, sizes in lots."""

    strikes: dict[int, list[int]] = field(default_factory=dict)
    balance: dict[str, int] = field(default_factory=dict)
    legs: dict[str, dict[int, int]] = field(default_factory=dict)
    cash: int = 0
    insurance: int = 0
    gifts: int = 0
    """Tokens that somebody sent to the vault for nothing."""
    pending: int = 0
    shares: dict[str, int] = field(default_factory=dict)
    deposits: list[Request] = field(default_factory=list)
    withdrawals: list[Request] = field(default_factory=list)
    auctions: dict[str, Auction] = field(default_factory=dict)
    rounds: list[tuple[int, int]] = field(default_factory=list)
    """(time, price) of each valid round of the push feed."""
    settled: dict[int, int] = field(default_factory=dict)
    claims: dict[int, dict[str, int]] = field(default_factory=dict)
    """By expiry: what creditors who are not paid yet are owed."""
    units: dict[str, int] = field(default_factory=dict)
    """Underlying posted by accounts."""
    stock: int = 0
    """Underlying that the pool took for debts."""
    stocked: int = 0
    """When the stock's price began to fall."""

    def bare(self, who: str) -> bool:
        """Whether an account has nothing left to pay with."""
        return self.balance[who] == 0 and not self.units.get(who)

    # ------------------------------------------------------------------ positions

    def add(self, who: str, series: int, lots: int) -> None:
        """Moves a position by ``lots``."""
        held = self.legs.setdefault(who, {})
        held[series] = held.get(series, 0) + lots
        if held[series] == 0:
            del held[series]

    def interest(self, series: int) -> tuple[int, int]:
        """Long and short lots of all accounts."""
        sizes = [held.get(series, 0) for held in self.legs.values()]
        return sum(s for s in sizes if s > 0), -sum(s for s in sizes if s < 0)

    def opens(self, who: str, series: int, lots: int) -> bool:
        """Whether a trade raises |size| or turns it."""
        held = self.legs.get(who, {}).get(series, 0)
        return not (held * lots < 0 and abs(lots) <= abs(held))

    # ------------------------------------------------------------------ underlying

    def pledge(self, who: str, units: int) -> None:
        """Posts underlying, or takes it out."""
        self.units[who] = self.units.get(who, 0) + units

    def stockpile(self, who: str, units: int, now: int, sale: int) -> None:
        """The pool takes underlying; the price's clock is the mean by amount, ripe at most once."""
        self.pledge(who, -units)
        elapsed = -(-min(now - self.stocked, sale) * self.stock // (self.stock + units))
        self.stocked = now - elapsed
        self.stock += units

    # ------------------------------------------------------------------ trades

    def trade(self, event: dict[str, Any], insurance_share: int) -> None:
        """The trader's balance pays, part of the fee goes to the fund, the rest to the pool."""
        cash = event["result"]["cash"]
        insured = down(event["result"]["fee"] * insurance_share // WAD)
        self.balance[event["account"]] -= cash
        self.cash += cash - insured
        self.insurance += insured
        self.add(event["account"], event["id"], event["size"] // LOT)

    # ------------------------------------------------------------------ liquidation

    def bid(self, event: dict[str, Any], insured_part: int) -> None:
        """A slice of legs and of the balance changes hands, the payment and the penalty flow."""
        owner, bidder, part = event["account"], event["bidder"], event["fraction"]
        auction = self.auctions[owner]
        keep = 0 if event["insolvent"] else auction.received
        for series, lots in list(self.legs.get(owner, {}).items()):
            moved = lots * part // WAD  # floor: a short's share is rounded up, a long's down
            self.add(owner, series, -moved)
            self.add(bidder, series, moved)
        units = self.units.get(owner, 0) * part // WAD
        self.pledge(owner, -units)
        self.pledge(bidder, units)
        moved = down(max(self.balance[owner] - keep, 0) * part // WAD)
        payment, penalty = event["payment"], event["penalty"]
        self.balance[owner] += max(payment, 0) - moved
        self.balance[bidder] += moved - payment - penalty
        self.insurance += min(payment, 0)
        insured = down(penalty * insured_part // WAD)
        self.insurance += insured
        self.cash += penalty - insured
        auction.received += max(payment, 0)

    def close(self, owner: str, cost: int) -> int:
        """The pool takes the legs and what of their cost the balance can pay; that."""
        self.legs.pop(owner, None)
        paid = min(up(cost), self.balance[owner]) if cost >= 0 else -down(-cost)
        self.balance[owner] -= paid
        self.cash += paid
        return paid

    def bad_debt(self, event: dict[str, Any]) -> None:
        """The fund pays its part into the pool."""
        self.insurance -= event["insured"]
        self.cash += event["insured"]

    def forget(self, since: int) -> None:
        """A solvent auction ends by itself, as long after its lowest price as it took there."""
        over = [w for w, a in self.auctions.items() if not a.insolvent and a.started < since]
        for who in over:
            del self.auctions[who]

    def price(self, auction: Auction, now: int, p: dict[str, int]) -> int:
        """Share of equity that a bidder pays: start to kink to end, linear in time."""
        age = now - auction.started
        if age >= p["slow"]:
            return p["endPrice"]
        if age < p["fast"]:
            return p["startPrice"] - (p["startPrice"] - p["kinkPrice"]) * age // p["fast"]
        fall = (p["kinkPrice"] - p["endPrice"]) * (age - p["fast"])
        return p["kinkPrice"] - fall // (p["slow"] - p["fast"])

    # ------------------------------------------------------------------ settlement

    def round_of(self, expiry: int, deadline: int) -> tuple[int, int | None] | None:
        """Number and price of the first round at or after expiry; no price if it came too late.

        None while there is no such round, or none before it to prove that it is the first.
        """
        for index, (time, price) in enumerate(self.rounds):
            if time >= expiry:
                return (index + 1, price if time <= expiry + deadline else None) if index else None
        return None

    def owed(self, who: str, expiry: int) -> int:
        """Payoff of an account's longs less that of its shorts."""
        total = 0
        for series, lots in self.legs.get(who, {}).items():
            if series >> 16 != expiry:
                continue
            away = self.settled[expiry] - self.strikes[expiry][series >> 8 & 0xFF]
            payoff = max(away if series & 1 else -away, 0) // 10**6 * 10**6
            total += payoff * lots // 10**6
        return total

    def leave(self, who: str, expiry: int) -> None:
        """An account's legs of an expiry become a claim, or nothing."""
        owed = self.owed(who, expiry)
        self.legs[who] = {s: n for s, n in self.legs[who].items() if s >> 16 != expiry}
        if owed > 0:
            self.claims.setdefault(expiry, {})[who] = owed

    # ------------------------------------------------------------------ liquidity providers

    def queue(self, request: int) -> list[Request]:
        """Deposits have even ids, withdrawals odd ones."""
        return self.withdrawals if request & 1 else self.deposits

    def head(self, request: int) -> Request | None:
        """The first open request of the queue that ``request`` is in."""
        return next(iter(self.queue(request)), None)

    def serve(self, event: dict[str, Any], is_deposit: bool) -> None:
        """A request was served, in whole or in part."""
        queue = self.deposits if is_deposit else self.withdrawals
        request = queue[0]
        amount = event["amount"] if is_deposit else event["shares"]
        request.amount -= amount
        if request.amount == 0:
            queue.pop(0)
        if is_deposit:
            self.pending -= amount
            self.cash += amount
            self.shares[event["lp"]] = self.shares.get(event["lp"], 0) + event["shares"]
        else:
            self.cash -= event["amount"]
