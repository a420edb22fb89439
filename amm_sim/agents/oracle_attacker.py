"""An oracle attacker: holds the key of one feed and trades against what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour, contracts, funding
from amm_sim.agents.quotes import closing, limited, may_close, quotes
from amm_sim.errors import ScenarioError
from amm_sim.types import (
    AccountView,
    Mode,
    Order,
    PoolView,
    PostPull,
    PostPush,
    Read,
    Seen,
    Truth,
)
from amm_sim.units import quantize


@dataclass(frozen=True, kw_only=True)
class OracleAttacker(Behaviour):
    """Posts ``factor`` times the truth from hour ``begin`` to ``end``, and buys what gets cheap.

    Calls below the truth, puts above. Afterwards it sells at the honest price.
    """

    latency: int = 1
    phase: int = 30
    capital: float = 200_000.0
    feed: str = "pull"
    """The feed whose key it holds: pull or push."""
    begin: float = 0.5
    end: float = 0.75
    factor: float = 0.992
    largest: float = 50.0
    """Largest trade in contracts."""
    cover: float = 0.5
    """Share of its balance that a trade may cost."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN, Read.TRUTH})
    positive: ClassVar[tuple[str, ...]] = ("factor", "largest", "end")
    shares: ClassVar[tuple[str, ...]] = ("cover",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feed not in ("pull", "push"):
            raise ScenarioError("feed", self.feed, "pull or push")
        if not 0.0 <= self.begin < self.end:
            raise ScenarioError("begin", self.begin, f"hours from 0 to below end, {self.end}")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """A lie and a trade on it, or a trade back."""
        own, truth, pool = seen.own, seen.truth, seen.pool
        if own is None or truth is None:
            return []
        deposit = funding(own, self.capital)
        if deposit:
            return deposit
        hour = (seen.time - seen.start) / 3600.0
        if self.begin <= hour < self.end:
            return [self._lie(seen, truth), *self._strike(pool, own, truth)]
        return list(closing(pool, own.legs)) if hour >= self.end and may_close(pool) else []

    def _lie(self, seen: Seen, truth: Truth) -> Order:
        price, at = quantize(truth.spot * self.factor), seen.time + self.latency
        return PostPush(price, at) if self.feed == "push" else PostPull(price, 0.0, at)

    def _strike(self, pool: PoolView, own: AccountView, truth: Truth) -> list[Order]:
        """Buys at the price that the pool believes; refused while the feeds are apart."""
        if pool.mode != Mode.NORMAL or abs(pool.spot / truth.spot - 1.0) < 1e-4:
            return []
        fit = [q for q in quotes(pool, 0.4, 0.9) if q.is_call == (self.factor < 1.0)]
        best = max(fit, key=lambda q: abs(q.delta), default=None)
        if best is None:
            return []
        size = min(self.largest, self.cover * own.balance / (best.value + best.fee))
        limit = pool.fees.get("accountDeltaLimit", 0.0) * pool.nav
        if limit > 0.0:
            size = min(size, 0.9 * limit / (abs(best.delta) * pool.spot))
        return [limited(best, contracts(size), pool.spot, 0.01)] if size >= 0.01 else []
