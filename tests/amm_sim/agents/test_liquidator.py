import pytest

from amm_sim.agents import Liquidator
from amm_sim.types import (
    Bid,
    BuyUnderlying,
    CloseInsolvent,
    EndAuction,
    LegView,
    Mode,
    StartAuction,
)


def sick(world, **changes):
    keys = {
        "address": "0xb",
        "balance": 3_000.0,
        "equity": 900.0,
        "initial_margin": 1_500.0,
        "maintenance_margin": 1_000.0,
        "liquidatable": True,
        "legs": (LegView(world.series(7, 2, False), -50.0),),
    }
    return world.account(**{**keys, **changes})


def act(world, *accounts, now=0, own=None, **changes):
    pool = world.pool(time=world.start + now, **changes)
    seen = world.seen(shorts=accounts, pool=pool, own=own or world.account())
    return Liquidator(name="l").act(seen, world.rng())


def test_liquidator_starts_the_auction_of_a_sick_account_only(world):
    healthy = sick(world, address="0xc", equity=2_000.0, liquidatable=False)
    assert act(world, healthy, sick(world)) == [StartAuction("0xb")]


def test_liquidator_never_treats_itself(world):
    assert act(world, sick(world, address="0xa")) == []


def test_liquidator_bids_once_the_price_has_fallen_far_enough(world):
    """Gain at price d: 900 (1 - d) 0.6 against 2 % of 1,500: needs d <= 1 - 30 / 540 = 0.944."""
    account = sick(world, auction_started=world.start, auction_nonce=3)
    assert act(world, account, now=60) == []
    (order,) = act(world, account, now=300)
    assert isinstance(order, Bid)
    assert (order.account, order.fraction, order.nonce) == ("0xb", 1.0, 3)
    assert order.limit == pytest.approx(900.0 * 0.90 * 1.05)


def test_liquidator_discount_follows_the_auction(world):
    account = sick(world, auction_started=world.start)
    prices = [
        Liquidator.discount(account, world.pool(time=world.start + t))
        for t in (0, 150, 300, 1950, 3600, 9999)
    ]
    assert prices == pytest.approx([0.98, 0.94, 0.90, 0.75, 0.60, 0.60])


def test_liquidator_bids_for_what_its_capital_carries(world):
    account = sick(world, auction_started=world.start)
    (order,) = act(world, account, now=600, own=world.account(balance=750.0, equity=750.0))
    assert order.fraction == pytest.approx(0.4)
    assert act(world, account, now=600, own=world.account(balance=10.0, equity=10.0)) == []


def test_liquidator_turns_a_hopeless_auction_insolvent(world):
    started = {"auction_started": world.start}
    assert act(world, sick(world, equity=-5.0, **started), now=60) == [StartAuction("0xb")]
    assert act(world, sick(world, equity=49.0, **started), now=60) == [StartAuction("0xb")]
    assert act(world, sick(world, equity=51.0, **started), now=60) == []


def test_liquidator_bids_for_a_bounty_that_pays_and_closes_at_the_end(world):
    """Bounty lifts equity toward maintenance: -500 + 1,500 t / 1,800 pays beyond 30 from t = 636
    on."""
    account = sick(world, equity=-500.0, auction_started=world.start, auction_insolvent=True)
    assert act(world, account, now=600) == []
    (order,) = act(world, account, now=660)
    assert isinstance(order, Bid)
    assert order.limit <= 0.0
    assert act(world, account, now=1800) == [CloseInsolvent("0xb")]


def test_liquidator_does_not_trust_an_empty_fund(world):
    account = sick(world, equity=-500.0, auction_started=world.start, auction_insolvent=True)
    assert act(world, account, now=1700, insurance=100.0) == []


def test_liquidator_ends_the_auction_of_a_healthy_account(world):
    account = sick(world, equity=1_600.0, liquidatable=False, auction_started=world.start)
    assert act(world, account, now=60) == [EndAuction("0xb")]


def test_liquidator_closes_what_it_took(world):
    leg = LegView(world.series(7, 2, False), -20.0)
    (order,) = act(world, own=world.account(legs=(leg,)))
    assert (order.series, order.size) == (leg.series, 20.0)
    assert order.limit > 20.0 * 5.0


def test_liquidator_rests_only_without_any_live_feed(world):
    assert act(world, sick(world), mode=Mode.FROZEN, oracle_confidence=0.0) == []
    assert act(world, sick(world), mode=Mode.FROZEN) == [StartAuction("0xb")]
    assert act(world, sick(world), mode=Mode.REDUCE_ONLY) == [StartAuction("0xb")]


def test_liquidator_pays_for_underlying_in_full(world):
    """Equity 900 counts 10 units at 160: to a bidder they are worth 199.9 each at the low price."""
    account = sick(world, auction_started=world.start, units=10.0, credit=1_600.0)
    (order,) = act(world, account, now=300)
    assert order.limit == pytest.approx((900.0 - 1_600.0 + 1_999.0) * 0.90 * 1.05)


def test_liquidator_buys_the_pools_underlying_once_it_is_cheap(world):
    assert act(world, stock=5.0, stock_price=197.0) == []
    assert act(world, stock=5.0, stock_price=0.0) == []
    assert act(world, stock=5.0, stock_price=196.0) == [BuyUnderlying(5.0, 196.0)]
    poor = world.account(balance=245.0, equity=245.0)
    (order,) = act(world, stock=5.0, stock_price=196.0, own=poor)
    assert order.amount == pytest.approx(0.8 * 245 / 196)
