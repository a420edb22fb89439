"""Room in a block and what it costs: gas limit, base fee, others' demand, outages, waiting orders.

Fees are multiples of the normal gas price. Others are not simulated one by one: in each block they
want so much gas, and the share of it whose tip exceeds x is exp(-x / ``others_tip``). Whoever of
ours tips x stands behind them; what does not fit waits for the next block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from amm_sim.engine.mempool import BUILDERS, Pending, attach
from amm_sim.errors import ScenarioError
from amm_sim.types import Order

HOUR = 3600
UNKNOWN_GAS = 300_000
"""Gas that an order is taken for before one of its kind was executed."""
EXPIRED, REPLACED, NO_PLACE = "Expired", "Replaced", "NoPlace"
"""Why an order was dropped."""
TARGETS = ("account", "expiry", "series")


@dataclass(frozen=True)
class Rules:
    """The table [mempool] of a scenario. Everything is off by default."""

    gas_limit: int = field(default=0, metadata={"low": 0, "high": 10**10})
    """Gas of a block; 0 = unlimited."""
    expiry: int = field(default=0, metadata={"low": 0, "high": 10**9})
    """Seconds after which an order that no block took is dropped; 0 = never."""
    base_fee: str = "path"
    """path: the market's gas price; eip1559: follows how full blocks are; none: tips are all, as
    before August 2021."""
    fee_change: float = field(default=0.125, metadata={"low": 0.0, "high": 1.0})
    """Largest relative change of the base fee from block to block, eip1559."""
    others: tuple[tuple[float, float], ...] = ()
    """[hour, gas that others want in a block as a multiple of the limit], linear in between."""
    others_tip: float = field(default=1.0, metadata={"low": 1e-9, "high": 1e9})
    """Mean tip of the others."""
    elasticity: float = field(default=0.0, metadata={"low": 0.0, "high": 10.0})
    """Others want base_fee ** -elasticity as much."""
    outages: tuple[tuple[float, float], ...] = ()
    """[from, to) in hours from the start: blocks stay empty, orders wait."""

    def __post_init__(self) -> None:
        if self.base_fee not in ("path", "eip1559", "none"):
            raise ScenarioError("base_fee", self.base_fee, "one of path, eip1559, none")
        if self.gas_limit == 0 and (self.others or self.base_fee == "eip1559"):
            raise ScenarioError("gas_limit", 0, "above 0 where others or eip1559 need it")
        hours = [hour for hour, _ in self.others]
        if hours != sorted(hours) or any(share < 0.0 for _, share in self.others):
            raise ScenarioError("others", list(self.others), "hours in order, shares of at least 0")
        if any(not 0.0 <= a < b for a, b in self.outages):
            raise ScenarioError("outages", list(self.outages), "pairs of hours, from < to")


@dataclass
class Plan:
    """What a builder decided: a block's orders in order, and what is given up with the reason."""

    included: list[Pending]
    dropped: list[tuple[Pending, str]]


class Blockspace:
    """Orders that have arrived and wait, and the price of getting in.

    Args:
        rules: of the mempool.
        builder: name of a policy.
        start: of the run, seconds.
        rng: for builders that draw.
    """

    def __init__(self, rules: Rules, builder: str, start: int, rng: np.random.Generator) -> None:
        self.rules, self.start = rules, start
        self.waiting: list[Pending] = []
        self.base = 1.0
        """Base fee of the block that is being built or was built last."""
        self.going = 1.0
        """What gas costs there, as people say it: the base fee; without one the market's price."""
        self._arrange, self._bundles, self._rng = BUILDERS[builder], builder == "bundles", rng
        self._by_tip = builder in ("priority", "bundles")
        self._gas: dict[type[Order], int] = {}
        self._next: float | None = None
        self._hours = np.array([hour for hour, _ in rules.others])
        self._shares = np.array([share for _, share in rules.others])
        self._others = 0.0

    # ------------------------------------------------------------------ building

    def build(self, time: int, arrived: Sequence[Pending], congestion: float) -> Plan:
        """The block at ``time``; ``congestion`` is the market's gas price over its normal one."""
        self.going = congestion if self._next is None else self._next
        self.base = 0.0 if self.rules.base_fee == "none" else self.going
        dropped = self._admit(arrived)
        if self.rules.expiry:
            dropped += self._expire(time)
        if self._out(time):
            return Plan([], dropped)
        self._others = self._wanted(time)
        included = self._select()
        taken = {item.sequence for item in included}
        left = [item for item in self.waiting if item.sequence not in taken]
        dropped += [(item, NO_PLACE) for item in left if item.attached]
        self.waiting = [item for item in left if not item.attached]
        return Plan(included, dropped)

    def settle(self, executed: Sequence[tuple[Order, int]]) -> None:
        """Learns from a mined block: each order's gas, and how full it was."""
        used = 0
        for order, gas in executed:
            before = self._gas.get(type(order), gas)
            self._gas[type(order)] = max(gas, (3 * before + gas) // 4)
            used += gas
        if self.rules.base_fee != "eip1559":
            return
        limit = self.rules.gas_limit
        full = min(used + self._others, limit)
        target = limit / 2.0
        self._next = self.base * (1.0 + self.rules.fee_change * (full - target) / target)

    def price(self, item: Pending) -> float:
        """What an included order pays per gas, as a multiple of the normal price."""
        return self.base + self._tip(item)

    # ------------------------------------------------------------------ inside

    def _admit(self, arrived: Sequence[Pending]) -> list[tuple[Pending, str]]:
        """Adds what arrived; an order of a sender that replaces takes the place of its like."""
        dropped: list[tuple[Pending, str]] = []
        for item in arrived:
            bid, fresh = item.actor.bid, item
            if bid.replace:
                for old in [o for o in self.waiting if _alike(o, item)]:
                    dropped.append((old, REPLACED))
                    self.waiting.remove(old)
                    fresh = replace(fresh, tip=max(fresh.tip, old.tip * (1.0 + bid.bump)))
            self.waiting.append(fresh)
        return dropped

    def _expire(self, time: int) -> list[tuple[Pending, str]]:
        old = [item for item in self.waiting if time - item.arrival > self.rules.expiry]
        self.waiting = [item for item in self.waiting if time - item.arrival <= self.rules.expiry]
        return [(item, EXPIRED) for item in old]

    def _out(self, time: int) -> bool:
        hour = (time - self.start) / HOUR
        return any(begin <= hour < end for begin, end in self.rules.outages)

    def _wanted(self, time: int) -> float:
        """Gas that others want now."""
        if not len(self._hours):
            return 0.0
        share = float(np.interp((time - self.start) / HOUR, self._hours, self._shares))
        fall = self.base**-self.rules.elasticity if self.base > 0.0 else 1.0
        return share * self.rules.gas_limit * fall

    def _select(self) -> list[Pending]:
        ready = [i for i in self.waiting if not i.attached and i.actor.bid.max_fee >= self.base]
        arranged = self._arrange(ready, self._rng)
        if self._bundles:
            arranged = attach(arranged, [i for i in self.waiting if i.attached])
        return arranged if self.rules.gas_limit == 0 else self._fill(arranged)

    def _fill(self, arranged: list[Pending]) -> list[Pending]:
        """What fits, in order; behind an order that does not fit its sender's later ones wait."""
        wanted = sum(self._gas_of(item) for item in arranged)
        share = wanted / max(wanted + self._others, self.rules.gas_limit)
        room = self.rules.gas_limit if self._by_tip else share * self.rules.gas_limit
        used, blocked, included = 0.0, set[tuple[int, int]](), list[Pending]()
        for item in arranged:
            gas = self._gas_of(item)
            ahead = self._others * math.exp(-self._tip(item) / self.rules.others_tip)
            if item.sender in blocked or used + gas + (ahead if self._by_tip else 0.0) > room:
                blocked.add(item.sender)
                continue
            used += gas
            included.append(item)
        return _whole(included, arranged)

    def _gas_of(self, item: Pending) -> int:
        return self._gas.get(type(item.order), UNKNOWN_GAS)

    def _tip(self, item: Pending) -> float:
        return min(item.tip, max(item.actor.bid.max_fee - self.base, 0.0))


def _alike(old: Pending, new: Pending) -> bool:
    """Whether two orders of one sender ask for the same."""
    if old.sender != new.sender or type(old.order) is not type(new.order):
        return False
    names = [f.name for f in fields(new.order) if f.name in TARGETS]
    return all(getattr(old.order, n) == getattr(new.order, n) for n in names)


def _whole(included: list[Pending], arranged: list[Pending]) -> list[Pending]:
    """Without bundles of which something, or whose target, did not fit."""
    there = {item.sequence for item in included}
    torn = {i.attached for i in arranged if i.attached and not {i.sequence, i.attached} <= there}
    return [item for item in included if item.attached not in torn]
