"""A manipulator of settlement prices: holds options, tries every round, feeds the average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import limited, quotes
from amm_sim.types import (
    AccountView,
    Mode,
    Order,
    PokeOracle,
    PoolView,
    Read,
    Seen,
    SeriesKey,
    SettleExpiry,
)


@dataclass(frozen=True, kw_only=True)
class SettlementManipulator(Behaviour):
    """Buys options of the next expiry and does what anyone may do to settle it high (low).

    It pokes the guard at every wake-up of the last ``before`` seconds, so that each price enters
    the average that settles where the push feed is silent; after expiry it offers rounds around the
    newest, first those that suit it. Whoever moves the feeds themselves is in the oracles' tables.
    """

    capital: float = 50_000.0
    latency: int = 3
    is_call: bool = True
    """Long calls: it wants a high price; long puts: a low one."""
    share: float = 0.5
    """Share of its capital that it spends on options."""
    before: int = 1800
    """Seconds before expiry from which it pokes."""
    tries: int = 3
    """Rounds that it offers at a wake-up, either side of the newest."""
    slippage: float = 0.02
    """Relative move of spot against it that a limit tolerates."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN})
    positive: ClassVar[tuple[str, ...]] = ("before", "tries")
    shares: ClassVar[tuple[str, ...]] = ("share",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """Funds itself, buys once, pokes, offers rounds."""
        own, pool = seen.own, seen.pool
        if own is None:
            return []
        deposit = funding(own, self.capital)
        if deposit:
            return deposit
        if not own.legs:
            return self._purchase(pool, own)
        expiry = SeriesKey.from_id(own.legs[0].series).expiry
        left = expiry - seen.time
        if left > self.before:
            return []
        return [PokeOracle()] if left > 0 else [PokeOracle(), *self._rounds(pool, expiry)]

    def _purchase(self, pool: PoolView, own: AccountView) -> list[Order]:
        if pool.mode != Mode.NORMAL or own.balance < 0.9 * self.capital:
            return []
        fit = [q for q in quotes(pool, 0.3, 0.7) if q.is_call == self.is_call]
        best = min(fit, key=lambda q: (q.years, abs(abs(q.delta) - 0.5)), default=None)
        if best is None:
            return []
        limit = pool.fees.get("accountDeltaLimit", 0.0) * pool.nav
        size = self.share * own.balance / (best.value + best.fee)
        if limit > 0.0:
            size = min(size, 0.9 * limit / (abs(best.delta) * pool.spot))
        return [limited(best, contracts(size), pool.spot, self.slippage)]

    def _rounds(self, pool: PoolView, expiry: int) -> list[Order]:
        if any(e.expiry == expiry and e.settlement > 0.0 for e in pool.expiries):
            return []
        newest = pool.push_round
        offered = [n for n in range(newest - self.tries, newest + 2) if n > 0]
        return [SettleExpiry(expiry, n) for n in offered]
