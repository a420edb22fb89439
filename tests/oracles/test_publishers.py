"""Publishers: when they post, what, how late; troubles by key."""

import math
from dataclasses import replace

import numpy as np
import pytest

from amm_sim.errors import ScenarioError
from amm_sim.types import (
    ExpiryView,
    Mode,
    PoolView,
    PostPull,
    PostPush,
    PostVenue,
    PostVol,
    Seen,
    Truth,
)
from oracles import PUBLISHERS, Pull, Push, Venue, Vol, opening

START = 1_583_971_200
YEAR = 31_536_000


def expiry(days, settlement=0.0):
    empty = np.array([])
    return ExpiryView(
        START + int(days * 86_400), 0, 0, True, START, settlement, False, empty, empty, empty
    )


def see(now=0, spot=200.0, pushed=200.0, pushed_at=START - 60, expiries=(), **truth):
    time = START + now
    names = [name for name, spec in PoolView.__dataclass_fields__.items() if spec.init]
    plain = dict.fromkeys(names, 0.0) | {
        "time": time,
        "mode": Mode.NORMAL,
        "expiries": tuple(expiries),
        "push_price": pushed,
        "push_time": pushed_at,
        "fees": {},
        "auction": {},
    }
    world = replace(Truth(time, spot, spot * 1.001, 0.9, 0.8), **truth)
    return Seen(time, PoolView(**plain), None, (), world, (), START)


def post(publisher, seed=0, **seen):
    return publisher.act(see(**seen), np.random.default_rng(seed))


# ------------------------------------------------------------------------------------------ push


def test_push_posts_on_deviation_only():
    push = Push(name="push", deviation=0.005)
    assert post(push, spot=200.9) == []
    assert post(push, spot=201.1) == [PostPush(201.1, START + push.latency)]
    assert post(push, spot=198.9) == [PostPush(198.9, START + push.latency)]


def test_push_posts_on_heartbeat_in_time():
    push = Push(name="push", heartbeat=3600, cadence=60)
    assert post(push, pushed_at=START - 3500) == []
    assert post(push, pushed_at=START - 3540) == [PostPush(200.0, START + 2)]


def test_push_posts_a_first_round():
    assert len(post(Push(name="push"), pushed=0.0, pushed_at=0)) == 1


def test_push_stamps_arrival_or_observation():
    late = {"congestion_lag": 120.0, "deviation": 0.001}
    (arrival,) = post(Push(name="push", **late), spot=201.0, congestion=6.0)
    (observed,) = post(Push(name="push", stamp="observed", **late), spot=201.0, congestion=6.0)
    assert (arrival.delay, arrival.time) == (600, START + 602)
    assert (observed.delay, observed.time) == (600, START)


def test_push_stays_within_its_deviation_of_the_truth():
    """Over a path, whatever it posts is followed by a gap below the threshold at its wake-ups."""
    rng = np.random.default_rng(3)
    spots = 200 * np.exp(np.cumsum(0.002 * rng.standard_normal(2000)))
    push, last, at, gaps, rounds = Push(name="push", deviation=0.005), 200.0, START, [], 0
    for index, spot in enumerate(spots):
        now = 60 * index
        for order in post(push, now=now, spot=float(spot), pushed=last, pushed_at=at):
            last, at, rounds = order.price, order.time, rounds + 1
        gaps.append(abs(spot / last - 1))
    assert max(gaps) < 0.005 + 1e-6
    assert 2000 * 0.002**2 / 0.005**2 < 4 * rounds < 40 * 2000 * 0.002**2 / 0.005**2


# ------------------------------------------------------------------------------------------ pull


def test_pull_states_a_confidence_from_realised_volatility():
    pull = Pull(name="pull", floor=0.0005, width=2.0, horizon=30)
    (calm,) = post(pull, realised=0.1)
    assert calm == PostPull(200.0, 0.1, START)
    (storm,) = post(pull, realised=5.0)
    assert storm.confidence == pytest.approx(200 * 2.0 * 5.0 * math.sqrt(30 / YEAR), rel=1e-8)


# ------------------------------------------------------------------------------------------ vol and
# venue


def test_vol_posts_each_live_expiry_as_the_outside_sees_it():
    boards = (expiry(0.005), expiry(1), expiry(7), expiry(2, settlement=190.0))
    orders = post(Vol(name="vol"), expiries=boards, vol=0.9)
    assert [o.expiry for o in orders] == [boards[1].expiry, boards[2].expiry]
    for order, days in zip(orders, (1, 7), strict=True):
        assert isinstance(order, PostVol)
        root = math.sqrt(order.m**2 + order.sigma**2)
        variance = order.a + order.b * (-order.rho * order.m + root)
        years, tau = days / 365, 20 / 365
        forward = 0.75**2 * years + (0.9**2 - 0.75**2) * tau * (1 - math.exp(-years / tau))
        assert variance * years == pytest.approx(forward, rel=1e-7)


def test_vol_is_less_sure_in_a_storm():
    board = (expiry(7),)
    vol = Vol(name="vol", confidence=0.9, calm=1.2)
    assert post(vol, expiries=board, vol=1.0)[0].confidence == pytest.approx(0.9)
    assert post(vol, expiries=board, vol=2.4)[0].confidence == pytest.approx(0.45)


def test_venue_posts_its_own_price_depth_and_state():
    (order,) = post(Venue(name="venue"), depth=0.3, venue_open=False)
    assert order == PostVenue(200.2, 0.3, False)


# ------------------------------------------------------------------------------------------
# troubles


@pytest.mark.parametrize("kind", sorted(PUBLISHERS))
def test_frozen_publisher_posts_nothing_in_its_window(kind):
    publisher = PUBLISHERS[kind](name="p", frozen=((1.0, 2.0),))
    board = (expiry(7),)
    keys = {"pushed": 100.0, "expiries": board}
    assert post(publisher, now=3599, **keys)
    assert post(publisher, now=3600, **keys) == []
    assert post(publisher, now=7199, **keys) == []
    assert post(publisher, now=7200, **keys)


@pytest.mark.parametrize("kind", sorted(PUBLISHERS))
def test_lagged_publisher_holds_its_posts_back(kind):
    publisher = PUBLISHERS[kind](name="p", lagged=((0.0, 1.0, 900.0),), congestion_lag=60.0)
    keys = {"pushed": 100.0, "expiries": (expiry(7),), "congestion": 3.0}
    assert {o.delay for o in post(publisher, **keys)} == {1020}
    assert {o.delay for o in post(publisher, now=3600, **keys)} == {120}


def test_manipulated_feed_is_off_by_its_factor():
    push = Push(name="push", manipulated=((0.0, 1.0, 1.2),))
    (order,) = post(push)
    assert order.price == pytest.approx(240.0)
    assert post(push, now=3600, pushed_at=START + 3500) == []


def test_noise_has_its_standard_deviation():
    pull = Pull(name="pull", noise=0.001)
    errors = np.log([post(pull, seed=s)[0].price / 200.0 for s in range(4000)])
    error = 0.001 / math.sqrt(2 * 4000)
    assert abs(errors.std() - 0.001) < 4.5 * error
    assert abs(errors.std() - 0.0012) > 4.5 * error


def test_publisher_draws_the_same_whether_or_not_it_posts():
    draws = []
    for frozen in ((), ((0.0, 9.0),)):
        rng = np.random.default_rng(1)
        publisher = Push(name="push", frozen=frozen)
        for _ in range(5):
            publisher.act(see(spot=220.0), rng)
        draws.append(rng.random())
    assert draws[0] == draws[1]


def test_honest_publishers_post_nine_digits():
    (order,) = post(Push(name="push"), spot=123.45678901234)
    assert order.price == 123.456789


# ------------------------------------------------------------------------------------------
# opening, bad keys


def test_opening_posts_every_feed_once():
    truth = Truth(START, 200.0, 200.1, 0.8, 0.8)
    orders = opening(truth, [START + 86_400, START + 7 * 86_400])
    assert [type(o) for o in orders] == [PostPush, PostPull, PostVenue, PostVol, PostVol]
    assert orders[0] == PostPush(200.0, START)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("push", {"deviation": 0.0}),
        ("push", {"deviation": math.nan}),
        ("push", {"heartbeat": 10}),
        ("push", {"stamp": "never"}),
        ("push", {"cadence": 0}),
        ("push", {"noise": -1.0}),
        ("push", {"frozen": ((2.0, 1.0),)}),
        ("pull", {"lagged": ((0.0, 1.0),)}),
        ("pull", {"floor": -0.1}),
        ("vol", {"confidence": 1.1}),
        ("venue", {"manipulated": ((0.0, 1.0, math.inf),)}),
    ],
)
def test_bad_key_is_named(kind, keys):
    with pytest.raises(ScenarioError, match=r"oracles\.p"):
        PUBLISHERS[kind](name="p", **keys)
