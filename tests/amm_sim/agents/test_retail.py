"""Retail traders: what they ask for, what they know, and that a population is so many of them."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from amm_sim.agents import Retail
from amm_sim.agents.quotes import find, margin_of_short
from amm_sim.types import Deposit, LegView, Mode, Outcome, SeriesKey, Status, Trade


def key(order):
    return SeriesKey.from_id(order.series)


class Crowd:
    """A population whose members know their accounts, driven slot by slot."""

    def __init__(self, world, agent, count=1, own=None):
        self.world, self.agent, self.rng = world, agent, world.rng(3)
        self.traders = type(agent).population([agent] * count)
        assert list(self.traders.draw(1, self.rng)) == list(range(count))
        for member in range(count):
            seen = world.seen(own=own or world.account())
            assert self.traders.act(member, seen) == []

    def orders(self, slots, together=1, **changes):
        """Of every member in so many slots."""
        seen = self.world.seen(own=None, **changes)
        for _ in range(slots):
            for member in self.traders.draw(together, self.rng):
                for order in self.traders.act(member, seen):
                    yield member, order


def of_one(world, agent, slots=4000, own=None, **changes):
    return [order for _, order in Crowd(world, agent, 1, own).orders(slots, **changes)]


def test_retail_trades_both_sides_at_its_rate(world):
    """Counts are binomial or Poisson: 4.5 standard errors; twice the rate is refuted."""
    agent = Retail(name="r", rate=2.0, cadence=300, buys=0.7, calls=0.4)
    orders = of_one(world, agent)
    expected = 4000 * 2.0 * 300 / 3600
    assert abs(len(orders) - expected) < 4.5 * math.sqrt(expected)
    assert abs(len(orders) - 2 * expected) > 4.5 * math.sqrt(2 * expected)
    for share, flags in (
        (0.7, [o.size > 0 for o in orders]),
        (0.4, [key(o).is_call for o in orders]),
    ):
        error = math.sqrt(share * (1 - share) / len(orders))
        assert abs(sum(flags) / len(orders) - share) < 4.5 * error
    assert {key(o).expiry for o in orders} == {e.expiry for e in world.pool().expiries}
    assert max(abs(o.size) for o in orders) <= agent.largest


def test_retail_closes_each_leg_at_its_rate(world):
    legs = (LegView(world.series(7, 2, True), 2.0), LegView(world.series(7, 1, False), -3.0))
    agent = Retail(name="r", rate=0.0, close_rate=0.3, cadence=300)
    orders = of_one(world, agent, own=world.account(legs=legs))
    expected = 2 * 4000 * -math.expm1(-0.3 / 12)
    assert abs(len(orders) - expected) < 4.5 * math.sqrt(expected)
    assert abs(len(orders) - 2 * expected) > 4.5 * math.sqrt(2 * expected)
    assert {(o.series, o.size) for o in orders} == {(legs[0].series, -2.0), (legs[1].series, 3.0)}


def test_retail_with_all_its_legs_trades_only_those(world):
    legs = (LegView(world.series(7, 2, True), 2.0),)
    agent = Retail(name="r", rate=2.0, close_rate=0.0, legs=1)
    orders = of_one(world, agent, own=world.account(legs=legs))
    assert {o.series for o in orders} == {legs[0].series}


def test_retail_waits_outside_normal_mode(world):
    agent = Retail(name="r", rate=20.0)
    assert of_one(world, agent, 50, pool=world.pool(mode=Mode.REDUCE_ONLY)) == []


def test_retail_closes_while_a_feed_lives(world):
    own = world.account(legs=(LegView(world.series(7, 2, True), 12.0),))
    agent = Retail(name="r", rate=0.0, close_rate=1e3)
    for confidence, count in ((0.1, 1), (0.0, 0)):
        pool = world.pool(mode=Mode.FROZEN, oracle_confidence=confidence)
        assert len(of_one(world, agent, 1, own=own, pool=pool)) == count


def test_sizes_and_limits_carry_nine_digits(world):
    for order in of_one(world, Retail(name="r", rate=30.0), 200):
        assert float(f"{order.limit:.8e}") == order.limit
        assert round(order.size * 1000) == pytest.approx(order.size * 1000, abs=1e-9)


@pytest.mark.parametrize("buys", [0.0, 1.0])
def test_retail_binds_no_more_than_its_share_of_what_is_free(world, buys):
    """2,000 of balance, half of which a short of 10 puts binds; 60 % of the rest may be used."""
    leg = LegView(world.series(7, 1, False), -10.0)
    quote = find(world.pool(), leg.series)
    balance = 10.0 * margin_of_short(quote, 200.0) * 2.0
    own = world.account(balance=balance, equity=balance, legs=(leg,))
    agent = Retail(name="r", rate=30.0, close_rate=0.0, buys=buys, size=1e9, largest=1e9)
    free = balance - 10.0 * quote.value - 10.0 * margin_of_short(quote, 200.0)
    orders = of_one(world, agent, 50, own=own)
    assert len(orders) > 50
    for order in orders:
        traded = find(world.pool(), order.series)
        bound = traded.value + traded.fee if buys else margin_of_short(traded, 200.0)
        assert 0.6 * free - 0.001 * bound <= abs(order.size) * bound <= 0.6 * free + 1e-6


# what it knows


def test_trader_funds_itself_first_and_knows_what_it_has_paid_in(world):
    agent = Retail(name="r", capital=1234.0, rate=1e4)
    traders, rng = Retail.population([agent]), world.rng()
    assert list(traders.draw(1, rng)) == [0]
    assert traders.unsure(0)
    empty = world.account(balance=0.0, equity=0.0, wallet=1e9)
    (order,) = traders.act(0, world.seen(own=empty))
    assert order == Deposit(1234.0)
    assert not traders.unsure(0)
    traders.draw(1, rng)
    filled = Outcome(order, Status.FILLED, 1, 1, 1)
    trades = traders.act(0, world.seen(own=None, outcomes=(filled,)))
    assert trades
    assert all(isinstance(trade, Trade) for trade in trades)


def test_trader_whose_deposit_was_refused_looks_again_and_pays_in_again(world):
    traders, rng = Retail.population([Retail(name="r", rate=1e4)]), world.rng()
    traders.draw(1, rng)
    empty = world.account(balance=0.0, equity=0.0, wallet=1e9)
    (order,) = traders.act(0, world.seen(own=empty))
    traders.draw(1, rng)
    refused = Outcome(order, Status.REFUSED, 1, 1, 1, "Paused")
    assert traders.act(0, world.seen(own=None, outcomes=(refused,))) == []
    assert traders.unsure(0)
    assert traders.act(0, world.seen(own=empty)) == [order]


def test_trader_without_money_does_nothing(world):
    own = world.account(balance=0.0, equity=0.0, wallet=0.0)
    assert of_one(world, Retail(name="r", rate=100.0), 50, own=own) == []


def test_trader_knows_its_legs_and_balance_from_its_trades(world):
    crowd = Crowd(world, Retail(name="r", rate=0.0, close_rate=1e3), 1)
    series = world.series(7, 2, True)

    def traded(size, cash):
        event = {"event": "Traded", "id": series, "size": size, "result": {"cash": cash}}
        return Outcome(Trade(series, size, 0.0), Status.FILLED, 1, 1, 1, events=(event,))

    crowd.traders.act(0, world.seen(own=None, outcomes=(traded(3.0, 40.0), traded(-1.0, -10.0))))
    ((_, order),) = crowd.orders(1)
    assert (order.series, order.size) == (series, -2.0)
    assert crowd.traders._balances[0] == 100_000.0 - 30.0
    crowd.traders.act(0, world.seen(own=None, outcomes=(traded(-2.0, -25.0),)))
    assert list(crowd.orders(1)) == []


def test_trader_whose_account_somebody_changed_looks_before_it_acts(world):
    crowd = Crowd(world, Retail(name="r"), 3)
    crowd.traders.forget(1)
    assert [crowd.traders.unsure(member) for member in range(3)] == [False, True, False]
    crowd.traders.draw(1, crowd.rng)
    crowd.traders.act(1, world.seen())
    assert not crowd.traders.unsure(1)


# a population is so many traders


AGENT = Retail(name="r", rate=1.5, close_rate=0.6, legs=3, cadence=300)
MEMBERS, SLOTS = 40, 600


def alone(rng):
    """One trader by the rules: each slot a Poisson number of openings, each leg by its own coin."""
    openings = rng.poisson(AGENT.rate * 300 / 3600, SLOTS)
    closings = rng.random((SLOTS, 2)) < -math.expm1(-AGENT.close_rate * 300 / 3600)
    return openings, closings.sum(axis=1)


def drawn(world, together=1):
    """Openings and closings by member and slot, each with two legs that nobody takes away."""
    legs = (LegView(world.series(7, 2, True), 2.0), LegView(world.series(7, 1, False), -3.0))
    crowd = Crowd(world, AGENT, MEMBERS, world.account(legs=legs))
    closes = {(leg.series, -leg.size) for leg in legs}
    counts = np.zeros((2, MEMBERS, SLOTS // together))
    seen = world.seen(own=None)
    for slot in range(SLOTS // together):
        for member in crowd.traders.draw(together, crowd.rng):
            for order in crowd.traders.act(member, seen):
                counts[int((order.series, order.size) in closes), member, slot] += 1
    return counts


def test_population_is_so_many_independent_traders_in_law(world):
    """Against traders drawn one by one: counts in a slot, spread over members, independence.

    Chi-square tests at 1e-5 each; twice the rate, or events that favour a few, are refuted.
    """
    openings, closings = drawn(world)
    rng = world.rng(8)
    singles = [alone(rng) for _ in range(MEMBERS)]
    for many, few in ((openings, [s[0] for s in singles]), (closings, [s[1] for s in singles])):
        assert same_law(many.ravel(), np.array(few).ravel()) > 1e-5
        assert same_law(many.ravel(), 2 * np.array(few).ravel()) < 1e-5
    mean = AGENT.rate * 300 / 3600 * SLOTS
    spread = ((openings.sum(axis=1) - mean) ** 2).sum() / mean
    assert stats.chi2.cdf(spread, MEMBERS) > 1e-5
    assert stats.chi2.sf(spread, MEMBERS) > 1e-5
    assert stats.chi2.sf(((2 * openings.sum(axis=1) - mean) ** 2).sum() / mean, MEMBERS) < 1e-5
    links = np.corrcoef(openings)[np.triu_indices(MEMBERS, 1)]
    assert abs(links).max() < 5.5 / math.sqrt(SLOTS)


def same_law(one, other):
    """Chi-square test of two samples of small counts, tails joined."""
    most = max(1, int(np.quantile(np.concatenate([one, other]), 0.999)))
    table = [[Counter(np.minimum(s, most))[k] for k in range(most + 1)] for s in (one, other)]
    return stats.chi2_contingency(np.array(table)[:, np.sum(table, axis=0) > 0]).pvalue


def test_slots_that_come_together_bring_what_each_would(world):
    """Openings add up; a leg is closed once, by the chance that any of the slots closes it."""
    openings, closings = drawn(world, together=5)
    expected = AGENT.rate * 300 / 3600 * SLOTS * MEMBERS
    assert abs(openings.sum() - expected) < 4.5 * math.sqrt(expected)
    chance = -math.expm1(-AGENT.close_rate * 5 * 300 / 3600)
    trials = 2 * MEMBERS * SLOTS / 5
    assert abs(closings.sum() - trials * chance) < 4.5 * math.sqrt(trials * chance)


def test_population_wakes_those_alone_to_whom_something_comes_up(world):
    """Ten thousand who do little: a slot wakes as many as something comes up for."""
    traders = Retail.population([Retail(name="r", rate=0.02, close_rate=0.0)] * 10_000)
    rng = world.rng()
    assert len(traders.draw(1, rng)) == 10_000
    woken = [len(traders.draw(1, rng)) for _ in range(200)]
    expected = 200 * 10_000 * 0.02 / 12
    assert abs(sum(woken) - expected) < 4.5 * math.sqrt(expected)
