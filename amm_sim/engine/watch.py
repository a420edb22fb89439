"""Accounts, read as often as their health asks for.

A margin view reprices an account in two dozen scenarios: reading every account in every block would
cost more than all transactions. What an account holds changes only in transactions, whose events
name it. What moves with the market is bounded (``reach``): an account with shorts is read again as
soon as the move since it was last read may have used up what it had beyond its maintenance margin,
and in every block while it has nothing beyond, or is in auction. So whoever is below maintenance is
known to be.

An account that the chain has just found to meet its initial margin can wait: it is read two blocks
later, of the block's own state, beside what is mined. One without shorts is read when its owner
asks, now and then.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amm_sim.engine.port import Log
from amm_sim.engine.reach import Margin, Rates, Travel
from amm_sim.types import AccountView, PoolView

MOVE = 0.03
"""Relative move of the oracle's spot after which an owner who asks gets a new view."""
AGE = 900
"""Seconds after which it does."""
HARMLESS = frozenset({"Deposited", "Transfer", "Approval"})
"""Events that leave no account with shorts which had none, nor any in danger which was not."""
NOW, NEW = -1, -2
ROOM = 64
"""Rows at first; they double."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What was last seen of an account, when and at which spot."""

    view: AccountView
    time: int
    spot: float
    exposed: bool
    """Whether it has shorts or is in auction."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The state of the market after a block, as far as it moves accounts."""

    time: int
    spot: float
    length: float
    """Of the travel of volatility and time."""
    jumps: int


class Calm(NamedTuple):
    """A range of the market within which no account can have used up what it has."""

    low: float
    high: float
    length: float

    @staticmethod
    def of(left: float, rates: Rates, spot: float, length: float) -> Calm:
        """A half for each: a move of spot, by a fifth at most, and volatility and time."""
        half = left * 0.499
        low = spot - half / rates.down if rates.down else 0.0
        high = spot + half / rates.up if rates.up else math.inf
        way = half / (rates.spread * 1.2 * spot) if rates.spread else math.inf
        return Calm(low, min(high, 1.2 * spot), length + way)

    def within(self, other: Calm) -> Calm:
        """Where both hold."""
        return Calm(
            max(self.low, other.low), min(self.high, other.high), min(self.length, other.length)
        )

    def holds(self, spot: float, length: float) -> bool:
        """Whether the market is still there."""
        return self.low <= spot <= self.high and length <= self.length


FOREVER, NEVER = Calm(0.0, math.inf, math.inf), Calm(math.inf, 0.0, 0.0)


class Watch:
    """What is known of accounts, in the order in which they came.

    Args:
        shorts: whether somebody needs all accounts with shorts, not only its own.
        margin: MarginParams as floats; of another margin nothing is known.
    """

    def __init__(self, shorts: bool = True, margin: Mapping[str, float] | None = None) -> None:
        self._shorts = shorts
        self._margin = Margin.of(margin or {})
        self._travel = None if self._margin is None else Travel(self._margin)
        self._sights: dict[str, Sight] = {}
        self._void: dict[str, int] = {}
        """Accounts that may have shorts and whose views are void, and since which block they wait;
        NOW if they must not."""
        self._clear: set[str] = set()
        """Accounts without a view that are known to have no shorts."""
        self._rows: dict[str, int] = {}
        self._reach = _nothing(ROOM)
        """By row: what is left beyond maintenance; spot and length when seen; the rates."""
        self._danger: dict[str, None] = {}
        """Accounts that are read in every block."""
        self._calm = FOREVER
        self._views: tuple[AccountView, ...] | None = None
        self.now = Moment(0, 0.0, 0.0, 0)

    # ------------------------------------------------------------------ what happens

    def to(self, pool: PoolView) -> Moment:
        """Goes on to the state after a block."""
        length, jumps = 0.0, 0
        if self._travel is not None:
            self._travel.to(pool)
            length, jumps = self._travel.length, self._travel.jumps
        if jumps > self.now.jumps:
            self._reach[0, self._reach[0] < math.inf] = -math.inf
            self._calm = NEVER
        self.now = Moment(pool.time, pool.spot, length, jumps)
        return self.now

    def touch(self, address: str, events: Iterable[Log] | None = None) -> None:
        """Something happened to an account, by these events or unknown ones: its view is void."""
        seen = list(events or ())
        harmless = bool(seen) and all(_is_harmless(event) for event in seen)
        met = bool(seen) and all(_meets_margin(event) for event in seen)
        if harmless and not self.concerned(address):
            self._clear.add(address)
        else:
            self._clear.discard(address)
            self._void[address] = NEW if met and not self._in_danger(address) else NOW
        self._hide(address)
        self._sights.pop(address, None)
        self._views = None

    def see(self, views: Iterable[AccountView], moment: Moment | None = None) -> None:
        """Views of now, or of an earlier moment."""
        at = moment or self.now
        for view in views:
            address = view.address
            exposed = view.auction_started > 0 or any(leg.size < 0.0 for leg in view.legs)
            self._sights[address] = Sight(view, at.time, at.spot, exposed)
            self._void.pop(address, None)
            self._clear.discard(address)
            self._hide(address)
            if exposed and self._shorts:
                self._follow(view, at)
        self._views = None

    # ------------------------------------------------------------------ what to read

    def due(self, asked: Collection[str] = ()) -> list[str]:
        """Accounts to be read now; ``asked``: those that want their own."""
        found = dict.fromkeys(a for a in asked if self._is_old(a))
        if self._shorts:
            found |= {a: None for a, since in self._void.items() if since == NOW}
            found |= dict.fromkeys(self._spent())
        return list(found)

    def late(self, block: int) -> list[str]:
        """Accounts that have begun to wait with this block: to be read of its state later."""
        begun = [a for a, since in self._void.items() if since == NEW]
        self._void.update(dict.fromkeys(begun, block))
        return begun if self._shorts else []

    def waits(self, address: str, block: int) -> bool:
        """Whether an account waits since then."""
        return self._void.get(address) == block

    def concerned(self, address: str) -> bool:
        """Whether an account has shorts or is in auction, or may for all that is known."""
        sight = self._sights.get(address)
        return address not in self._clear if sight is None else sight.exposed

    def view(self, address: str) -> AccountView | None:
        """What is known of an account."""
        sight = self._sights.get(address)
        return None if sight is None else sight.view

    @property
    def views(self) -> tuple[AccountView, ...]:
        """What is known of every account that has shorts or is in auction."""
        if self._views is None:
            self._views = tuple(s.view for s in self._sights.values() if s.exposed)
        return self._views

    # ------------------------------------------------------------------ inside

    def _is_old(self, address: str) -> bool:
        sight = self._sights.get(address)
        if sight is None:
            return True
        moved = abs(self.now.spot - sight.spot) > MOVE * sight.spot
        return moved or self.now.time - sight.time >= AGE

    def _in_danger(self, address: str) -> bool:
        row = self._rows.get(address)
        return row is not None and self._reach[0, row] <= 0.0

    def _hide(self, address: str) -> None:
        row = self._rows.get(address)
        if row is not None:
            self._danger.pop(address, None)
            self._reach[:, row] = (math.inf, 0.0, 0.0, 0.0, 0.0, 0.0)

    def _follow(self, view: AccountView, at: Moment) -> None:
        row = self._rows.setdefault(view.address, len(self._rows))
        if row >= self._reach.shape[1]:
            self._reach = np.concatenate([self._reach, _nothing(row)], axis=1)
        left = view.equity - view.maintenance_margin
        if self._margin is None or view.auction_started or left <= 0.0 or at.jumps < self.now.jumps:
            self._reach[:, row] = (-math.inf, at.spot, at.length, 0.0, 0.0, 0.0)
            self._danger[view.address] = None
            return
        rates = self._margin.rates(view)
        self._reach[:, row] = (left, at.spot, at.length, rates.up, rates.down, rates.spread)
        now = self.now
        change = now.spot - at.spot
        used = change * rates.up if change > 0.0 else -change * rates.down
        used += (now.length - at.length) * rates.spread * max(now.spot, at.spot)
        self._calm = self._calm.within(Calm.of(left - used, rates, now.spot, now.length))

    def _spent(self) -> list[str]:
        """Accounts that may have used up what they had beyond their maintenance margin."""
        now = self.now
        if self._calm.holds(now.spot, now.length):
            return list(self._danger)
        left, spot, length, up, down, spread = self._reach[:, : len(self._rows)]
        change = now.spot - spot
        used = np.where(change > 0.0, change * up, -change * down)
        used += (now.length - length) * spread * np.maximum(spot, now.spot)
        spent = used >= left * (1.0 - 1e-9)
        self._calm = FOREVER
        for row in np.flatnonzero(~spent & (left < math.inf)).tolist():
            rates = Rates(up[row], down[row], spread[row])
            calm = Calm.of(left[row] - used[row], rates, now.spot, now.length)
            self._calm = self._calm.within(calm)
        names = list(self._rows)
        found = [names[row] for row in np.flatnonzero(spent)]
        if any(name not in self._danger for name in found):
            self._calm = NEVER  # until they are read
        return found


def _nothing(rows: int) -> npt.NDArray[np.float64]:
    """Rows of accounts of which nothing is to be watched."""
    return np.array([math.inf, 0.0, 0.0, 0.0, 0.0, 0.0])[:, None].repeat(rows, axis=1)


def _is_harmless(event: Log) -> bool:
    if event.name == "Traded":
        return bool(event.args.get("position", -1) >= 0)
    return event.name in HARMLESS


def _meets_margin(event: Log) -> bool:
    """Whether the chain asks for the initial margin where this happens to an account with shorts.

    It does not of who buys back what it had sold.
    """
    if event.name == "Traded":
        return bool(event.args["size"] < 0 or event.args["position"] > 0)
    return event.name == "Withdrawn" or event.name in HARMLESS
