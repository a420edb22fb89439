"""Wake-ups on an integer clock, in an order that never depends on hashes."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from amm_sim.engine.actors import Actor


class Clock:
    """The next wake-up of every actor, ordered by (time, class, index).

    Args:
        actors: all of them.
        start: first time; an actor with a ``phase`` first wakes that many seconds later.
    """

    def __init__(self, actors: Sequence[Actor], start: int) -> None:
        self._heap: list[tuple[int, int, int, int]] = []
        self._actors = list(actors)
        for place, actor in enumerate(self._actors):
            phase = int(getattr(actor.agent, "phase", 0))
            self._heap.append((start + phase, actor.rank, actor.index, place))
        heapq.heapify(self._heap)

    def due(self, before: int) -> list[tuple[int, Actor]]:
        """Wake-ups earlier than ``before``, in order; each actor is booked after its cadence."""
        woken: list[tuple[int, Actor]] = []
        while self._heap and self._heap[0][0] < before:
            time, rank, index, place = self._heap[0]
            actor = self._actors[place]
            woken.append((time, actor))
            heapq.heapreplace(self._heap, (time + max(1, actor.agent.cadence), rank, index, place))
        return woken

    def peek(self, before: int) -> list[Actor]:
        """Actors that wake earlier than ``before``, each once, in the order of the actors."""
        places = sorted(place for time, _, _, place in self._heap if time < before)
        return [self._actors[place] for place in places]
