"""Agents that put one mechanism under pressure each: what they do, by hand-made worlds."""

import pytest

from amm_sim.agents import (
    Griefer,
    JustInTimeLP,
    LiquidationSandwich,
    Liquidator,
    OracleAttacker,
    PatientLiquidator,
    SettlementManipulator,
    TopUp,
)
from amm_sim.errors import ScenarioError
from amm_sim.types import (
    Bid,
    Deposit,
    EndAuction,
    LegView,
    Mode,
    PendingView,
    PokeOracle,
    PostPull,
    PostPush,
    RequestDeposit,
    RequestWithdrawal,
    SeriesKey,
    SettleExpiry,
    Trade,
)


def pending(ticket, order):
    return PendingView(ticket, order, 0.0)


# ------------------------------------------------------------------ griefer


def test_griefer_sells_the_least_once_and_never_again(world):
    agent = Griefer(name="g", capital=20.0)
    poor = world.account(balance=0.0, equity=0.0, wallet=20.0)
    assert agent.act(world.seen(own=poor), world.rng()) == [Deposit(20.0)]
    funded = world.account(balance=20.0, equity=20.0)
    (order,) = agent.act(world.seen(own=funded), world.rng())
    assert order.size == -0.01
    assert not SeriesKey.from_id(order.series).is_call
    sold = world.account(balance=20.0, legs=(LegView(order.series, -0.01),))
    assert agent.act(world.seen(own=sold), world.rng()) == []
    taken = world.account(balance=20.0, auction_nonce=1)
    assert agent.act(world.seen(own=taken), world.rng()) == []


# ------------------------------------------------------------------ just-in-time provider


def test_visitor_wraps_the_largest_trade_and_gives_back_what_is_left(world):
    agent = JustInTimeLP(name="v", capital=1000.0)
    trades = (pending(7, Trade(1, 3.0, 9.0)), pending(8, Trade(1, -5.0, 9.0)))
    seen = world.seen(own=world.account(wallet=5000.0))
    enter, leave = agent.act(_with(seen, trades), world.rng())
    assert (enter, enter.ahead_of) == (RequestDeposit(1000.0, ahead_of=8), 8)
    assert isinstance(leave, RequestWithdrawal)
    assert (leave.behind, leave.shares) == (8, pytest.approx(999.0))
    holding = world.seen(own=world.account(lp_shares=500.0, wallet=5000.0))
    assert agent.act(_with(holding, trades), world.rng()) == [RequestWithdrawal(500.0)]
    assert agent.act(_with(seen, (pending(7, Trade(1, 0.5, 9.0)),)), world.rng()) == []
    assert agent.act(_with(seen, (pending(7, PokeOracle()),)), world.rng()) == []


def _with(seen, mempool):
    from dataclasses import replace

    return replace(seen, mempool=mempool)


# ------------------------------------------------------------------ settlement manipulator


def test_manipulator_buys_pokes_and_offers_every_round(world):
    agent = SettlementManipulator(name="m", capital=10_000.0, before=600, tries=2)
    own = world.account(balance=10_000.0, equity=10_000.0)
    (bought,) = agent.act(world.seen(own=own), world.rng())
    key = SeriesKey.from_id(bought.series)
    assert bought.size > 0
    assert key.is_call
    assert key.expiry == min(e.expiry for e in world.pool().expiries)
    held = world.account(balance=5000.0, legs=(LegView(bought.series, bought.size),))
    early = world.seen(own=held, time=key.expiry - 601)
    assert agent.act(early, world.rng()) == []
    assert agent.act(world.seen(own=held, time=key.expiry - 60), world.rng()) == [PokeOracle()]
    late = agent.act(world.seen(own=held, time=key.expiry + 60), world.rng())
    assert late == [PokeOracle(), *(SettleExpiry(key.expiry, n) for n in (3, 4, 5, 6))]


# ------------------------------------------------------------------ oracle attacker


@pytest.mark.parametrize(("feed", "post"), [("pull", PostPull), ("push", PostPush)])
def test_attacker_lies_and_buys_what_the_lie_makes_cheap(world, feed, post):
    agent = OracleAttacker(name="a", feed=feed, begin=0.0, end=1.0, factor=0.99)
    (lie,) = agent.act(world.seen(), world.rng())  # the pool does not believe it yet
    assert isinstance(lie, post)
    assert lie.price == pytest.approx(198.0)
    fooled = world.seen(pool=world.pool(spot=198.0))
    _, trade = agent.act(fooled, world.rng())
    assert trade.size > 0
    assert SeriesKey.from_id(trade.series).is_call
    wary = world.seen(pool=world.pool(spot=198.0, mode=Mode.REDUCE_ONLY))
    assert len(agent.act(wary, world.rng())) == 1
    own = world.account(legs=(LegView(trade.series, trade.size),))
    (back,) = agent.act(world.seen(own=own, time=world.start + 3600), world.rng())
    assert back.size == -trade.size


@pytest.mark.parametrize("keys", [{"feed": "vol"}, {"begin": 2.0, "end": 1.0}])
def test_attacker_refuses_what_makes_no_sense(keys):
    with pytest.raises(ScenarioError):
        OracleAttacker(name="a", **keys)


# ------------------------------------------------------------------ last-second top-up


def test_late_user_adds_only_when_liquidation_is_near(world):
    agent = TopUp(name="t", trigger=1.1)
    legs = (LegView(world.series(7, 2, False), -5.0),)
    safe = world.account(
        equity=1200.0, initial_margin=1500.0, maintenance_margin=1000.0, legs=legs, wallet=900.0
    )
    pool = world.pool(mode=Mode.REDUCE_ONLY)  # no business: only rescues
    assert agent.act(world.seen(own=safe, pool=pool), world.rng()) == []
    near = world.account(
        equity=1050.0, initial_margin=1500.0, maintenance_margin=1000.0, legs=legs, wallet=900.0
    )
    assert agent.act(world.seen(own=near, pool=pool), world.rng()) == [Deposit(450.0)]
    hit = world.account(
        address="0xa",
        equity=950.0,
        initial_margin=1500.0,
        maintenance_margin=1000.0,
        legs=legs,
        wallet=200.0,
        auction_started=world.start,
    )
    orders = agent.act(world.seen(own=hit, pool=pool), world.rng())
    assert orders == [Deposit(200.0), EndAuction("0xa")]


# ------------------------------------------------------------------ liquidators


def sick(world, address, **changes):
    keys = {
        "equity": 900.0,
        "initial_margin": 1_500.0,
        "maintenance_margin": 1_000.0,
        "liquidatable": True,
        "auction_started": world.start,
        "legs": (LegView(world.series(7, 2, False), -50.0),),
    }
    return world.account(address=address, **{**keys, **changes})


def shorts(world, agent, age, own, *accounts):
    from dataclasses import replace

    pool = world.pool(time=world.start + age)
    return agent.act(replace(world.seen(pool=pool, own=own), shorts=accounts), world.rng())


def test_liquidators_capital_is_shared_by_its_bids(world):
    """2,000 at 80 %: one account's margin of 1,500, and a fifteenth of the next."""
    own = world.account(balance=2000.0, equity=2000.0)
    agent = Liquidator(name="l")
    first, second = shorts(world, agent, 900, own, sick(world, "0xb"), sick(world, "0xc"))
    assert isinstance(first, Bid)
    assert (first.fraction, second.fraction) == (1.0, pytest.approx(100 / 1500, abs=1e-4))


def test_patient_liquidator_waits_until_the_account_costs_next_to_nothing(world):
    """The price path is at 0.65 after 3,050 s."""
    own, agent = world.account(), PatientLiquidator(name="p", pay=0.65)
    account = sick(world, "0xb")
    assert shorts(world, agent, 3000, own, account) == []
    (order,) = shorts(world, agent, 3060, own, account)
    assert isinstance(order, Bid)
    assert shorts(world, Liquidator(name="l"), 3000, own, account) != []


def test_sandwicher_wraps_purchases_at_any_price_only(world):
    agent = LiquidationSandwich(name="s", largest=10.0)
    series = world.series(7, 2, False)
    forced = pending(4, Trade(series, 20.0, 20.0 * 250.0))
    guarded = pending(5, Trade(series, 30.0, 30.0 * 20.0))
    sale = pending(6, Trade(series, -40.0, 1e9))
    seen = _with(world.seen(), (guarded, forced, sale))
    buy, sell = agent.act(seen, world.rng())
    assert (buy.ahead_of, sell.behind) == (4, 4)
    assert buy.size == -sell.size > 0
    assert agent.act(_with(world.seen(), (guarded, sale)), world.rng()) == []
    left = world.account(legs=(LegView(series, 2.0),))
    (order,) = agent.act(_with(world.seen(own=left), (forced,)), world.rng())
    assert order.size == -2.0
