"""Orders on their way into a block, and the policies by which a builder arranges them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amm_sim.engine.actors import Actor
from amm_sim.types import Order


@dataclass(frozen=True, slots=True)
class Pending:
    """An order that was sent. Times in seconds."""

    arrival: int
    """When it is in the mempool: submission, latency and its own delay."""
    actor: Actor = field(compare=False)
    sequence: int
    """Running number over the run: the ticket by which others refer to it."""
    order: Order
    submitted: int
    tip: float = 0.0
    """What its sender offers beyond the base fee, as a multiple of the normal gas price."""

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Arrival order: time, class, stable index, sequence."""
        return (self.arrival, self.actor.rank, self.actor.index, self.sequence)

    @property
    def sender(self) -> tuple[int, int]:
        """Whose it is; orders of one sender keep their order, as nonces demand."""
        return (self.actor.rank, self.actor.index)

    @property
    def attached(self) -> int:
        """Ticket of the order that it wants to stand right before or after; 0 = none."""
        return self.order.ahead_of or self.order.behind


class Mempool:
    """Orders by arrival."""

    def __init__(self) -> None:
        self._heap: list[tuple[tuple[int, int, int, int], Pending]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, pending: Pending) -> None:
        """Puts an order on its way."""
        heapq.heappush(self._heap, (pending.key, pending))

    def arrived(self, until: int) -> list[Pending]:
        """Takes out what has arrived by ``until``, in arrival order."""
        taken: list[Pending] = []
        while self._heap and self._heap[0][0][0] <= until:
            taken.append(heapq.heappop(self._heap)[1])
        return taken

    def visible(self, at: int) -> list[Pending]:
        """What has arrived by ``at`` and stays, in arrival order."""
        return [item for key, item in sorted(self._heap, key=lambda e: e[0]) if key[0] <= at]


Builder = Callable[[list[Pending], np.random.Generator], list[Pending]]
"""Arranges what has arrived (given in arrival order); keeps each sender's own order."""


def by_arrival(pending: list[Pending], _: np.random.Generator) -> list[Pending]:
    """First come, first served: a sequencer."""
    return pending


def by_priority(pending: list[Pending], _: np.random.Generator) -> list[Pending]:
    """Highest tip first, of the heads of all senders."""
    return _merged(pending, lambda item: -item.tip)


def at_random(pending: list[Pending], rng: np.random.Generator) -> list[Pending]:
    """Any order is as likely as any other that keeps each sender's own."""
    place = dict(zip((id(item) for item in pending), rng.permutation(len(pending)), strict=True))
    queues: dict[tuple[int, int], list[Pending]] = {}
    for item in pending:
        queues.setdefault(item.sender, []).append(item)
    turns = sorted(pending, key=lambda item: int(place[id(item)]))
    heads = {who: iter(queue) for who, queue in queues.items()}
    return [next(heads[item.sender]) for item in turns]


def _merged(pending: list[Pending], rank: Callable[[Pending], float]) -> list[Pending]:
    """Merges the senders' queues: the best head is next."""
    queues: dict[tuple[int, int], list[Pending]] = {}
    for item in pending:
        queues.setdefault(item.sender, []).append(item)
    heads: list[tuple[float, Any, tuple[int, int], int]] = [
        (rank(queue[0]), queue[0].key, who, 0) for who, queue in queues.items()
    ]
    heapq.heapify(heads)
    arranged: list[Pending] = []
    while heads:
        _, _, who, place = heapq.heappop(heads)
        queue = queues[who]
        arranged.append(queue[place])
        if place + 1 < len(queue):
            following = queue[place + 1]
            heapq.heappush(heads, (rank(following), following.key, who, place + 1))
    return arranged


def attach(arranged: list[Pending], attached: list[Pending]) -> list[Pending]:
    """Puts each target's best-paying bundle around it; what has no place stays out.

    A bundle is what one sender attached to one target: all of it or nothing.
    """
    offers: dict[int, dict[tuple[int, int], list[Pending]]] = {}
    for item in attached:
        offers.setdefault(item.attached, {}).setdefault(item.sender, []).append(item)
    placed: list[Pending] = []
    for target in arranged:
        bundles = [b for who, b in offers.get(target.sequence, {}).items() if who != target.sender]
        best = max(bundles, key=lambda b: (sum(i.tip for i in b), -b[0].sequence), default=[])
        placed += [item for item in best if item.order.ahead_of]
        placed.append(target)
        placed += [item for item in best if not item.order.ahead_of]
    return placed


BUILDERS: Mapping[str, Builder] = {
    "arrival": by_arrival,
    "priority": by_priority,
    "random": at_random,
    "bundles": by_priority,
}
"""Policies by the name that a scenario gives in ``run.builder``; bundles also sells places beside
an order (``attach``)."""
