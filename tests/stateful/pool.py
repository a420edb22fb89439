"""What liquidity providers, keepers and strangers do; time, prices, settlement."""

from __future__ import annotations

from typing import Any

from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.deploy import GUARDIAN, PULL_ID
from amm_sim.types import Mode
from amm_sim.units import to_wad
from tests.stateful.core import SHAPE
from tests.stateful.ghost import UNIT, WAD, Request, down, up
from tests.stateful.pledges import Pledges, live
from tests.stateful.world import PEOPLE, PROVIDERS, QUICK, STRANGER, TRADERS, Call, Done, View

MAX_WAIT = int(QUICK["vault.maxWait"])
VIRTUAL = 10**6
"""Shares and wei that nobody owns."""
DEADLINE = 3600 + 90
"""Heartbeat and grace: a settlement round that comes later does not count."""

VALUE = 6
"""Views that make up the pool's value."""
STATE: list[View] = [
    ("vault", "totalShares", ()),
    ("vault", "solvency", ()),
    ("breaker", "mode", ()),
    ("auction", "liveInsolvent", ()),
    ("vault", "navParts", ()),
]


def worth(views: list[Any]) -> int:
    """NAV from stored values, out of the first views."""
    cash, uncovered, settled, book, equity, stock = views[:VALUE]
    owed = uncovered["current"] + settled + book["liability"]
    return int(cash + stock["sure"] + equity - owed)


class Pool(Pledges):
    """Everything that is not a trader's or a liquidator's."""

    # ------------------------------------------------------------------ liquidity providers

    def request_deposit(self) -> None:
        """Joins the queue; the mode table says when."""
        amount = 0 if self.chance(0.25) else self.draw(1, 60_000) * WAD
        self._request_deposit(self.pick(PROVIDERS), amount)

    def _request_deposit(self, lp: str, amount: int) -> None:
        call = (lp, "vault", "requestDeposit", (amount,))
        done = self.do("requestDeposit", call, [("breaker", "mode", ())])
        welcome = done.before[0] <= Mode.REDUCE_ONLY and amount >= 10**15
        assert done.ok == welcome, f"O-1: requestDeposit {done.error}"
        if done.ok:
            (event,) = done.named("DepositRequested")
            self.ghost.deposits.append(Request(event["id"], lp, down(amount)))
            self.ghost.pending += down(amount)

    def request_withdrawal(self) -> None:
        """Asks for part of its shares, sometimes for more than it has."""
        lp = self.pick(PROVIDERS)
        held = self.ghost.shares.get(lp, 0)
        shares = held * self.draw(1, 12) // (100 if self.chance(0.75) else 8)
        self._request_withdrawal(lp, shares)

    def _request_withdrawal(self, lp: str, shares: int) -> None:
        held = self.ghost.shares.get(lp, 0)
        call = (lp, "vault", "requestWithdrawal", (shares,))
        done = self.do("requestWithdrawal", call, [("breaker", "mode", ())])
        if done.ok:
            assert done.before[0] <= Mode.REDUCE_ONLY, "O-1: requestWithdrawal"
            assert 0 < shares <= held
            (event,) = done.named("WithdrawalRequested")
            self.ghost.shares[lp] -= shares
            self.ghost.withdrawals.append(Request(event["id"], lp, shares, done.time))

    def cancel(self) -> None:
        """One's own open request can be taken back in every mode, nobody else's."""
        queue = [*self.ghost.deposits, *self.ghost.withdrawals]
        if not queue:
            return
        request = self.pick(queue)
        self._cancel(request, request.lp if self.chance(0.5) else STRANGER)

    def _cancel(self, request: Request, who: str) -> None:
        done = self.do("cancel", (who, "vault", "cancel", (request.id,)))
        assert done.ok == (who == request.lp), "X-1: cancel"
        if done.ok:
            self.ghost.queue(request.id).remove(request)
            if request.id & 1:
                self.ghost.shares[request.lp] += request.amount
            else:
                self.ghost.pending -= request.amount

    def process(self, most: int = 0) -> None:
        """L-1, L-2, L-3, S-4."""
        views = [*self._value(), *STATE]
        done = self.do("process", (STRANGER, "vault", "process", (most or self.draw(1, 4),)), views)
        if not done.ok:
            return
        supply, solvency, mode, auctions, exact = done.before[VALUE:]
        nav = worth(done.before)
        assert abs(nav - exact["nav"]) <= exact["nav"] // 10_000, "L-1: stored values are off"
        asked = {r.id: r.asked for r in self.ghost.withdrawals}
        self._serve(done, nav, supply)
        calm = mode == Mode.NORMAL and auctions == 0
        paid = done.named("WithdrawalProcessed")
        overdue = all(done.time - asked[e["id"]] >= MAX_WAIT for e in paid)
        assert calm or not paid or (overdue and mode != Mode.FROZEN), "L-3: the queue moved"
        if not calm:
            assert not done.named("DepositProcessed"), "L-3: a deposit was taken"
        waiting = [e for e in self.ghost.strikes if e <= done.time and e not in self.swept]
        assert not waiting, "L-3: served between expiry and sweep"
        after = self.world.views([*self._value(), *STATE])
        price = (worth(after) + VIRTUAL) * (supply + VIRTUAL)
        before = (nav + VIRTUAL) * (after[VALUE] + VIRTUAL)
        assert price >= before - 2 * UNIT * supply, "L-1: the share price fell"
        assert after[VALUE + 1]["scale"] >= min(solvency["scale"], WAD), "S-4: scale fell"

    def _value(self) -> list[View]:
        """What the queue values the pool by: the book from stored values, the hedge live."""
        oracle = self.world.view("oracle", "read")
        return [
            ("vault", "cash", ()),
            ("market", "uncovered", ()),
            ("market", "settledOwed", ()),
            ("ledger", "aggregate", (oracle["price"],)),
            ("hedge", "equity", ()),
            ("collateral", "stockValue", (oracle["low"],)),
        ]

    def _serve(self, done: Done, nav: int, supply: int) -> None:
        """In order (L-2), deposits at no less and withdrawals at no more than the share price."""
        for event in done.events:
            if event.name not in ("DepositProcessed", "WithdrawalProcessed"):
                continue
            is_deposit = event.name == "DepositProcessed"
            head = self.ghost.head(event.args["id"])
            assert head is not None, "L-2: served from an empty queue"
            assert (event.args["id"], event.args["lp"]) == (head.id, head.lp), "L-2: order"
            amount, shares = event.args["amount"], event.args["shares"]
            worth = shares * (nav + VIRTUAL) // (supply + VIRTUAL)
            sign = 1 if is_deposit else -1
            # the queue moves the book by its Greeks: within 1e-5 of NAV as long as they are fresh
            assert sign * (worth - amount) <= UNIT + worth // 10**5, "L-1: not at the share price"
            nav, supply = nav + sign * amount, supply + sign * shares
            self.ghost.serve(event.args, is_deposit)

    def providers_leave(self) -> None:
        """X-1: once nothing is open, the queue pays as long as there is cash.

        Keepers work on: what the venue closed by itself stands in the books until one syncs, and
        cash stays behind a hedge that nothing is left for until one hedges.
        """
        for name in ("sync", "hedge"):
            self._margin_moves(self.do(name, (STRANGER, "hedge", name, ())))
        for request in [*self.ghost.deposits, *self.ghost.withdrawals]:
            self._cancel(request, request.lp)
        for _ in range(40):
            if self.world.view("breaker", "mode") == Mode.NORMAL:
                break
            self._move_to(self.spot, 1200)
        for lp in PROVIDERS:
            if self.ghost.shares.get(lp):
                self._request_withdrawal(lp, self.ghost.shares[lp])
        self._move_to(self.spot, 1900)
        self.process(1000)
        nav = self.world.view("vault", "navParts")
        unpaid = self.ghost.withdrawals and nav["nav"] > WAD
        assert not unpaid or nav["cash"] < WAD, "X-1: shares wait although there is cash"

    def donate(self, amount: int | None = None) -> None:
        """Anyone may give to the fund what they have."""
        given = self.draw(0, 500) * WAD if amount is None else amount
        if amount is None and self.chance(0.4):
            given = 10**30
        done = self.do("donate", (STRANGER, "insurance", "donate", (given,)))
        assert done.ok == (given < 10**30)
        if done.ok:
            self.ghost.insurance += given

    def gift(self) -> None:
        """L-4: tokens sent to the vault change no share price."""
        view: View = ("vault", "sharePrice", ())
        units = self.draw(1, 10**9)
        call = (STRANGER, "quote", "transfer", (self.world.deployment.addresses["vault"], units))
        done = self.do("gift", call, [view])
        assert done.ok
        self.ghost.gifts += units * 10**12
        assert self.world.view("vault", "sharePrice") == done.before[0], "L-4: a donation counted"

    # ------------------------------------------------------------------ keepers

    def hedge(self) -> None:
        """Never in FROZEN; margin moves between vault and venue."""
        name = "hedge" if self.chance(0.8) else "sync"
        call = (STRANGER, "hedge", name, ())
        done = self.do(name, call, [("breaker", "mode", ())])
        if done.ok and name == "hedge":
            assert done.before[0] != Mode.FROZEN, "O-1: a hedge while FROZEN"
        self._margin_moves(done)

    def _margin_moves(self, done: Done) -> None:
        vault = self.world.deployment.addresses["vault"]
        for event in done.events:
            if event.address == vault and event.name in ("Credited", "Debited"):
                amount = event.args["amount"]
                self.ghost.cash += amount if event.name == "Credited" else -amount

    def poke(self) -> None:
        """Breaker and oracle."""
        role = self.pick(["breaker", "oracle"])
        assert self.do(f"poke {role}", (STRANGER, role, "poke", ())).ok, "X-1: poke"

    def tighten(self) -> None:
        """Only the guardian, only to something stricter."""
        who = GUARDIAN if self.chance(0.5) else STRANGER
        mode = self.pick([Mode.REDUCE_ONLY, Mode.FROZEN, Mode.WIND_DOWN, Mode.NORMAL])
        done = self.do("tighten", (who, "breaker", "tighten", (int(mode),)))
        if done.ok:
            assert who == GUARDIAN
            assert mode in (Mode.REDUCE_ONLY, Mode.FROZEN)

    def refresh(self) -> None:
        """A listed expiry, or one that never was."""
        expiry = self.pick(self.live()) if self.live() and self.chance(0.6) else 12_345
        role = self.pick(["ledger", "surface"])
        name = "refresh" if role == "ledger" else "update"
        self.do(name, (STRANGER, role, name, (expiry,)))

    def intrude(self) -> None:
        """What only contracts of the protocol may do."""
        calls: list[tuple[str, str, tuple[Any, ...]]] = [
            ("vault", "debit", (STRANGER, WAD)),
            ("vault", "credit", (WAD,)),
            ("insurance", "cover", (WAD, True)),
            ("insurance", "payBounty", (STRANGER, WAD)),
            ("market", "closeForPool", (self.pick(TRADERS), WAD)),
            ("ledger", "remove", (self.pick(sorted(self.ghost.strikes)),)),
        ]
        role, name, arguments = self.pick(calls)
        done = self.do("intrude", (STRANGER, role, name, arguments))
        assert not done.ok, f"a stranger may call {role}.{name}"

    # ------------------------------------------------------------------ boards and settlement

    def list(self) -> None:
        """The lister lists while there is room, a stranger never."""
        expiry = self.world.time + self.draw(3, 40) * 3600
        if self.chance(0.3):
            strikes = [to_wad(1000), to_wad(2000)]
            done = self.do("list", (STRANGER, "market", "list", (expiry, strikes)))
            assert not done.ok
        elif len(self.live()) < 3:
            self._list(expiry)

    def _list(self, expiry: int) -> None:
        if expiry in self.ghost.strikes:
            return
        strikes = [to_wad(round(m * self.spot, 0)) for m in SHAPE]
        post = self.world.vol_post(expiry, self.vol)
        call = (DEPLOYER, "market", "list", (expiry, strikes))
        _, done = self.world.block([post, call], self.soon())
        self._count("list", done)
        if done.ok:
            self.ghost.strikes[expiry] = strikes

    def settle(self) -> None:
        """Something that has expired, else something that has not; sometimes by a wrong round."""
        open_ = [e for e in self.ghost.strikes if e not in self.ghost.settled]
        if open_:
            due = [e for e in open_ if e <= self.world.time]
            self.settle_expiry(self.pick(due or open_), wrong=self.chance(0.2))

    def settle_expiry(self, expiry: int, wrong: bool = False) -> None:
        """S-5; X-1: what has expired can be settled, in every mode, with the one right round."""
        known = self.ghost.round_of(expiry, DEADLINE)
        number = (known[0] if known else len(self.ghost.rounds)) - wrong
        done = self.do("settle", (STRANGER, "market", "settleExpiry", (expiry, max(number, 0))))
        if known is not None and not wrong:
            assert done.ok, f"X-1: settlement was refused: {done.error}"
        if done.ok:
            (fixed,) = done.named("SettlementFixed")
            price = known[1] if known is not None else None
            if price is None:
                assert fixed["fromTwap"], "a round settled that the ghost does not know"
            elif not wrong:
                assert (fixed["price"], fixed["fromTwap"]) == (price, False), "S-5: which round"
            self.ghost.settled[expiry] = fixed["price"]

    def sweep(self) -> None:
        """S-1, S-2, S-3: debtors pay what they have, creditors get claim times scale."""
        due = [e for e in self.ghost.settled if e not in self.over]
        if not due:
            if self.chance(0.3):
                unknown = self.pick(self.live() or [1])
                done = self.do("sweep", (STRANGER, "market", "sweep", (unknown, 1)))
                assert not done.ok
            return
        self._sweep(self.pick(due), self.draw(1, 4))

    def _sweep(self, expiry: int, count: int) -> None:
        call = (STRANGER, "market", "sweep", (expiry, count))
        done = self.do("sweep", call, [("oracle", "read", ())])
        assert done.ok, f"X-1: sweep {done.error}"
        for event in done.named("Covered"):
            self.ghost.insurance -= event["paid"]
            self.ghost.cash += event["paid"]
        state = self.world.view("market", "settlementOf", expiry)
        for event in done.named("AccountSettled"):
            self._settled(expiry, event, state["scale"], done)
        for debt in done.named("BadDebt"):
            assert self.ghost.bare(debt["account"]), "S-2: collateral was left"
        self._leave(expiry)
        if state["shortsSwept"]:
            assert 0 < state["scale"] <= WAD, "S-1"
            assert self.swept.setdefault(expiry, state["scale"]) == state["scale"], "S-5: scale"
        if state["done"]:
            assert not self.ghost.claims.get(expiry), "X-1: a creditor was forgotten"
            self.over.add(expiry)

    def _settled(self, expiry: int, event: dict[str, Any], scale: int, done: Done) -> None:
        who, owed, paid = event["account"], event["owed"], event["paid"]
        if owed > 0:
            if who not in self.ghost.claims.get(expiry, {}):
                self.ghost.leave(who, expiry)  # collected and paid by the same sweep
            claim = self.ghost.claims[expiry].pop(who)
            assert owed == claim, "a claim that the ghost does not know"
            assert paid == down(claim * scale // WAD), "S-3: not claim times scale"
            self.ghost.balance[who] += paid
            self.ghost.cash -= paid
            return
        assert owed == self.ghost.owed(who, expiry), "a debt that the ghost does not know"
        quote = min(self.ghost.balance[who], up(-owed))
        oracle = live(done.before[0], self.ghost.settled[expiry])
        value = self.taken(who, -owed - quote, oracle, done)
        assert paid == quote + value, "S-2: collateral pays first"
        self.ghost.balance[who] -= quote
        self.ghost.cash += quote
        self.ghost.leave(who, expiry)

    def _leave(self, expiry: int) -> None:
        """Creditors whose legs the first pass took wait for the second."""
        holders = [a for a in PEOPLE if any(s >> 16 == expiry for s in self.ghost.legs.get(a, {}))]
        found = self.world.views([("market", "legsOf", (a,)) for a in holders])
        for who, legs in zip(holders, found, strict=True):
            if not any(leg["id"] >> 16 == expiry for leg in legs):
                assert self.ghost.owed(who, expiry) > 0, "S-2: a debtor left without paying"
                self.ghost.leave(who, expiry)

    # ------------------------------------------------------------------ the world outside

    def move(self) -> None:
        """Minutes to hours pass, spot moves, now and then it jumps."""
        jump = self.chance(0.35)
        factor = self.draw(650, 1400) / 1000 if jump else self.draw(980, 1020) / 1000
        seconds = self.draw(60, 2400) if self.chance(0.8) else self.draw(2400, 9000)
        self._move_to(min(max(self.spot * factor, 500.0), 8000.0), seconds)

    def _move_to(self, price: float, seconds: int, push: bool = True) -> None:
        self.spot = round(price, 2)
        time = self.world.time + seconds
        calls = self.world.posts(self.spot, time, push)
        if push:
            self.ghost.rounds.append((time, to_wad(self.spot)))
        later = [e for e in self.ghost.strikes if e not in self.ghost.settled and e > time]
        calls += [(STRANGER, "ledger", "refresh", (e,)) for e in later]
        calls += [
            (STRANGER, role, "poke", ()) for role in ("oracle", "breaker") if self.chance(0.9)
        ]
        for done in self.world.block(calls, time):
            assert done.ok, f"X-1: a post or refresh was refused: {done.error}"
        self.log.append(f"{self.steps} t={time} spot {self.spot}")

    def shift(self) -> None:
        """The outside volatility changes; anchors follow within their speed."""
        self.vol = min(max(self.vol * self.draw(85, 118) / 100, 0.3), 2.0)
        calls = [self.world.vol_post(e, self.vol) for e in self.live()]
        if calls:
            assert all(done.ok for done in self.world.block(calls, self.soon()))

    def drift(self) -> None:
        """Only the pull feed and the venue speak; the push feed grows old."""
        self._move_to(self.spot * self.draw(990, 1010) / 1000, self.draw(60, 900), push=False)

    def poison(self) -> None:
        """O-2: a feed says nonsense; what it says stays until the next honest post."""
        time = self.soon()
        nonsense: list[Call] = [
            (DEPLOYER, "pull", "post", (PULL_ID, 0, 0, -8, time)),
            (DEPLOYER, "pull", "post", (PULL_ID, -5, 7, -8, time)),
            (DEPLOYER, "pull", "post", (PULL_ID, 2**62, 2**63, 9, time)),
            (DEPLOYER, "pull", "post", (PULL_ID, 10**11, 0, -60, time)),
            (DEPLOYER, "pull", "post", (PULL_ID, 10**11, 10**10, -8, time + 10**6)),
            (DEPLOYER, "vol", "post", (12_345, _FLAT, 0)),
        ]
        (done,) = self.world.block([self.pick(nonsense)], time)
        assert done.ok
        self.log.append(f"{self.steps} t={time} poison")


_FLAT = {"a": 0, "b": 0, "rho": 0, "m": 0, "sigma": 1}
