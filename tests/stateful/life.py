"""One life of the protocol: random actions of everybody, each followed by every invariant.

An action sends one transaction, lets the ghost do what must follow, and judges the outcome; names
in assertions are the ids of docs/invariants.md. A life is a function of its seed: a failure names
seed and step, and the last transactions stand in its log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amm_sim.chain import Chain
from tests.stateful.checks import check
from tests.stateful.ghost import WAD
from tests.stateful.liquidation import Liquidation
from tests.stateful.pool import Pool
from tests.stateful.traders import Traders
from tests.stateful.world import PROVIDERS, TRADERS, WHALE


class Life(Traders, Liquidation, Pool):
    """The machine."""

    def __init__(self, chain: Chain, seed: int) -> None:
        super().__init__(chain, seed)
        self._move_to(self.spot, 60)
        for lp in PROVIDERS[:2]:
            self._request_deposit(lp, 500_000 * WAD)
        self._move_to(self.spot, 960)
        self.process()
        self.donate(20_000 * WAD)
        for hours in (9, 31):
            self._list(self.world.time + hours * 3600)
        for i, who in enumerate(TRADERS):
            self._deposit(who, (400_000 if who == WHALE else 4_000 * (i + 1)) * WAD)
        check(self)

    def step(self) -> None:
        """One action, then every invariant."""
        self.steps += 1
        name = self._next()
        try:
            ACTIONS[name][1](self)
            check(self)
        except AssertionError as error:
            last = "\n  ".join(self.log[-12:])
            raise AssertionError(
                f"{error}\nseed {self.seed}, step {self.steps}, action {name}\n  {last}"
            ) from error

    def _next(self) -> str:
        """Any action by its weight; what an auction or a past expiry waits for comes more often."""
        if set(self.sick) - set(self.ghost.auctions) and self.chance(0.4):
            return "start"
        lost = [a for a in self.ghost.auctions.values() if a.insolvent]
        if any(self.world.time - a.started > 1800 for a in lost) and self.chance(0.5):
            return "close"
        if self.ghost.auctions and self.chance(0.5 if lost else 0.35):
            return str(self.pick(LOST if lost else WAITING))
        if self.ghost.stock and self.chance(0.1):
            return "buy"
        past = min(self._open_expiries(), default=self.world.time) < self.world.time
        if past and self.chance(0.25):
            return str(self.pick(["settle", "sweep"]))
        return NAMES[int(self.rng.choice(len(NAMES), p=WEIGHTS))]

    def wind_up(self) -> None:
        """X-1: whatever has happened, every position, auction and claim comes to an end."""
        for expiry in sorted(self._open_expiries()):
            if self.world.time <= expiry:
                self._move_to(self.spot, expiry - self.world.time + 60)
            if expiry not in self.ghost.settled:
                self.settle_expiry(expiry)
            while expiry not in self.over:
                self._sweep(expiry, len(TRADERS) + 9)
                check(self)
        assert not any(self.ghost.legs.values()), "X-1: a position is stuck"
        for who in sorted(self.ghost.auctions):
            self.finish(who)
        self.sell_all(WHALE)
        for who in TRADERS:
            self.take_all(who)
            if self.ghost.units.get(who):
                self.take_units(who, self.ghost.units[who])
        self.providers_leave()
        check(self)

    def _open_expiries(self) -> list[int]:
        return [e for e in self.ghost.strikes if e not in self.over]

    def missing(self) -> list[str]:
        """Calls that never succeeded, or that should have been refused and never were."""
        done = [n for n, (ok, _) in self.tally.items() if ok == 0 and n not in NEVER]
        return done + [n for n, (_, no) in self.tally.items() if no == 0 and n not in ALWAYS]

    def table(self) -> str:
        """The mix of calls: name, succeeded, refused."""
        rows = [f"{'call':20}{'done':>8}{'refused':>9}"]
        rows += [f"{name:20}{ok:8}{no:9}" for name, (ok, no) in sorted(self.tally.items())]
        total = sum(ok + no for ok, no in self.tally.values())
        return "\n".join([*rows, f"{total} calls in {self.steps} steps"])


ACTIONS: Mapping[str, tuple[float, Callable[[Life], None]]] = {
    "open": (34, Life.open),
    "reduce": (6, Life.reduce),
    "round trip": (2, Life.round_trip),
    "deposit": (10, Life.deposit),
    "withdraw": (9, Life.withdraw),
    "pledge": (5, Life.pledge),
    "unpledge": (4, Life.unpledge),
    "buy": (2, Life.buy),
    "start": (4, Life.start),
    "bid": (5, Life.bid),
    "close": (4, Life.close),
    "end": (2, Life.end),
    "touch": (1.5, Life.touch),
    "request deposit": (3, Life.request_deposit),
    "request withdrawal": (4, Life.request_withdrawal),
    "cancel": (3, Life.cancel),
    "process": (5, Life.process),
    "donate": (2, Life.donate),
    "gift": (1, Life.gift),
    "hedge": (4, Life.hedge),
    "poke": (4, Life.poke),
    "tighten": (2, Life.tighten),
    "refresh": (5, Life.refresh),
    "intrude": (1, Life.intrude),
    "list": (5, Life.list),
    "settle": (4, Life.settle),
    "sweep": (8, Life.sweep),
    "move": (16, Life.move),
    "drift": (2, Life.drift),
    "shift": (2, Life.shift),
    "poison": (1, Life.poison),
}
"""Weight and what is done."""
NAMES = list(ACTIONS)
WEIGHTS = [ACTIONS[name][0] / sum(weight for weight, _ in ACTIONS.values()) for name in NAMES]
WAITING = ["bid", "bid", "end", "deposit", "move", "close"]
LOST = ["close", "close", "move", "move", "process", "start"]
"""What is likely to happen while an auction is live, and while one has turned insolvent."""
ALWAYS = {"touch", "gift", "poke breaker", "poke oracle", "sync"}
"""Calls that nothing refuses."""
NEVER = {"intrude"}
"""Calls that nobody may make."""
