"""Orders on their way into a block, and the policies by which a builder arranges them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amm_sim.engine.actors import Actor
from amm_sim.types import Order


@dataclass(frozen=True, slots=True)
class Pending:
    """An order that was sent. Times in seconds."""

    arrival: int
    """When it is in the mempool: submission, latency and its own delay."""
    actor: Actor = field(compare=False)
    sequence: int
    """Running number over the run."""
    order: Order
    submitted: int
    tip: float = 0.0
    """Priority: what its sender offers beyond the base fee, as a multiple of it."""

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Arrival order: time, class, stable index, sequence."""
        return (self.arrival, self.actor.rank, self.actor.index, self.sequence)


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


Builder = Callable[[list[Pending]], list[Pending]]
"""Arranges a block from what has arrived (given in arrival order)."""


def by_arrival(pending: list[Pending]) -> list[Pending]:
    """First come, first served: a sequencer."""
    return pending


def by_priority(pending: list[Pending]) -> list[Pending]:
    """Highest tip first; each sender's own orders stay in their order, as nonces demand."""
    queues: dict[tuple[int, int], list[Pending]] = {}
    for item in pending:
        queues.setdefault((item.actor.rank, item.actor.index), []).append(item)
    heads: list[tuple[float, Any, tuple[int, int], int]] = [
        (-queue[0].tip, queue[0].key, who, 0) for who, queue in queues.items()
    ]
    heapq.heapify(heads)
    arranged: list[Pending] = []
    while heads:
        _, _, who, place = heapq.heappop(heads)
        queue = queues[who]
        arranged.append(queue[place])
        if place + 1 < len(queue):
            following = queue[place + 1]
            heapq.heappush(heads, (-following.tip, following.key, who, place + 1))
    return arranged


BUILDERS: Mapping[str, Builder] = {"arrival": by_arrival, "priority": by_priority}
"""Policies by the name that a scenario gives in ``run.builder``."""
