"""The toxic frontier, by bisection on the real auction.

A liquidator who gains the share i of the debt he takes over leaves an account worse if its debt is
more than 1 / (1 + i) of its collateral. The auction must not ask that of an account: where its
equity is less than i times its debt, the insolvent leg starts, in which the insurance fund pays.
That point is found by bisection over an account's collateral; its debt is a deep call near expiry,
a known amount.
"""

from __future__ import annotations

from dataclasses import dataclass

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.proofs.crowd import address, admit, margined
from amm_sim.proofs.world import ENOUGH
from amm_sim.types import SeriesKey
from amm_sim.units import from_wad, to_wad

STRIKE, SPOT = 1000.0, 2000.0
COUNT = 10
DEBT = COUNT * (SPOT - STRIKE)
BIDDER, DEBTOR = address(1), address(2)
HOUR = 3600
END = 0.01
"""Share of equity that a bidder pays at the end of the price path: the least that is allowed."""


LEAST = 0.8
"""Debt / collateral of an account that is below its maintenance margin for certain."""


@dataclass(frozen=True, slots=True)
class Bid:
    """What a bid at the end of the price path did. Shares of debt and of collateral."""

    ltv: float
    after: float
    gain: float
    """The bidder's, before his penalty, as a share of the debt he took over."""
    insolvent: bool


class Frontier:
    """An auction that may cost an account ``incentive`` times its debt, and not more than it has.

    A bid is worth while from (1 - END) incentive debt on, the bidder's share of such an equity.
    """

    def __init__(self, chain: Chain, incentive: float) -> None:
        self.incentive = incentive
        bounty = round(incentive * DEBT * (1.0 - END), 9)
        changes = {"auction.endPrice": END, "auction.minBounty": bounty}
        self._world = margined(chain, changes)
        self._start = chain.time + 60
        expiry = self._start + 4 * HOUR
        self._series = SeriesKey(expiry, 0, True).id
        self._world.open(self._start, STRIKE, 0.5, expiry, [STRIKE])
        self._world.fund(self._start + 1, 10**25, 1)
        admit(self._world, self._start + 2, [BIDDER, DEBTOR])
        self._world.block(self._start + 3, [(BIDDER, "market", "deposit", (to_wad(10 * DEBT),))])
        self._baseline = chain.snapshot()

    def find(self, tolerance: float = 1e-9) -> float:
        """Largest debt / collateral at which the account itself still pays the incentive.

        Between 0.8 and 1, so the incentive must be below 25 %.
        """
        low, high = LEAST, 1.0
        while high - low > tolerance:
            middle = (low + high) / 2.0
            if self.starts_insolvent(middle):
                high = middle
            else:
                low = middle
        return (low + high) / 2.0

    def starts_insolvent(self, ltv: float) -> bool:
        """Whether the auction of an account with this debt / collateral starts insolvent."""
        self._put_up(ltv)
        (started,) = self._world.events("AuctionStarted")
        self._back()
        return bool(started["insolvent"])

    def bid(self, ltv: float, fraction: float = 0.25) -> Bid:
        """A bid for part of such an account when the price path has ended."""
        self._put_up(ltv)
        world = self._world
        time = self._start + 10 + HOUR
        nonce = world.call("auction", "auctionOf", DEBTOR)["nonce"]
        had = [world.call("market", "balanceOf", a) for a in (BIDDER, DEBTOR)]
        before = self._ltv()
        call = (BIDDER, "auction", "bid", (DEBTOR, to_wad(fraction), ENOUGH, nonce))
        world.block(time, [*world.publish(SPOT, time), call])
        (filled,) = world.events("BidFilled")
        after = self._ltv()
        got = world.call("market", "balanceOf", BIDDER) - had[0] + filled["penalty"]
        taken = fraction * DEBT
        self._back()
        return Bid(before, after, (from_wad(got) - taken) / taken, bool(filled["insolvent"]))

    def _put_up(self, ltv: float) -> None:
        """The account sells at the strike, spot doubles, anybody starts the auction."""
        time, world = self._start + 4, self._world
        sale = (DEBTOR, "market", "trade", (self._series, -to_wad(COUNT), ENOUGH))
        refresh = (DEPLOYER, "ledger", "refresh", (self._series >> 16,))
        collateral = to_wad(round(DEBT / ltv, 12))
        first = (DEBTOR, "market", "deposit", (to_wad(DEBT),))
        world.block(time, [*world.publish(STRIKE, time), refresh, first, sale])
        missing = collateral - world.call("market", "balanceOf", DEBTOR)
        move = "deposit" if missing > 0 else "withdraw"
        adjust = [(DEBTOR, "market", move, (abs(missing),))] if missing else []
        world.block(time + 1, adjust)
        start = (DEPLOYER, "auction", "start", (DEBTOR,))
        world.block(time + 2, [*world.publish(SPOT, time + 2), start])

    def _ltv(self) -> float:
        seen = self._world.call("margin", "marginOf", DEBTOR)
        return float(seen["mark"] / seen["balance"])

    def _back(self) -> None:
        self._world.chain.revert(self._baseline)
        self._baseline = self._world.chain.snapshot()
