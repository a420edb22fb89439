"""Wake-ups on an integer clock, in an order that never depends on hashes."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from amm_sim.engine.actors import Actor, Member


class Clock:
    """The next wake-up of every actor, ordered by (time, class, index).

    A population wakes as one: those of its members to whom something has come up.

    Args:
        actors: all of them.
        start: first time; an actor with a ``phase`` first wakes that many seconds later.
    """

    def __init__(self, actors: Sequence[Actor], start: int) -> None:
        self._heap: list[tuple[int, int, int, int]] = []
        self._actors = list(actors)
        self._slots = _slots(self._actors, start)
        for place, actor in enumerate(self._actors):
            if not isinstance(actor, Member):
                self._heap.append((_first(actor, start), actor.rank, actor.index, place))
        heapq.heapify(self._heap)

    def due(self, before: int) -> list[tuple[int, Actor]]:
        """Wake-ups earlier than ``before``, in order; each actor is booked after its cadence."""
        woken: list[tuple[int, Actor]] = []
        while self._heap and self._heap[0][0] < before:
            time, rank, index, place = self._heap[0]
            actor = self._actors[place]
            woken.append((time, actor))
            heapq.heapreplace(self._heap, (time + max(1, actor.agent.cadence), rank, index, place))
        for slots in self._slots:
            woken += slots.due(before)
        if self._slots:
            woken.sort(key=lambda wake: (wake[0], wake[1].rank, wake[1].index))
        return woken

    def peek(self, before: int) -> list[Actor]:
        """Actors that wake earlier than ``before``, each once, in the order of the actors."""
        places = sorted(place for time, _, _, place in self._heap if time < before)
        members = [actor for slots in self._slots for actor in slots.peek(before)]
        return [*(self._actors[place] for place in places), *members]


class Slots:
    """The times at which a population looks: every ``cadence`` seconds.

    What has come up is drawn when somebody asks for it, once. Slots that end before the same block
    are one: whoever looks later sees the same head.
    """

    def __init__(self, members: Sequence[Member], start: int) -> None:
        self._members = members
        self._cadence = members[0].agent.cadence
        self._next = _first(members[0], start)
        self._drawn: list[Actor] = []
        self._until = self._next
        """What comes up before this is drawn."""

    def peek(self, before: int) -> list[Actor]:
        """Members that wake earlier than ``before``."""
        if self._until < before:
            missing = -(-(before - self._until) // self._cadence)
            self._until += missing * self._cadence
            first = self._members[0]
            places = first.population.draw(missing, first.rng)
            self._drawn += [self._members[place] for place in places]
        return self._drawn if self._next < before else []

    def due(self, before: int) -> list[tuple[int, Actor]]:
        """Their wake-ups."""
        if self._next >= before:
            return []
        drawn, self._drawn = self.peek(before), []
        time, self._next = self._until - self._cadence, self._until
        return [(time, actor) for actor in drawn]


def _slots(actors: Sequence[Actor], start: int) -> list[Slots]:
    """Populations in the order of their first members."""
    members: dict[int, list[Member]] = {}
    for actor in actors:
        if isinstance(actor, Member):
            members.setdefault(id(actor.population), []).append(actor)
    return [Slots(each, start) for each in members.values()]


def _first(actor: Actor, start: int) -> int:
    return start + int(getattr(actor.agent, "phase", 0))
