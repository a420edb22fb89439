"""What traders do."""

from __future__ import annotations

from amm_sim.types import Mode
from tests.stateful.core import ENOUGH, Core
from tests.stateful.ghost import LOT, UNIT, WAD, down
from tests.stateful.world import TRADERS, WHALE, Call, View


class Traders(Core):
    """Trades, top-ups, withdrawals."""

    def open(self) -> None:
        """A trade of any kind; M-1 and the mode table when it opens."""
        if not self.live():
            return
        who, series = self.pick(TRADERS), self._series()
        lots = self.draw(0, 4_000_000)
        if who != WHALE and self.chance(0.75):
            lots = -self._carries(who, series) * self.draw(70, 110) // 100
        self._trade("trade", who, series, lots)

    def _carries(self, who: str, series: int) -> int:
        """Lots of a series that the account's spare equity carries as a short."""
        spot = self.world.view("oracle", "read")["price"]
        one = [{"id": series, "size": -WAD}]
        need, own = self.world.views(
            [("margin", "marginFor", (one, 0, 0, spot)), ("margin", "marginOf", (who,))]
        )
        spare = max(own["equity"] - own["initialMargin"], 0)
        return min(spare * 10**6 // max(need["initialMargin"], 1), 30_000_000)

    def reduce(self) -> None:
        """Closes part of a position."""
        who = self.pick(TRADERS)
        held = [(s, n) for s, n in self.ghost.legs.get(who, {}).items() if s >> 16 in self.live()]
        if held:
            series, lots = self.pick(held)
            part = -lots * self.draw(1, 4) // 4
            self._trade("trade", who, series, part)

    def _trade(self, name: str, who: str, series: int, lots: int) -> None:
        opening = self.ghost.opens(who, series, lots)
        call = (who, "market", "trade", (series, lots * LOT, ENOUGH))
        done = self.do(name, call, [("breaker", "mode", ())])
        (mode,) = done.before
        if done.ok:
            assert lots != 0
            assert not opening or mode == Mode.NORMAL, "O-1: an open outside NORMAL"
            (event,) = done.named("Traded")
            result = event["result"]
            assert result["cash"] % UNIT == 0
            parts = result["premium"] + result["fee"] + result["inventory"]
            assert parts <= result["cash"] < parts + UNIT, "R-1: cash rounded to the trader"
            self.ghost.trade(event, self.insured["market"])
            if opening or lots < 0:
                self.meets_initial(who)

    def round_trip(self) -> None:
        """R-1: open and close in one block never pays."""
        if not self.live():
            return
        who, series = self.pick(TRADERS), self._series()
        lots = self.draw(1, 2_000_000) * self.pick([-1, 1])
        if self.ghost.legs.get(who, {}).get(series):
            return
        calls: list[Call] = [
            (who, "market", "trade", (series, n * LOT, ENOUGH)) for n in (lots, -lots)
        ]
        there, back = self.world.block(calls, self.soon())
        for done in (there, back):
            self._count("trade", done)
        cash = 0
        for done in (there, back):
            for event in done.named("Traded"):
                self.ghost.trade(event, self.insured["market"])
                cash += event["result"]["cash"]
        if there.ok and back.ok:
            assert cash >= 0, "R-1: a round trip paid"

    def deposit(self) -> None:
        """Top-ups go through in every mode; sometimes nothing at all."""
        amount = 0 if self.chance(0.2) else self.draw(1, 2_500) * WAD
        self._deposit(self.pick(TRADERS), amount)

    def _deposit(self, who: str, amount: int) -> None:
        """M-3: a deposit raises equity by itself and leaves requirements."""
        view: View = ("margin", "marginOf", (who,))
        done = self.do("deposit", (who, "market", "deposit", (amount,)), [view])
        assert done.ok == (amount >= UNIT), f"O-1: a top-up was refused: {done.error}"
        if done.ok:
            self.ghost.balance[who] += down(amount)
            before, after = done.before[0], self.world.view(*view[:2], who)
            assert after["equity"] - before["equity"] == down(amount), "M-3: equity"
            assert after["maintenanceMargin"] == before["maintenanceMargin"], "M-3: requirement"

    def withdraw(self) -> None:
        """What is free, or a little more."""
        who = self.pick(TRADERS[:-1])
        state = self.world.view("margin", "marginOf", who)
        spare = max(state["equity"] - state["initialMargin"], 0)
        most = min(spare, self.ghost.balance[who])
        amount = most * self.draw(10, 105) // 100
        done = self.do(
            "withdraw", (who, "market", "withdraw", (amount,)), [("breaker", "mode", ())]
        )
        if done.ok:
            self.ghost.balance[who] -= down(amount)
            if any(n < 0 for n in self.ghost.legs.get(who, {}).values()):
                self.meets_initial(who)

    def take_all(self, who: str) -> None:
        """X-1: without positions a balance can be taken out to the last unit."""
        amount = self.ghost.balance[who]
        if amount == 0:
            return
        done = self.do("withdraw", (who, "market", "withdraw", (amount,)))
        assert done.ok, f"X-1: a balance is stuck: {done.error}"
        self.ghost.balance[who] -= down(amount)
