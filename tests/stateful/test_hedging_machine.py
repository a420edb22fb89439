"""H-1 to H-5 and the rebate rules in the whole protocol, by a state machine with its own oracles.

The pool hedges through a router at an exchange that fills at once and at one whose orders wait.
Volatility stands still (no impact, a flat slice), so the pool's delta is Black-Scholes by scipy of
the positions that this machine has noted itself; inventory fees are the change of the potential
between the deltas that it holds true, and what an account may get back stands in its own book.
"""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from scipy.special import ndtr

from amm_sim.chain import Chain
from amm_sim.chain.client import Receipt
from amm_sim.proofs.world import ENOUGH, TRADER
from amm_sim.types import SeriesKey
from amm_sim.units import YEAR, from_wad, to_wad
from tests.contracts.test_hedging import SPOT, VOL, Pool

STRIKES = (1800.0, 2000.0, 2200.0)
OTHER = "0x" + "d4" * 20
ACCOUNTS = (TRADER, OTHER)
FEE, SHARE = 0.0008, 0.7
SLACK = 1.05
"""Trades below a twentieth of the band are not made."""
DUST = 2e-4
"""Underlying: what packed storage and a second's passing do to the ledger's delta."""
MOST_LEVERAGE = 4.0
CHANGES = {
    "venue": "router",
    "venues": ["perp", "async"],
    "perp.skewScale": 100_000,
    "market.inventoryFee": Decimal("0.0008"),
    "market.inventoryRebate": Decimal("0.7"),
    "market.stressFloor": 0,
    "hedge.maxSlippage": Decimal("0.01"),
    **{f"breaker.{key}": 0 for key in ("navDrop", "hedgeShortfall", "insuranceFloor")},
    "breaker.freeLiquidity": 0,
}
VENUES = ("perp", "async")
CLOSED = "closed"
WAYS = (CLOSED, "0x", "0xfe", "0x60006000fd")
"""How a venue dies: it closes, vanishes, burns all gas, reverts."""


def potential(delta: float, band: float) -> float:
    """phi in units of the rate, from the definition."""
    x = abs(delta)
    if band == 0.0 or x > band:
        return x - band / 2.0
    return x * x / (2.0 * band)


class Machine(RuleBasedStateMachine):
    """One pool's life; every rule acts and checks."""

    def __init__(self, pool: Pool, times: Counter[str]) -> None:
        super().__init__()
        self.pool, self.times = pool, times
        self.token = pool.chain.snapshot()
        self.start = pool.now
        self.spot = SPOT
        self.held: Counter[tuple[int, bool]] = Counter()
        self.paid = dict.fromkeys(ACCOUNTS, 0.0)
        self.dead: dict[str, str] = {}
        self.executed = False
        addresses = pool.world.deployment.addresses
        self.router = addresses["venue"]
        self.rules = pool.chain.at(pool.view("market", "rules"), "TradeRules")
        self.code = {v: pool.chain.rpc.call("eth_getCode", addresses[v], "latest") for v in VENUES}

    def teardown(self) -> None:
        """The chain and the pool's clock as they were."""
        self.pool.chain.revert(self.token)
        self.pool.now = self.start

    # ------------------------------------------------------------------ rules

    @rule(
        who=st.sampled_from(ACCOUNTS),
        strike=st.integers(0, 2),
        call=st.booleans(),
        size=st.sampled_from((-80, -35, -12, -1, 1, 12, 35, 80)),
        hedged=st.booleans(),
    )
    def trade(self, who: str, strike: int, call: bool, size: int, hedged: bool) -> None:
        """The inventory fee is the potential's change; rebates stay within the account's fees."""
        self._tick()
        self._trade(who, strike, call, size)
        if hedged:
            self._hedge()

    def _trade(self, who: str, strike: int, call: bool, size: int) -> None:
        exposure, band, spot = (from_wad(x) for x in self.pool.view("hedge", "inventory").values())
        spot = spot or self.spot  # nothing is stored before the first hedge or sync
        series = SeriesKey(self.pool.expiry, strike, call).id
        done = self._send("market", "trade", series, to_wad(size), ENOUGH, sender=who)
        if not done.ok:
            self.times[f"refused {done.error.name if done.error else ''}"] += 1
            return
        before = self._delta() + exposure
        self.held[strike, call] += size
        after = self._delta() + exposure
        self._charge(who, done, FEE * spot, potential(after, band) - potential(before, band))
        self.times["trade"] += 1

    @rule(move=st.floats(-0.08, 0.08), seconds=st.integers(30, 500))
    def move(self, move: float, seconds: int) -> None:
        """The price moves, up to 8 % at once."""
        self.spot = round(min(max(self.spot * (1.0 + move), 1200.0), 3200.0), 8)
        self._tick(seconds)

    @rule(ready=st.booleans(), filled=st.booleans())
    def hedge(self, ready: bool, filled: bool) -> None:
        """On a fresh book, with a position just read or not, what is ordered filled or not."""
        self._tick()
        if ready:
            assert self.pool.send("hedge", "sync").ok
        self._hedge()
        if filled:
            self._execute()

    def _hedge(self) -> None:
        """H-1 to H-4 of one hedge."""
        waits, size = self._waiting(), self._size()
        net = self._delta() + size + waits
        done = self.pool.send("hedge", "hedge")
        if not done.ok:
            assert done.error is not None
            assert done.error.name == "NothingToHedge", done.error  # H-5
            self._covered("refused hedge")
            return
        self.executed = False
        decided = 0.0
        for event in done.named("Hedged"):
            assert (event["size"] > 0) == (net < 0.0), "H-1"
            decided = from_wad(event["band"])
            self.times["hedged"] += 1
        if waits:
            assert self._waiting() == waits, "H-4: ordered twice"
            self.times["waited"] += 1
        self._covered("hedge", decided)
        if not self.dead and abs(self._size()) > abs(size):
            equity = self.pool.wad("hedge", "equity")
            assert abs(self._size()) * self.spot <= MOST_LEVERAGE * equity * 1.001, "H-3"

    @rule()
    def execute(self) -> None:
        """A keeper fills what waits; early or late it is refused or cancelled."""
        self._execute()

    def _execute(self) -> None:
        self._tick(40)
        if "async" in self.dead or not self._waiting():
            return
        self.times["executed"] += self.pool.send("async", "execute", self.router).ok
        self.executed = True

    @rule(venue=st.sampled_from(VENUES), way=st.sampled_from(WAYS), chance=st.integers(0, 2))
    def kill(self, venue: str, way: str, chance: int) -> None:
        """A venue dies, once in three times."""
        if venue in self.dead or chance:
            return
        before = self._size() + self._waiting()
        self.dead[venue] = way
        if way == CLOSED:
            self._post(venue, open_=False)
        else:
            self._code(venue, way)
        self.times["killed"] += 1
        if not self.executed:  # since the router last looked
            after = self._size() + self._waiting()
            assert abs(after - before) < 1e-9, "H-4: what waits at a dead venue still counts"

    @precondition(lambda self: self.dead)
    @rule()
    def revive(self) -> None:
        """All venues come back, and with a probe each so does the cover."""
        for venue in list(self.dead):
            self._code(venue, self.code[venue])
            del self.dead[venue]
        self._tick()

    @rule()
    def others(self) -> None:
        """H-5: whatever became of the venues, everything else works and NAV can be stated."""
        self._tick()
        for role, function, arguments in (
            ("hedge", "sync", ()),
            ("breaker", "poke", ()),
            ("vault", "assess", ()),
            ("market", "touch", (TRADER,)),
            ("vault", "process", (5,)),
        ):
            done = self.pool.send(role, function, *arguments)
            assert done.ok, (role, done.error)
        nav = {k: from_wad(v) for k, v in self.pool.view("vault", "navParts").items()}
        parts = nav["cash"] + nav["hedgeEquity"] - nav["liability"] - nav["uncovered"]
        assert math.isclose(nav["nav"], parts - nav["settledOwed"], abs_tol=1e-9)

    # ------------------------------------------------------------------ rebates

    def _charge(self, who: str, done: Receipt, rate: float, change: float) -> None:
        """Net fees of an account never fall below zero; the pot is the sum of what is left."""
        charged = from_wad(done.named("Traded")[0]["result"]["inventory"])
        wanted = rate * change if change > 0.0 else -min(SHARE * -change * rate, self.paid[who])
        assert abs(charged - wanted) <= rate * DUST * 4 + 1e-9, (charged, wanted)
        self.times["rebate" if charged < 0.0 else "fee"] += 1
        self.paid[who] += charged
        assert self.paid[who] >= -1e-9, "rebates beyond fees paid"
        left = from_wad(self.rules.call("inventoryFees"))
        assert math.isclose(left, sum(self.paid.values()), rel_tol=1e-9, abs_tol=1e-6)

    # ------------------------------------------------------------------ H-2 and its oracle

    def _covered(self, what: str, decided: float = 0.0) -> None:
        """Against the band that a hedge went by, or the one that the policy states now.

        A hedge reads anew what venues cost, which may narrow the next band.
        """
        net = self._delta() + self._size() + self._waiting()
        decision = self.pool.view("hedge", "preview")["decision"]
        band = max(decided, from_wad(decision["band"]))
        most = band * SLACK + self.pool.wad("hedge", "shortfall")
        assert abs(net) <= most + DUST, (what, net, most)

    def _delta(self) -> float:
        """The pool's delta by Black-Scholes from the machine's own positions."""
        width = VOL * math.sqrt((self.pool.expiry - self.pool.chain.time) / YEAR)
        total = 0.0
        for (strike, call), size in self.held.items():
            up = float(ndtr(math.log(self.spot / STRIKES[strike]) / width + width / 2.0))
            total -= size * (up if call else up - 1.0)
        return total

    def _size(self) -> float:
        return self.pool.wad("hedge", "size")

    def _waiting(self) -> float:
        return self.pool.wad("hedge", "pending")

    # ------------------------------------------------------------------ the world

    def _tick(self, seconds: int = 30) -> None:
        """Time passes, feeds and living venues say the spot, the book is revalued."""
        pool = self.pool
        pool.now = max(pool.now, pool.chain.time) + seconds
        pool.world.block(pool.now, pool.world.publish(self.spot, pool.now)[:2])
        for venue in VENUES:
            if venue not in self.dead:
                self._post(venue, open_=True)
        assert pool.send("ledger", "refresh", pool.expiry).ok

    def _post(self, venue: str, *, open_: bool) -> None:
        assert self.pool.send(venue, "postIndex", to_wad(self.spot), to_wad(1), open_).ok

    def _code(self, venue: str, code: str) -> None:
        address = self.pool.world.deployment.addresses[venue]
        self.pool.chain.rpc.call("anvil_setCode", address, code)

    def _send(self, role: str, function: str, *arguments: Any, sender: str) -> Receipt:
        return self.pool.send(role, function, *arguments, sender=sender)


def _second_trader(pool: Pool) -> None:
    pool.chain.fund([OTHER])
    token = pool.world.deployment.at(pool.chain, "quote")
    token.must("mint", OTHER, 10**24)
    token.must("approve", pool.world.deployment.addresses["market"], ENOUGH, sender=OTHER)
    assert pool.send("market", "deposit", to_wad(1_000_000), sender=OTHER).ok


def test_hedging_machine_holds_its_line(chain: Chain) -> None:
    pool = Pool(chain, **CHANGES)
    _second_trader(pool)
    times: Counter[str] = Counter()
    run_state_machine_as_test(
        lambda: Machine(pool, times),
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
        ),
    )
    for what in ("trade", "fee", "rebate", "hedged", "waited", "executed", "killed"):
        assert times[what] > 0, (what, times)
