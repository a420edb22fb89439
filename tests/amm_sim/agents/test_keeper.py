from dataclasses import replace

import numpy as np

from amm_sim.agents import Keeper
from amm_sim.types import (
    Hedge,
    Mode,
    Outcome,
    PokeBreaker,
    PokeOracle,
    ProcessQueue,
    Refresh,
    SettleExpiry,
    Status,
    Sweep,
    SyncHedge,
    TouchAccount,
)


def act(world, now=60, keeper=None, **changes):
    fields = {k: changes.pop(k) for k in ("shorts", "outcomes") if k in changes}
    pool = world.pool(**{"time": world.start + now, **changes})
    seen = world.seen(pool=pool, time=world.start + now, **fields)
    return (keeper or Keeper(name="k")).act(seen, world.rng())


def test_keeper_pokes_at_every_wake_up_and_serves_the_rest_on_schedule(world):
    assert act(world) == [PokeOracle()]
    kinds = [type(o) for o in act(world, now=0)]
    assert kinds == [PokeOracle, PokeBreaker, SyncHedge, ProcessQueue]


def test_keeper_hedges_when_due_unless_frozen(world):
    assert Hedge() in act(world, hedge_due=True)
    assert Hedge() in act(world, hedge_due=True, mode=Mode.REDUCE_ONLY)
    assert Hedge() not in act(world, hedge_due=True, mode=Mode.FROZEN)


def test_keeper_has_the_venue_read_after_a_refusal_of_a_hedge_that_is_due(world):
    """The preview knows the live position, the refusal went by the stored one."""
    refused = Outcome(Hedge(), Status.REFUSED, 1, world.start, 0, error="NothingToHedge")
    orders = act(world, hedge_due=True, outcomes=(refused,))
    assert orders.index(SyncHedge()) < orders.index(Hedge())
    assert SyncHedge() not in act(world, hedge_due=True)
    assert SyncHedge() not in act(world, hedge_due=False, outcomes=(refused,))


def test_keeper_refreshes_stale_and_old_expiries(world):
    near, far = world.pool().expiries
    assert Refresh(far.expiry) in act(world, stale_expiry=far.expiry)
    old = [o for o in act(world, now=600) if isinstance(o, Refresh)]
    assert old == [Refresh(near.expiry), Refresh(far.expiry)]


def test_keeper_settles_with_the_round_after_expiry_and_sweeps(world):
    expiry = world.expiry(1.0)
    after = 86_400 + 60
    late = {"now": after, "expiries": (expiry,), "push_round": 9}
    assert SettleExpiry(expiry.expiry, 9) not in act(world, **late, push_time=expiry.expiry - 10)
    assert SettleExpiry(expiry.expiry, 9) in act(world, **late, push_time=expiry.expiry + 30)
    settled = replace(expiry, settlement=190.0)
    assert Sweep(expiry.expiry, 10) in act(world, now=after, expiries=(settled,))
    paying = replace(settled, swept=True)
    assert Sweep(expiry.expiry, 10) in act(world, now=after, expiries=(paying,))


def test_keeper_walks_back_from_a_round_that_was_too_late(world):
    expiry = world.expiry(1.0)
    refused = Outcome(SettleExpiry(expiry.expiry, 9), Status.REFUSED, 5, 0, 0, "WrongRound")
    orders = act(
        world,
        now=86_400 + 120,
        expiries=(expiry,),
        push_round=10,
        push_time=expiry.expiry + 90,
        outcomes=(refused,),
    )
    assert SettleExpiry(expiry.expiry, 8) in orders


def test_keeper_settles_without_a_round_once_the_feed_is_silent(world):
    expiry = world.expiry(1.0)
    keys = {"expiries": (expiry,), "push_round": 9, "push_time": expiry.expiry - 10}
    assert SettleExpiry(expiry.expiry, 9) in act(world, now=86_400 + 7_260, **keys)


def test_keeper_touches_accounts_that_owe_more_than_they_hold(world):
    shorts = (world.account(address="0xb", equity=-5.0), world.account(address="0xc", equity=5.0))
    orders = act(world, now=300, shorts=shorts)
    assert [o for o in orders if isinstance(o, TouchAccount)] == [TouchAccount("0xb")]


def test_keeper_misses_as_often_as_its_success_says(world):
    keeper = Keeper(name="k", success=0.3)
    rng = np.random.default_rng(1)
    awake = sum(bool(keeper.act(world.seen(), rng)) for _ in range(5000))
    assert abs(awake / 5000 - 0.3) < 4.5 * np.sqrt(0.21 / 5000)
