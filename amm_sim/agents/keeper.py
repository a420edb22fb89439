"""The keeper: does what anyone may do and somebody must."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour
from amm_sim.types import (
    ExecuteHedgeOrder,
    ExpiryView,
    Hedge,
    Mode,
    Order,
    Outcome,
    PokeBreaker,
    PokeOracle,
    PoolView,
    ProcessQueue,
    Read,
    Refresh,
    Seen,
    SettleExpiry,
    Status,
    Sweep,
    SyncHedge,
    TouchAccount,
)


@dataclass(frozen=True, kw_only=True)
class Keeper(Behaviour):
    """Pokes, refreshes stale expiries, hedges when due, serves the queue, settles expiries."""

    latency: int = 3
    capital: float = 0.0
    success: float = 1.0
    """Chance that a wake-up happens: gas and outages make real keepers miss."""
    poke: int = 60
    """Seconds between pokes of the oracle, whose average needs them."""
    watch: int = 120
    """Seconds between pokes of the breaker."""
    refresh: int = 540
    """Age in seconds at which an expiry's Greeks are refreshed even if not stale."""
    patience: int = 0
    """Seconds between its calls of the hedge: time for fillers to do it for less; 0 = at once."""
    sync: int = 600
    """Seconds between readings of the venue's position."""
    queue: int = 1800
    """Seconds between services of the LP queue."""
    silence: int = 7200
    """Seconds after an expiry without a round after which it is settled by the guard's own average.
    """
    touch: int = 300
    """Seconds between touches of the accounts that owe more than they hold."""
    batch: int = 10
    """Requests, accounts or settlements in one call."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.SHORTS})
    shares: ClassVar[tuple[str, ...]] = ("success",)
    positive: ClassVar[tuple[str, ...]] = (
        "poke",
        "watch",
        "refresh",
        "sync",
        "queue",
        "touch",
        "batch",
    )

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """The chores that are due, the urgent ones first."""
        if rng.random() >= self.success:
            return []
        orders: list[Order] = []
        if self.every(seen, self.poke):
            orders.append(PokeOracle())
        if self.every(seen, self.watch):
            orders.append(PokeBreaker())
        orders += self._settlements(seen)
        orders += [Refresh(expiry) for expiry in self._tired(seen.pool)]
        orders += self._hedge(seen)
        if self.every(seen, self.touch):
            sunk = (a for a in seen.shorts if a.equity < 0.0)
            orders += [TouchAccount(account.address) for account in sunk][: self.batch]
        if self.every(seen, self.queue) and seen.pool.mode == Mode.NORMAL:
            orders.append(ProcessQueue(self.batch))
        return orders

    def every(self, seen: Seen, period: int) -> bool:
        """Whether this wake-up is the first since a multiple of ``period`` from the start."""
        return (seen.time - seen.start) % period < self.cadence

    def _hedge(self, seen: Seen) -> list[Order]:
        allowed = seen.pool.mode != Mode.FROZEN
        waiting: list[Order] = [ExecuteHedgeOrder()] if seen.pool.hedge_pending else []
        if seen.pool.hedge_due and allowed and self.every(seen, max(self.patience, 1)):
            unseen = any(o.error == "NothingToHedge" for o in seen.outcomes)
            return [*waiting, *([SyncHedge()] if unseen else []), Hedge()]
        return [*waiting, SyncHedge()] if self.every(seen, self.sync) else waiting

    def _tired(self, pool: PoolView) -> list[int]:
        """Live expiries whose Greeks are old or said to be stale."""
        return [
            e.expiry
            for e in pool.expiries
            if e.settlement == 0.0
            and e.expiry > pool.time
            and (e.expiry == pool.stale_expiry or pool.time - e.refreshed_at >= self.refresh)
        ]

    def _settlements(self, seen: Seen) -> list[Order]:
        orders: list[Order] = []
        for expiry in seen.pool.expiries:
            if expiry.settlement > 0.0:
                orders.append(Sweep(expiry.expiry, self.batch))
            elif expiry.settlement == 0.0 and expiry.expiry <= seen.pool.time:
                orders += self._settle(expiry, seen)
        return orders

    def _settle(self, expiry: ExpiryView, seen: Seen) -> list[Order]:
        """With the newest round, or with one before the last that was refused as too late."""
        if seen.pool.push_time < expiry.expiry and seen.pool.time - expiry.expiry < self.silence:
            return []
        late = [tried(o, expiry.expiry) for o in seen.outcomes]
        earlier = [round_id for round_id in late if round_id]
        round_id = min(earlier) - 1 if earlier else seen.pool.push_round
        return [SettleExpiry(expiry.expiry, round_id)] if round_id > 0 else []


def tried(outcome: Outcome, expiry: int) -> int:
    """The round that was refused as the wrong one for ``expiry``, 0 if this was no such refusal."""
    order = outcome.order
    if (
        isinstance(order, SettleExpiry)
        and order.expiry == expiry
        and outcome.status == Status.REFUSED
        and outcome.error == "WrongRound"
    ):
        return order.round_id
    return 0
