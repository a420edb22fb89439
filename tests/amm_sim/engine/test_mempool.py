"""Clock, mempool and builders: order never depends on anything but their keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amm_sim.engine.actors import AGENT, PUBLISHER, Actor, Member, address_of, stream
from amm_sim.engine.clock import Clock
from amm_sim.engine.mempool import (
    BUILDERS,
    Builder,
    Mempool,
    Pending,
    at_random,
    by_arrival,
    by_priority,
)
from amm_sim.types import Order, Read, Seen

RNG = np.random.default_rng(0)


@dataclass(frozen=True)
class Idle:
    """An agent that does nothing."""

    name: str
    cadence: int = 60
    latency: int = 0
    capital: float = 0.0
    phase: int = 0
    reads: frozenset[Read] = field(default_factory=frozenset)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        return []


def actor(name: str, index: int, rank: int = AGENT, **keys: Any) -> Actor:
    return Actor(Idle(name, **keys), "idle", rank, index, address_of(name), stream(1, "act", name))


def test_due_wakes_publishers_first_then_by_index() -> None:
    actors = [actor("b", 1), actor("a", 0), actor("p", 5, PUBLISHER)]
    woken = Clock(actors, 100).due(160)
    assert [(time, who.name) for time, who in woken] == [(100, "p"), (100, "a"), (100, "b")]


def test_due_short_cadence_wakes_several_times_between_blocks() -> None:
    clock = Clock([actor("fast", 0, cadence=20, phase=5)], 0)
    assert [time for time, _ in clock.due(60)] == [5, 25, 45]
    assert [time for time, _ in clock.due(120)] == [65, 85, 105]


def test_peek_names_each_coming_actor_once_and_books_nothing() -> None:
    clock = Clock([actor("slow", 0, cadence=600), actor("fast", 1, cadence=20)], 0)
    clock.due(60)
    assert [who.name for who in clock.peek(120)] == ["fast"]
    assert [time for time, _ in clock.due(120)] == [60, 80, 100]


class Alternating:
    """A population of three: in every slot the next one, in the first everybody."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.forgotten: list[int] = []

    def draw(self, slots: int, rng: np.random.Generator) -> list[int]:
        self.asked.append(slots)
        return [0, 1, 2] if len(self.asked) == 1 else [len(self.asked) % 3]

    def unsure(self, member: int) -> bool:
        return member == 1

    def forget(self, member: int) -> None:
        self.forgotten.append(member)

    def act(self, member: int, seen: Any) -> list[Order]:
        return [Order()] * member


def members(population: Alternating, **keys: Any) -> list[Actor]:
    alike = [actor(f"member-{i}", i, **keys) for i in range(3)]
    return [Member(**vars(a), population=population, place=i) for i, a in enumerate(alike)]


def test_population_wakes_as_one_and_is_drawn_once_for_each_slot() -> None:
    population = Alternating()
    crowd = members(population, cadence=100)
    clock = Clock([*crowd, actor("single", 9, cadence=300)], 0)
    assert [a.name for a in clock.peek(60)] == ["single", "member-0", "member-1", "member-2"]
    woken = [(time, a.name) for time, a in clock.due(60)]
    assert woken == [(0, "member-0"), (0, "member-1"), (0, "member-2"), (0, "single")]
    assert clock.due(100) == clock.due(100) == []
    assert clock.peek(160) == clock.peek(160) == [crowd[2]]
    assert clock.due(160) == [(100, crowd[2])]
    assert clock.due(200) == []
    assert population.asked == [1, 1]


def test_slots_between_two_blocks_are_drawn_together_and_wake_at_the_last() -> None:
    population = Alternating()
    clock = Clock(members(population, cadence=20, phase=5), 0)
    assert clock.due(5) == []
    assert [time for time, _ in clock.due(60)] == [45, 45, 45]
    assert [time for time, _ in clock.due(120)] == [105]
    assert population.asked == [3, 3]


def test_member_acts_reads_and_is_disturbed_through_its_population() -> None:
    population = Alternating()
    first, second, third = members(population)
    assert [member.reads(Read.OWN) for member in (first, second, third)] == [False, True, False]
    seen: Any = None
    assert third.act(seen) == [Order(), Order()]
    second.disturb()
    assert population.forgotten == [1]


def pending(who: Actor, arrival: int, sequence: int, tip: float = 0.0) -> Pending:
    return Pending(arrival, who, sequence, Order(), arrival, tip)


def test_arrived_holds_back_what_is_still_on_its_way() -> None:
    pool, who = Mempool(), actor("a", 0)
    for sequence, arrival in enumerate([61, 60, 59]):
        pool.add(pending(who, arrival, sequence))
    assert [item.arrival for item in pool.arrived(60)] == [59, 60]
    assert len(pool) == 1


def test_arrived_same_second_publisher_then_index_then_sequence() -> None:
    pool = Mempool()
    publisher, first, second = actor("p", 9, PUBLISHER), actor("x", 0), actor("y", 1)
    for sequence, who in enumerate([second, first, first, publisher]):
        pool.add(pending(who, 10, sequence))
    arranged = by_arrival(pool.arrived(10), RNG)
    assert [(item.actor.name, item.sequence) for item in arranged] == [
        ("p", 3),
        ("x", 1),
        ("x", 2),
        ("y", 0),
    ]


def test_by_priority_takes_the_highest_head_and_keeps_nonce_order() -> None:
    rich, poor = actor("rich", 0), actor("poor", 1)
    items = [pending(rich, 1, 1, tip=1), pending(poor, 1, 2, tip=2), pending(rich, 1, 3, tip=9)]
    assert [item.sequence for item in by_priority(items, RNG)] == [2, 1, 3]


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.floats(0, 9)), max_size=30))
def test_builders_any_input_is_a_permutation_with_each_senders_order(
    builder: Builder, rows: list[tuple[int, int, float]]
) -> None:
    actors = [actor(str(i), i) for i in range(4)]
    pool = Mempool()
    for sequence, (who, arrival, tip) in enumerate(rows):
        pool.add(pending(actors[who], arrival, sequence, tip))
    arrived = pool.arrived(9)
    arranged = builder(arrived, np.random.default_rng(1))
    assert sorted(item.sequence for item in arranged) == sorted(item.sequence for item in arrived)
    for who in actors:
        assert [i for i in arranged if i.actor is who] == [i for i in arrived if i.actor is who]


def test_at_random_depends_on_the_generator_alone_and_reaches_every_order() -> None:
    items = [pending(actor(str(i), i), 1, i) for i in range(3)]
    seen = set()
    for seed in range(60):
        once, again = (at_random(items, np.random.default_rng(seed)) for _ in range(2))
        assert once == again
        seen.add(tuple(item.sequence for item in once))
    assert len(seen) == 6


def test_stream_depends_on_seed_purpose_and_name_only() -> None:
    first = stream(1, "act", "a").random(3).tolist()
    assert first == stream(1, "act", "a").random(3).tolist()
    others = [stream(2, "act", "a"), stream(1, "market", "a"), stream(1, "act", "b")]
    assert all(first != other.random(3).tolist() for other in others)
