import pytest

from amm_sim.agents import FlightyLP, LoyalLP
from amm_sim.types import (
    Mode,
    RequestDeposit,
    RequestJuniorDeposit,
    RequestJuniorWithdrawal,
    RequestWithdrawal,
)


@pytest.mark.parametrize("kind", [LoyalLP, FlightyLP])
def test_lp_joins_early_with_its_capital_and_only_then(world, kind):
    own = world.account(balance=0.0, wallet=50_000.0)
    lp = kind(name="lp", capital=50_000.0)
    assert lp.act(world.seen(own=own), world.rng()) == [RequestDeposit(50_000.0)]
    assert lp.act(world.seen(own=own, time=world.start + 8000), world.rng()) == []
    assert lp.act(world.seen(own=world.account(wallet=0.0)), world.rng()) == []


BAD_NEWS = [
    {"senior_price": 0.96},
    {"mode": Mode.REDUCE_ONLY},
    {"free_liquidity": 100_000.0},
    {"nav": -1.0},
]


@pytest.mark.parametrize("news", BAD_NEWS)
def test_flighty_lp_flees_from_bad_news_and_the_loyal_one_stays(world, news):
    own = world.account(lp_shares=49_000.123456789)
    seen = world.seen(own=own, pool=world.pool(**news), time=world.start + 90_000)
    (order,) = FlightyLP(name="lp").act(seen, world.rng())
    assert isinstance(order, RequestWithdrawal)
    assert 0 <= own.lp_shares - order.shares < 1e-3
    assert LoyalLP(name="lp").act(seen, world.rng()) == []


def test_flighty_lp_asks_once_and_stays_in_calm(world):
    bad = world.pool(senior_price=0.9)
    seen = world.seen(own=world.account(lp_shares=0.0), pool=bad, time=world.start + 90_000)
    assert FlightyLP(name="lp").act(seen, world.rng()) == []
    calm = world.seen(own=world.account(lp_shares=100.0), time=world.start + 90_000)
    assert FlightyLP(name="lp").act(calm, world.rng()) == []


def test_fearless_flighty_lp_ignores_the_mode(world):
    own = world.account(lp_shares=100.0)
    seen = world.seen(own=own, pool=world.pool(mode=Mode.FROZEN), time=world.start + 90_000)
    assert FlightyLP(name="lp", afraid=False).act(seen, world.rng()) == []


@pytest.mark.parametrize("kind", [LoyalLP, FlightyLP])
def test_junior_lp_joins_the_class_that_loses_first(world, kind):
    own = world.account(balance=0.0, wallet=50_000.0)
    lp = kind(name="lp", capital=50_000.0, junior=True)
    assert lp.act(world.seen(own=own), world.rng()) == [RequestJuniorDeposit(50_000.0)]


def test_flighty_junior_looks_at_its_own_price_and_redeems_its_own_shares(world):
    own = world.account(lp_shares=10.0, junior_shares=5_000.0)
    late = world.start + 90_000
    lp = FlightyLP(name="lp", junior=True)
    fine = world.seen(own=own, pool=world.pool(senior_price=0.9), time=late)
    assert lp.act(fine, world.rng()) == []
    bad = world.seen(own=own, pool=world.pool(junior_price=0.9), time=late)
    assert lp.act(bad, world.rng()) == [RequestJuniorWithdrawal(5_000.0)]
