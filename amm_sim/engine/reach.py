"""How far the market may move before an account can have fallen below its maintenance margin.

An account is in danger when its equity E is less than its maintenance margin M. Both are what the
margin engine makes of the state: the oracle's spot S, the volatility of every strike, the time. All
else that decides them (legs, balance, posted underlying) changes in transactions, which name the
account. So E - M is known to stay above zero as long as the state has not moved far enough to use
up what it was when the account was read. How fast that can go at most follows from the legs.

**Debts.** What the legs of an expiry owe in a state, D, is a sum of -size times price. A call's
price grows by at most 1 for each unit of spot and never falls, a put's falls by at most 1 and never
grows. With u contracts of calls sold and puts bought, and d of puts sold and calls bought and of
underlying posted, D less the cover grows by at most u a unit when spot rises, by d when it falls.
In a state at g times the spot it grows by g times that.

**Margin** (MarginMath.requirement). D + M is a maximum, or the lesser of that and a constant, of

- (1 - k) D_now + k D_state + a q S + charge, for the states of the grid with k = the maintenance
  factor and g <= 1.2, and for the tails with k = that factor times the tail's weight and g = the
  tail's multiple; q contracts sold, a = maintenanceSpot;
- D_now + f q S + charge, f = maintenanceFloor;
- what the legs would pay if they expired now.

A maximum or minimum of functions moves no faster than the fastest, and E - M = balance - (D + M)
summed over expiries. That bounds the rate for spot: with x = u for a rise, y = d (else the other
way round), it is at most max(0, 1 - k) x + max(0, k - 1) y + k g x + a q, over all k and g; or
x + f q; q counts when spot rises only.

**Volatility and time** enter a price through s = vol sqrt(T) alone, and the derivative of a price
by s is S phi(d1) <= 0.3990 S. The states shock the vol: s is then max(vol, floor) (1 + h r(T))
sqrt(T), where r(T) falls as T^-0.3 or slower, so that s grows with T; a shock down moves s by no
more than one up of the same size. ``Travel`` adds up how far s has gone for the strike and the
shock for which it went farthest, block by block; so it is never less than what any leg has seen.

**Jumps.** A settlement replaces a price by another: everybody is read then.

The bound is one for margins by these rules. Of a pool that does not state the parameters nothing is
known: its accounts with shorts are read in every block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amm_sim.types import AccountView, ExpiryView, PoolView, SeriesKey
from amm_sim.units import YEAR

GRID = 1.2
"""Highest spot of the margin's grid, as a multiple."""
STEEPEST = 0.3990
"""At least the density of the normal distribution at 0."""
DAY, PIVOT, SHORT_POWER, LONG_POWER = 86_400.0, 30 * 86_400.0, 0.3, 0.13
"""Of VolShock.scale."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast E - M can fall, in quote."""

    up: float
    """For each unit that spot rises."""
    down: float
    """For each unit that it falls."""
    spread: float
    """For each unit of s, as a multiple of spot."""


@dataclass(frozen=True)
class Margin:
    """The margin engine's parameters, as far as the bound needs them."""

    factor: float
    share: float
    floor: float
    tails: tuple[tuple[float, float], ...]
    """Weight and spot multiple of each."""
    shock: float
    """Greatest relative shock of a vol at 30 days, up or down."""
    least_vol: float
    """What a vol is at least before it is shocked up."""

    @staticmethod
    def of(params: Mapping[str, float]) -> Margin | None:
        """From MarginParams as floats; None where they are not stated."""
        if "maintenanceFactor" not in params:
            return None
        return Margin(
            params["maintenanceFactor"],
            params["maintenanceSpot"],
            params["maintenanceFloor"],
            (
                (params["tailDownWeight"], params["tailDown"]),
                (params["tailUpWeight"], params["tailUp"]),
            ),
            max(params["volUp"], params["volDown"]),
            params["volUpFloor"],
        )

    def rates(self, view: AccountView) -> Rates:
        """Of an account, by its legs."""
        up, down, sold = _exposure(view)
        return Rates(
            max(self._rate(up, down) + self.share * sold, up + self.floor * sold),
            max(self._rate(down, up), down),
            STEEPEST * sum(abs(leg.size) for leg in view.legs) * self._rate(1.0, 1.0),
        )

    def _rate(self, toward: float, away: float) -> float:
        """The fastest of the states."""
        states = [(self.factor, GRID), *((self.factor * w, g) for w, g in self.tails)]
        return max(
            max(0.0, 1.0 - k) * toward + max(0.0, k - 1.0) * away + k * g * toward
            for k, g in states
        )


def _exposure(view: AccountView) -> tuple[float, float, float]:
    """u, d and q of the account."""
    up, down, sold = 0.0, view.units, 0.0
    for leg in view.legs:
        size = abs(leg.size)
        if (leg.size < 0.0) == SeriesKey.from_id(leg.series).is_call:
            up += size
        else:
            down += size
        if leg.size < 0.0:
            sold += size
    return up, down, sold


class Travel:
    """How far volatility and time have moved s since the start.

    Args:
        margin: how the margin engine shocks volatilities.
    """

    def __init__(self, margin: Margin) -> None:
        self._margin = margin
        self._boards: tuple[ExpiryView, ...] = ()
        self._peaks: list[tuple[int, float, float]] = []
        """Of every live board: expiry, highest vol, stretch at the last block."""
        self._time = 0
        self.length = 0.0
        self.jumps = 0
        """Times that an expiry was settled or taken from the list."""

    def to(self, pool: PoolView) -> None:
        """Goes on to the state after the next block."""
        if pool.expiries is not self._boards:
            self._change(pool.expiries)
        self._age(pool.time)

    def _change(self, boards: tuple[ExpiryView, ...]) -> None:
        """Other boards, at the time before."""
        now = {board.expiry: board for board in boards}
        pairs = [(board, now.get(board.expiry)) for board in self._boards if not board.settlement]
        if any(new is None or new.settlement for _, new in pairs):
            self.jumps += 1
        self.length += max((self._repriced(old, new) for old, new in pairs if new), default=0.0)
        self._boards = boards
        least = self._margin.least_vol
        self._peaks = [
            (board.expiry, max(float(board.vols.max()), least), self._stretch(board.expiry))
            for board in boards
            if len(board.vols)
        ]

    def _repriced(self, old: ExpiryView, new: ExpiryView) -> float:
        """By other volatilities of a board."""
        if new is old or not len(old.vols) or not len(new.vols):
            return 0.0
        return float(np.abs(new.vols - old.vols).max()) * self._stretch(old.expiry)

    def _age(self, time: int) -> None:
        """Time passes over the boards."""
        begun, self._time = self._time > 0, time
        aged, farthest = [], 0.0
        for expiry, peak, before in self._peaks:
            stretch = self._stretch(expiry)
            farthest = max(farthest, peak * (before - stretch))
            aged.append((expiry, peak, stretch))
        self._peaks = aged
        if begun:
            self.length += farthest

    def _stretch(self, expiry: int) -> float:
        """Of s for a unit of vol, shocked: it only falls with time."""
        left = float(max(expiry - self._time, 0))
        power = SHORT_POWER if left < PIVOT else LONG_POWER
        scale: float = (PIVOT / max(left, DAY)) ** power
        return (1.0 + self._margin.shock * scale) * math.sqrt(left / YEAR)
