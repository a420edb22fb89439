"""Signs, limits and restraint of those who trade."""

import math
from dataclasses import replace

import pytest

from amm_sim.agents import AGENTS, ShortSeller, Sniper, VolTrader
from amm_sim.agents.quotes import find, margin_of_short
from amm_sim.errors import ScenarioError
from amm_sim.types import Deposit, DepositUnderlying, LegView, Mode, SeriesKey, Trade


def key(order):
    return SeriesKey.from_id(order.series)


# sniper


@pytest.mark.parametrize(("spot", "is_call"), [(206.0, True), (194.0, False)])
def test_sniper_buys_calls_when_truth_is_above_and_puts_when_below(world, spot, is_call):
    (order,) = Sniper(name="s").act(world.seen(truth=world.truth(spot=spot)), world.rng())
    assert isinstance(order, Trade)
    assert order.size > 0
    assert key(order).is_call == is_call


def test_sniper_rests_while_the_gap_is_below_its_costs(world):
    sniper = Sniper(name="s")
    assert sniper.act(world.seen(truth=world.truth(spot=200.2)), world.rng()) == []
    assert sniper.act(world.seen(truth=world.truth(spot=200.5)), world.rng()) == []
    eager = Sniper(name="s", profit=0.1)
    assert eager.act(world.seen(truth=world.truth(spot=200.5)), world.rng()) != []


def test_sniper_closes_once_the_oracle_has_caught_up(world):
    leg = LegView(world.series(7, 2, True), 12.0)
    own = world.account(legs=(leg,))
    (order,) = Sniper(name="s").act(world.seen(own=own), world.rng())
    assert (order.series, order.size) == (leg.series, -12.0)


def test_sniper_respects_the_pool_limit_on_delta_per_block(world):
    pool = world.pool(nav=10_000.0)
    (order,) = Sniper(name="s").act(
        world.seen(pool=pool, truth=world.truth(spot=206.0)), world.rng()
    )
    assert abs(find(pool, order.series).delta) * order.size * 200.0 <= 0.02 * 10_000


def test_sniper_stays_within_its_balance(world):
    own = world.account(balance=100.0)
    (order,) = Sniper(name="s").act(world.seen(own=own, truth=world.truth(spot=206.0)), world.rng())
    assert find(world.pool(), order.series).cash(order.size) <= 100.0


@pytest.mark.parametrize("mode", [Mode.REDUCE_ONLY, Mode.FROZEN, Mode.WIND_DOWN])
def test_sniper_opens_in_normal_mode_only(world, mode):
    seen = world.seen(pool=world.pool(mode=mode), truth=world.truth(spot=206.0))
    assert Sniper(name="s").act(seen, world.rng()) == []


# volatility trader


@pytest.mark.parametrize(("vol", "sign"), [(1.1, 1), (0.55, -1)])
def test_vol_trader_trades_toward_the_outside_volatility(world, vol, sign):
    (order,) = VolTrader(name="v").act(world.seen(truth=world.truth(vol=vol)), world.rng())
    assert math.copysign(1, order.size) == sign


def test_vol_trader_rests_when_the_gap_is_below_its_costs(world):
    assert (
        VolTrader(name="v", margin=0.1).act(world.seen(truth=world.truth(vol=0.85)), world.rng())
        == []
    )


def test_vol_trader_trades_less_where_trades_move_the_pool_more(world):
    sizes = []
    for impact in (1e6, 1e4, 0.0):
        pool = world.pool(expiries=(world.expiry(7.0, impact=impact),))
        seen = world.seen(pool=pool, truth=world.truth(vol=1.0))
        (order,) = VolTrader(name="v", largest=1e4).act(seen, world.rng())
        sizes.append(order.size)
    assert sizes[1] < sizes[0] <= sizes[2]


def test_vol_trader_sells_no_more_than_its_margin_carries(world):
    own = world.account(balance=1000.0, equity=1000.0)
    (order,) = VolTrader(name="v").act(world.seen(own=own, truth=world.truth(vol=0.5)), world.rng())
    quote = find(world.pool(), order.series)
    assert -order.size * margin_of_short(quote, 200.0) <= 800.0 + 1e-6


# short seller


def test_short_seller_sells_puts_until_its_margin_is_thin(world):
    seller = ShortSeller(name="p", capital=100_000.0)
    own = world.account(balance=50_000.0, equity=50_000.0)
    (order,) = seller.act(world.seen(own=own), world.rng())
    assert order.size < 0
    assert not key(order).is_call
    bound = -order.size * margin_of_short(find(world.pool(), order.series), 200.0)
    assert 0.3 * 50_000 <= bound <= 0.5 * 50_000
    full = world.account(balance=50_000.0, equity=50_000.0, initial_margin=47_600.0)
    assert seller.act(world.seen(own=full), world.rng()) == []


def test_short_seller_adds_nothing_to_a_losing_account(world):
    leg = LegView(world.series(1, 2, False), -100.0)
    own = world.account(
        balance=5_000.0, equity=500.0, initial_margin=4_000.0, legs=(leg,), wallet=50_000.0
    )
    assert ShortSeller(name="p").act(world.seen(own=own), world.rng()) == []


def test_short_seller_comes_back_after_a_liquidation(world):
    own = world.account(balance=0.0, equity=0.0, wallet=50_000.0)
    assert ShortSeller(name="p").act(world.seen(own=own), world.rng()) == [Deposit(50_000.0)]


def test_short_seller_knows_its_sides():
    with pytest.raises(ScenarioError, match="side"):
        ShortSeller(name="p", side="puts")


def test_short_seller_posts_underlying_and_sells_against_what_it_counts_for(world):
    seller = ShortSeller(name="c", side="call", collateral="underlying", underlying=50.0)
    fresh = world.account(balance=0.0, equity=0.0, underlying_wallet=50.0)
    assert seller.act(world.seen(own=fresh), world.rng()) == [DepositUnderlying(25.0)]
    posted = world.account(balance=0.0, equity=4_000.0, credit=4_000.0, units=25.0)
    (order,) = seller.act(world.seen(own=posted), world.rng())
    assert -25.0 <= order.size < -15.0  # its equity alone would carry more
    assert key(order).is_call
    sold = LegView(order.series, -25.0)
    assert seller.act(world.seen(own=replace(posted, legs=(sold,))), world.rng()) == []
    with pytest.raises(ScenarioError, match="collateral"):
        ShortSeller(name="c", collateral="gold")
    with pytest.raises(ScenarioError, match="underlying"):
        ShortSeller(name="c", collateral="underlying")


# all of them


@pytest.mark.parametrize("kind", ["vol_trader", "sniper", "short_seller", "liquidator"])
def test_trader_funds_itself_first(world, kind):
    own = world.account(balance=0.0, equity=0.0, wallet=1e9)
    agent = AGENTS[kind](name="a", capital=1234.0)
    (order,) = agent.act(world.seen(own=own), world.rng())
    assert isinstance(order, Deposit)
    assert 0 < order.amount <= 1234.0


@pytest.mark.parametrize("kind", ["vol_trader", "sniper", "short_seller", "liquidator"])
def test_trader_without_money_does_nothing(world, kind):
    own = world.account(balance=0.0, equity=0.0, wallet=0.0)
    seen = world.seen(own=own, truth=world.truth(spot=220.0, vol=1.5))
    for seed in range(50):
        assert AGENTS[kind](name="a").act(seen, world.rng(seed)) == []


@pytest.mark.parametrize("kind", sorted(set(AGENTS) - {"retail"}))
def test_agent_is_a_function_of_what_it_sees_and_its_draws(world, kind):
    agent = AGENTS[kind](name="a", capital=10_000.0)
    seen = world.seen(truth=world.truth(spot=204.0, vol=1.0))
    runs = [[repr(agent.act(seen, rng)) for _ in range(40)] for rng in (world.rng(5), world.rng(5))]
    assert runs[0] == runs[1]


@pytest.mark.parametrize("kind", sorted(AGENTS))
@pytest.mark.parametrize(("key", "value"), [("cadence", 0), ("latency", -1), ("capital", math.nan)])
def test_bad_key_of_any_agent_is_named(kind, key, value):
    with pytest.raises(ScenarioError, match=key):
        AGENTS[kind](**{"name": "a", key: value})


def test_sniper_closes_while_a_feed_lives(world):
    own = world.account(legs=(LegView(world.series(7, 2, True), 12.0),))
    for confidence, count in ((0.1, 1), (0.0, 0)):
        pool = world.pool(mode=Mode.FROZEN, oracle_confidence=confidence)
        assert len(Sniper(name="s").act(world.seen(own=own, pool=pool), world.rng())) == count
