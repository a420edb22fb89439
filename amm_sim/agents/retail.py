"""Retail flow: a population that buys and sells calls and puts at random and closes later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import (
    closing,
    limited,
    listed,
    may_close,
    quotes,
    short_margin,
)
from amm_sim.types import (
    AccountView,
    Deposit,
    LegView,
    Mode,
    Order,
    Outcome,
    PoolView,
    Seen,
    Status,
)


@dataclass(frozen=True, kw_only=True)
class Retail(Behaviour):
    """Opens at Poisson times, closes each leg at one of its own; shorts keep ample margin.

    It looks every ``cadence`` seconds and does what has come up since. All traders of a table are
    one population: see ``Traders``.
    """

    cadence: int = 300
    rate: float = 1.0
    """Openings an hour."""
    close_rate: float = 0.1
    """Closings an hour of each leg."""
    buys: float = 0.55
    """Share of openings that buy."""
    calls: float = 0.5
    """Share of openings in calls."""
    size: float = 5.0
    """Mean size in contracts; exponential."""
    largest: float = 25.0
    """Largest size in contracts."""
    low_delta: float = 0.1
    """Trades series with |delta| in [low_delta, high_delta]."""
    high_delta: float = 0.8
    legs: int = 6
    """Holds at most so many series."""
    cover: float = 0.6
    """Share of its free equity that a short may bind."""
    slippage: float = 0.02
    """Relative move of spot against it that a limit tolerates."""

    positive: ClassVar[tuple[str, ...]] = ("size", "largest", "legs")
    shares: ClassVar[tuple[str, ...]] = ("buys", "calls", "low_delta", "high_delta", "cover")

    @staticmethod
    def population(alike: Sequence[Retail]) -> Traders:
        """Traders who differ by their names alone."""
        return Traders(alike[0], len(alike))


class Wish(NamedTuple):
    """A position that comes up: what is drawn before anybody looks at the pool."""

    buys: bool
    is_call: bool
    size: float
    pick: float
    """Place of the series among those that fit, from 0 to 1."""


class Traders:
    """Retail traders as one population.

    The sum of independent Poisson processes is one whose events fall on each member with the same
    chance (Kingman 1993, 2.1): so what comes up for all in a slot of ``cadence`` is drawn at once,
    and who is not drawn costs nothing. A member knows its own account from its own trades; it is
    read when somebody else has changed it. At first everybody comes to fund its account.

    Args:
        kind: what they are like.
        count: how many there are.
    """

    def __init__(self, kind: Retail, count: int) -> None:
        self._kind, self._count = kind, count
        self._balances = np.zeros(count)
        self._legs: list[dict[int, float]] = [{} for _ in range(count)]
        self._known = np.zeros(count, dtype=bool)
        self._wishes: dict[int, list[Wish]] = {}
        self._places: dict[int, list[int]] = {}
        self._begun = False

    def draw(self, slots: int, rng: np.random.Generator) -> Sequence[int]:
        """Members to whom something comes up in so many slots; everybody at first."""
        self._wishes, self._places = {}, {}
        if not self._begun:
            self._begun = True
            return range(self._count)
        kind, hours = self._kind, slots * self._kind.cadence / 3600.0
        openings = int(rng.poisson(kind.rate * hours * self._count))
        who = rng.integers(0, self._count, openings).tolist()
        sizes = np.minimum(rng.exponential(kind.size, openings), kind.largest).tolist()
        for member, size, (side, right, pick) in zip(
            who, sizes, rng.random((openings, 3)).tolist(), strict=True
        ):
            wish = Wish(side < kind.buys, right < kind.calls, size, pick)
            self._wishes.setdefault(member, []).append(wish)
        places = self._count * kind.legs
        closings = int(rng.poisson(kind.close_rate * hours * places))
        for place in np.unique(rng.integers(0, places, closings)).tolist():
            self._places.setdefault(place // kind.legs, []).append(place % kind.legs)
        return sorted({*self._wishes, *self._places})

    def unsure(self, member: int) -> bool:
        """Whether its account must be read before it acts."""
        return not self._known[member]

    def forget(self, member: int) -> None:
        """Somebody else has changed its account."""
        self._known[member] = False

    def act(self, member: int, seen: Seen) -> list[Order]:
        """Funds itself, closes what is due, opens what comes."""
        if seen.own is not None:
            self._adopt(member, seen.own)
            deposit = funding(seen.own, self._kind.capital)
            if deposit:
                return deposit
        else:
            self._learn(member, seen.outcomes)
        closings = self._closings(member, seen.pool)
        return [*closings, *self._openings(member, seen.pool)]

    def _adopt(self, member: int, own: AccountView) -> None:
        self._balances[member] = own.balance
        self._legs[member] = {leg.series: leg.size for leg in own.legs}
        self._known[member] = True

    def _learn(self, member: int, outcomes: Iterable[Outcome]) -> None:
        """What its own trades made of its account."""
        legs = self._legs[member]
        for outcome in outcomes:
            if isinstance(outcome.order, Deposit):
                self._known[member] = outcome.status is Status.FILLED
                self._balances[member] += outcome.order.amount * self._known[member]
            for event in outcome.named("Traded"):
                series = event["id"]
                legs[series] = round(legs.get(series, 0.0) + event["size"], 6)
                self._balances[member] -= event["result"]["cash"]
        self._legs[member] = {series: size for series, size in legs.items() if size}

    def _closings(self, member: int, pool: PoolView) -> list[Order]:
        places = self._places.get(member)
        if not places or not may_close(pool):
            return []
        legs = list(self._legs[member].items())
        due = [LegView(*legs[place]) for place in places if place < len(legs)]
        return list(closing(pool, due))

    def _openings(self, member: int, pool: PoolView) -> list[Order]:
        wishes = self._wishes.get(member)
        if not wishes or pool.mode != Mode.NORMAL:
            return []
        free = self._free(member, pool)
        orders = [self._opening(member, wish, free, pool) for wish in wishes]
        return [order for order in orders if order is not None]

    def _opening(self, member: int, wish: Wish, free: float, pool: PoolView) -> Order | None:
        held = self._legs[member]
        fit = quotes(pool, self._kind.low_delta, self._kind.high_delta, wish.is_call)
        if len(held) >= self._kind.legs:
            fit = [quote for quote in fit if quote.series in held]
        if not fit:
            return None
        quote = fit[int(wish.pick * len(fit))]
        bound = quote.value + quote.fee if wish.buys else short_margin(pool, quote)
        size = contracts(min(wish.size, self._kind.cover * free / bound))
        if size < pool.fees.get("minSize", 0.0) or size <= 0.0:
            return None
        return limited(quote, size if wish.buys else -size, pool.spot, self._kind.slippage)

    def _free(self, member: int, pool: PoolView) -> float:
        """What of its balance and equity its shorts do not bind, as it reckons itself."""
        known = listed(pool)
        worth = bound = 0.0
        for series, size in self._legs[member].items():
            quote = known.get(series)
            if quote is None:
                continue
            worth += size * quote.value
            if size < 0.0:
                bound -= size * short_margin(pool, quote)
        balance = float(self._balances[member])
        return max(min(balance, balance + worth) - bound, 0.0)
