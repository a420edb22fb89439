"""What liquidators do, and what the protocol owes their victims."""

from __future__ import annotations

from tests.stateful.core import ENOUGH
from tests.stateful.ghost import WAD, Auction, up
from tests.stateful.pledges import Pledges
from tests.stateful.world import STRANGER, TRADERS, WHALE, Done, View


class Liquidation(Pledges):
    """Auctions from start to end."""

    def start(self) -> None:
        """M-2 both ways; A-4: a live auction does not start again."""
        ill = [a for a in self.sick if a not in self.ghost.auctions]
        who = self.pick(ill if ill and self.chance(0.8) else TRADERS)
        known = self.reference(who)
        views: list[View] = [("margin", "liquidatable", (who,)), ("oracle", "read", ())]
        done = self.do("start", (STRANGER, "auction", "start", (who,)), views)
        seen, oracle = done.before
        live = self.ghost.auctions.get(who)
        if live is None:
            assert done.ok == (seen["below"] and oracle["confidence"] > 0), "M-2, X-1: start"
            if done.ok:
                (event,) = done.named("AuctionStarted")
                self.ghost.auctions[who] = Auction(done.time, event["insolvent"])
                if known is not None:
                    slack = 1e-9 * known[5] + 2e-5 * abs(known[0])  # the clock moved a little
                    assert known[4] < known[3] + slack, "M-2: by the reference"
        elif done.ok:
            assert not live.insolvent, "A-4: an insolvent auction started again"
            assert done.named("AuctionTurnedInsolvent"), "A-4: restarted"
            live.insolvent, live.started = True, done.time

    def bid(self) -> None:
        """A-1, A-2, A-3; sometimes with a stale nonce or a limit too low."""
        if not self.ghost.auctions:
            return
        who = self.pick(sorted(self.ghost.auctions))
        bidder = WHALE if self.chance(0.8) else self.pick(TRADERS)
        part = self.draw(10, 1000) * WAD // 1000
        nonce = self.world.view("auction", "auctionOf", who)["nonce"]
        stale = self.chance(0.1)
        view: View = ("auction", "preview", (who, part))
        call = (bidder, "auction", "bid", (who, part, ENOUGH, nonce + stale))
        done = self.do("bid", call, [view])
        (preview,) = done.before
        if not done.ok:
            return
        assert not stale, "a bid with a stale nonce"
        self._bid_done(who, done, preview)

    def _bid_done(self, who: str, done: Done, preview: dict[str, int]) -> None:
        (event,) = done.named("BidFilled")
        for key in ("fraction", "payment", "penalty", "insolvent"):
            assert event[key] == preview[key], f"A-2: {key}"
        auction = self.ghost.auctions[who]
        if event["insolvent"] and not auction.insolvent:
            auction.insolvent, auction.started = True, done.time
        price = self.ghost.price(auction, done.time, self.p["auction"])
        assert preview["discountedPrice"] == price, "A-3: price path"
        self.ghost.bid(event, self.insured["auction"])
        if event["fraction"] >= preview["maxFraction"]:
            state = self.world.view("margin", "marginOf", who)
            closed = not self.ghost.legs.get(who)
            assert closed or state["equity"] >= state["bufferMargin"] - 10**13, "A-1: buffer"
            del self.ghost.auctions[who]

    def close(self) -> None:
        """The pool closes what nobody took; collateral pays first (S-2)."""
        if not self.ghost.auctions:
            return
        who = self.pick(sorted(self.ghost.auctions))
        call = (STRANGER, "auction", "closeInsolvent", (who,))
        done = self.do("closeInsolvent", call, [("oracle", "read", ())])
        if not done.ok:
            return
        auction = self.ghost.auctions.pop(who)
        assert auction.insolvent
        assert done.time - auction.started >= self.p["auction"]["bountyTime"]
        (event,) = done.named("ClosedByPool")
        paid = self.ghost.close(who, event["cost"])
        paid += self.taken(who, up(event["cost"]) - paid, done.before[0], done)
        assert event["paid"] == max(paid, 0), "S-2: what the account paid"
        for debt in done.named("BadDebt"):
            assert self.ghost.bare(who), "S-2: collateral was left"
            assert debt["insured"] <= up(debt["loss"]), "S-2: the fund paid too much"
            self.ghost.bad_debt(debt)

    def end(self) -> None:
        """An account above its buffer ends its auction, no other."""
        self.finish(self.pick(sorted(self.ghost.auctions) or TRADERS))

    def finish(self, who: str) -> None:
        """Ends one auction if its account is healthy."""
        view: View = ("margin", "marginOf", (who,))
        done = self.do("end", (STRANGER, "auction", "end", (who,)), [view])
        (state,) = done.before
        healthy = state["equity"] >= state["bufferMargin"]
        assert done.ok == (who in self.ghost.auctions and healthy), "X-1: end"
        if done.ok:
            del self.ghost.auctions[who]

    def touch(self) -> None:
        """Exposures may be recomputed by anyone."""
        self.do("touch", (STRANGER, "market", "touch", (self.pick(TRADERS),)))
