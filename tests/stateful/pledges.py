"""Underlying as collateral: posted, taken out, moved by bids, taken for debts, sold."""

from __future__ import annotations

from typing import Any

from amm_sim.types import Mode
from tests.stateful.core import ENOUGH, Core
from tests.stateful.ghost import UNIT, WAD, down, up
from tests.stateful.world import QUICK, TRADERS, WHALE, Done, View

CAP = int(QUICK["collateral.cap"]) * WAD


class Pledges(Core):
    """What accounts do with underlying, and anyone with what the pool took."""

    def pledge(self) -> None:
        """M-3: health rises with underlying. Nothing at all and more than the cap are refused."""
        amount = 0 if self.chance(0.15) else self.draw(1, 2_000) * WAD // 1000
        if self.chance(0.1):
            amount = CAP
        who = self.pick(TRADERS[:-1])
        view: View = ("margin", "marginOf", (who,))
        done = self.do("pledge", (who, "collateral", "depositUnderlying", (amount,)), [view])
        held = sum(self.ghost.units.values()) + self.ghost.stock
        assert done.ok == (0 < amount <= CAP - held), f"O-1: a pledge was refused: {done.error}"
        if done.ok:
            self.ghost.pledge(who, amount)
            before, after = done.before[0], self.world.view(*view[:2], who)
            slack = [m["equity"] - m["maintenanceMargin"] for m in (before, after)]
            assert slack[1] >= slack[0] - 10**6, "M-3: health fell with underlying"

    def unpledge(self) -> None:
        """Part of it, or a little more than there is."""
        who = self.pick([a for a in TRADERS if self.ghost.units.get(a)] or TRADERS)
        amount = self.ghost.units.get(who, 0) * self.draw(10, 110) // 100
        if self.take_units(who, amount).ok and self._owes(who):
            self.meets_initial(who)

    def take_units(self, who: str, amount: int) -> Done:
        """M-1, O-1: without shorts whatever there is comes out in every mode."""
        call = (who, "collateral", "withdrawUnderlying", (amount,))
        done = self.do("unpledge", call, [("oracle", "read", ())])
        there = 0 < amount <= self.ghost.units.get(who, 0)
        if not there or not self._owes(who):
            assert done.ok == there, f"X-1: underlying is stuck: {done.error}"
        if done.ok:
            assert not self._owes(who) or done.before[0]["mode"] != Mode.FROZEN, "O-1: blind"
            self.ghost.pledge(who, -amount)
        return done

    def _owes(self, who: str) -> bool:
        return any(lots < 0 for lots in self.ghost.legs.get(who, {}).values())

    def buy(self) -> None:
        """Some of the stock, sometimes for less than it costs."""
        self.buy_units(WHALE, self.draw(1, 1_000) * WAD // 500, cheap=self.chance(0.2))

    def buy_units(self, who: str, amount: int, *, cheap: bool = False) -> Done:
        """The price falls from the high side to the low side as its clock says."""
        views: list[View] = [("oracle", "read", ()), ("collateral", "price", ())]
        limit = WAD if cheap else ENOUGH
        done = self.do("buy", (who, "collateral", "buy", (amount, limit)), views)
        oracle, price = done.before
        if not done.ok:
            return done
        assert not cheap, "sold below the buyer's limit"
        assert price == self._falling(oracle, done.time), "the stock's price"
        bought = min(amount, self.ghost.stock)
        cost = up(-(-bought * price // WAD))
        (event,) = done.named("UnderlyingSold")
        assert (event["amount"], event["paid"]) == (bought, cost), "R-1: the stock's sale"
        self.ghost.stock -= bought
        self.ghost.balance[who] -= cost
        self.ghost.cash += cost
        return done

    def _falling(self, oracle: dict[str, int], time: int) -> int:
        """Linear in time between the sides of the oracle's band, a haircut outside of each."""
        cut, sale = self.p["margin"]["haircut"], self.p["collateral"]["saleTime"]
        high = -(-oracle["high"] * (WAD + cut) // WAD)
        low = -(-oracle["low"] * (WAD - cut) // WAD)
        return high - (high - low) * min(time - self.ghost.stocked, sale) // sale

    def taken(self, who: str, owed: int, oracle: dict[str, int], done: Done) -> int:
        """S-2: what of a debt the pool took in underlying, at the low side less the discount."""
        held = self.ghost.units.get(who, 0)
        events = [e for e in done.named("UnderlyingTaken") if e["account"] == who]
        if owed <= 0 or held == 0:
            assert not events, "S-2: underlying was taken for nothing"
            return 0
        price = oracle["low"] * (WAD - self.p["collateral"]["discount"]) // WAD
        units = min(-(-owed * WAD // price), held)
        value = min(units * price // WAD, owed)
        (event,) = events
        assert (event["amount"], event["value"]) == (units, value), "S-2: underlying taken"
        self.ghost.stockpile(who, units, done.time, self.p["collateral"]["saleTime"])
        return value

    def sell_all(self, who: str) -> None:
        """X-1: what the pool took can be bought to the last wei."""
        if self.ghost.stock == 0:
            return
        price = self.world.view("collateral", "price")
        need = down(self.ghost.stock * price // WAD) + 2 * UNIT
        done = self.do("deposit", (who, "market", "deposit", (need,)))
        self.ghost.balance[who] += need
        assert done.ok, "O-1: a top-up was refused"
        assert self.buy_units(who, self.ghost.stock).ok, "X-1: the stock is stuck"
        assert self.ghost.stock == 0


def live(oracle: dict[str, Any], price: int) -> dict[str, int]:
    """The oracle's band; without a live feed the settlement price."""
    return oracle if oracle["confidence"] else {"low": price}
