"""Room in blocks: who gets in, who waits, what it costs. Numbers worked by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from amm_sim.engine.actors import AGENT, Actor, Bid, address_of, stream
from amm_sim.engine.blockspace import EXPIRED, NO_PLACE, REPLACED, UNKNOWN_GAS, Blockspace, Rules
from amm_sim.engine.mempool import Pending
from amm_sim.errors import ScenarioError
from amm_sim.tables import build
from amm_sim.types import Order, Refresh, Trade
from tests.amm_sim.engine.test_mempool import Idle

START = 1_000_000


def actor(name: str, index: int, **bid: Any) -> Actor:
    rng = stream(1, "act", name)
    return Actor(Idle(name), "idle", AGENT, index, address_of(name), rng, Bid(**bid))


ANN, BOB, EVE = actor("ann", 0), actor("bob", 1), actor("eve", 2)


def sent(who: Actor, ticket: int, order: Order | None = None, tip: float = 0.0) -> Pending:
    return Pending(START, who, ticket, order or Order(), START, tip)


def space(builder: str = "priority", **rules: Any) -> Blockspace:
    return Blockspace(Rules(**rules), builder, START, np.random.default_rng(1))


def tickets(items: list[Pending]) -> list[int]:
    return [item.sequence for item in items]


def test_build_without_rules_takes_all_in_arrival_order_at_the_markets_price() -> None:
    room = space("arrival")
    plan = room.build(START, [sent(BOB, 1), sent(ANN, 2)], 3.0)
    assert (tickets(plan.included), plan.dropped, room.waiting) == ([1, 2], [], [])
    assert room.price(sent(ANN, 2, tip=0.5)) == 3.5


def test_build_over_the_gas_limit_the_rest_waits_for_the_next_block() -> None:
    room = space("arrival", gas_limit=2 * UNKNOWN_GAS)
    plan = room.build(START, [sent(ANN, 1), sent(BOB, 2), sent(EVE, 3)], 1.0)
    assert tickets(plan.included) == [1, 2]
    assert tickets(room.build(START + 60, [sent(ANN, 4)], 1.0).included) == [3, 4]


def test_build_order_that_does_not_fit_holds_back_its_senders_later_ones() -> None:
    room = space("priority", gas_limit=10**6)
    room.settle([(Refresh(1), 900_000), (Trade(1, 1.0, 1.0), 200_000)])
    first, big = sent(ANN, 1, Trade(1, 1.0, 1.0), tip=9), sent(BOB, 2, Refresh(1), tip=5)
    small = sent(BOB, 3, Trade(1, 1.0, 1.0), tip=5)
    assert tickets(room.build(START, [first, big, small], 1.0).included) == [1]
    assert tickets(room.waiting) == [2, 3]


def test_build_others_bid_more_until_the_tip_leaves_room() -> None:
    """Others want 2 blocks, tips exponential with mean 1: 2 exp(-x) + 0.3 = 1 at ln(2 / 0.7)."""
    edge = math.log(2 / 0.7)
    for tip, fits in ((edge - 0.01, False), (edge + 0.01, True)):
        room = space(gas_limit=10**6, others=((0.0, 2.0),))
        assert bool(room.build(START, [sent(ANN, 1, tip=tip)], 1.0).included) is fits


def test_build_without_base_fee_tips_are_all_that_is_paid() -> None:
    room = space(base_fee="none")
    room.build(START, [], 6.0)
    assert room.price(sent(ANN, 1, tip=2.5)) == 2.5


def test_build_first_come_first_served_shares_a_full_block_with_others() -> None:
    """Ours want 4 x 0.3, others 1.2: half of the block is ours, which is one order."""
    room = space("arrival", gas_limit=10**6, others=((0.0, 1.2),))
    items = [sent(actor(str(i), i), i + 1) for i in range(4)]
    assert tickets(room.build(START, items, 1.0).included) == [1]


def test_build_base_fee_above_what_a_sender_pays_waits_until_it_falls() -> None:
    thrifty = actor("thrifty", 5, tip=1.0, max_fee=2.5)
    room = space()
    item = sent(thrifty, 1, tip=1.0)
    assert room.build(START, [item], 2.6).included == []
    assert tickets(room.build(START + 60, [], 2.0).included) == [1]
    assert room.price(item) == 2.5  # its tip is cut to what is left of its limit


def test_build_expired_orders_are_dropped() -> None:
    room = space("arrival", expiry=120, outages=((0.0, 1.0),))
    room.build(START, [sent(ANN, 1)], 1.0)
    assert room.build(START + 120, [], 1.0).dropped == []
    dropped = room.build(START + 180, [], 1.0).dropped
    assert [(item.sequence, why) for item, why in dropped] == [(1, EXPIRED)]


def test_build_outage_empties_blocks_and_loses_nothing() -> None:
    room = space("arrival", outages=((0.0, 0.05),))
    assert room.build(START, [sent(ANN, 1)], 1.0).included == []
    assert room.build(START + 120, [sent(BOB, 2)], 1.0).included == []
    assert tickets(room.build(START + 180, [], 1.0).included) == [1, 2]


def test_build_replacement_outbids_its_own_waiting_like() -> None:
    keen = actor("keen", 3, replace=True, bump=0.5)
    room = space(outages=((0.0, 0.02),))
    room.build(START, [sent(keen, 1, Refresh(7), tip=2.0), sent(keen, 2, Refresh(8))], 1.0)
    plan = room.build(START + 60, [sent(keen, 3, Refresh(7), tip=1.0)], 1.0)
    assert [(item.sequence, why) for item, why in plan.dropped] == [(1, REPLACED)]
    assert [(item.sequence, item.tip) for item in room.waiting] == [(2, 0.0), (3, 3.0)]


def bundle(target: int, first: int, tip: float, who: Actor = EVE) -> list[Pending]:
    before, after = Trade(1, 1.0, 9.0, ahead_of=target), Trade(1, -1.0, 9.0, behind=target)
    return [sent(who, first, before, tip), sent(who, first + 1, after, tip)]


def test_build_bundle_stands_around_its_target() -> None:
    plan = space("bundles").build(START, [sent(ANN, 1), sent(BOB, 2), *bundle(2, 3, 0.0)], 1.0)
    assert tickets(plan.included) == [1, 3, 2, 4]


def test_build_best_paying_bundle_wins_and_the_other_has_no_place() -> None:
    items = [sent(ANN, 1), *bundle(1, 2, 1.0), *bundle(1, 4, 1.5, BOB)]
    plan = space("bundles").build(START, items, 1.0)
    assert tickets(plan.included) == [4, 1, 5]
    assert [(item.sequence, why) for item, why in plan.dropped] == [(2, NO_PLACE), (3, NO_PLACE)]


def test_build_bundle_without_target_builder_or_room_has_no_place() -> None:
    gone = space("bundles").build(START, bundle(9, 3, 0.0), 1.0)
    assert (gone.included, len(gone.dropped)) == ([], 2)
    unsold = space("priority").build(START, [sent(ANN, 1), *bundle(1, 3, 9.0)], 1.0)
    assert (tickets(unsold.included), len(unsold.dropped)) == ([1], 2)
    tight = space("bundles", gas_limit=2 * UNKNOWN_GAS)
    plan = tight.build(START, [sent(ANN, 1), *bundle(1, 3, 9.0)], 1.0)
    assert (tickets(plan.included), len(plan.dropped)) == ([1], 2)


@pytest.mark.parametrize(("used", "base"), [(1_000_000, 1.125), (500_000, 1.0), (0, 0.875)])
def test_settle_eip1559_base_fee_moves_an_eighth_between_empty_and_full(
    used: int, base: float
) -> None:
    room = space(gas_limit=10**6, base_fee="eip1559")
    room.build(START, [], 1.0)
    room.settle([(Order(), used)] if used else [])
    room.build(START + 60, [], 7.0)
    assert room.base == pytest.approx(base, rel=1e-12)


def test_settle_elastic_others_end_where_half_the_block_is_wanted() -> None:
    """2 / base = 1 / 2: the base fee goes to 4."""
    room = space(gas_limit=10**6, base_fee="eip1559", others=((0.0, 2.0),), elasticity=1.0)
    for block in range(120):
        room.build(START + 60 * block, [], 1.0)
        room.settle([])
    assert room.base == pytest.approx(4.0, rel=1e-6)


@pytest.mark.parametrize(
    ("table", "path"),
    [
        ({"gas_limt": 1}, "mempool.gas_limt"),
        ({"base_fee": "free"}, "mempool.base_fee"),
        ({"base_fee": "eip1559"}, "mempool.gas_limit"),
        ({"gas_limit": 1, "others": [[2, 1], [1, 1]]}, "mempool.others"),
        ({"outages": [[2, 1]]}, "mempool.outages"),
        ({"gas_limit": -1}, "mempool.gas_limit"),
    ],
)
def test_rules_bad_input_is_named_in_one_line(table: dict[str, Any], path: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        build(Rules, table, "mempool")
    assert raised.value.path == path
    assert "\n" not in str(raised.value)


def test_rules_default_is_unlimited() -> None:
    assert dataclasses.asdict(Rules())["gas_limit"] == 0
