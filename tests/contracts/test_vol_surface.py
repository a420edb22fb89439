"""VolSurface and Svi on real bytecode: vols, speed limit, static arbitrage, reduce-only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mpmath import mp, mpf

from amm_sim.chain import Chain, Revert
from tests.contracts.ledger_world import PRICING, SMILE, WAD, LedgerWorld, deploy_world, flat, wad

DAY = 86_400
STRIKES = (1400, 1600, 1800, 2000, 2200, 2600)
UNIT = 10**10
"""Anchors are stored in 1e-8 vol."""

World = Callable[..., tuple[LedgerWorld, int]]


@pytest.fixture
def world(chain: Chain) -> World:
    """A world with one expiry in 30 days; keywords: the slice and pricing parameters."""

    def make(smile: dict[str, float] = SMILE, **changes: int) -> tuple[LedgerWorld, int]:
        made = deploy_world(chain, **changes)
        expiry = chain.time + 30 * DAY
        made.list(expiry, STRIKES, 1e6, smile)
        return made, expiry

    return make


def svi_vol(smile: dict[str, float], strike: float, spot: float = 2000) -> mpf:
    k = mp.log(mpf(strike) / spot)
    x = k - mpf(str(smile["m"]))
    root = mp.sqrt(x * x + mpf(str(smile["sigma"])) ** 2)
    variance = mpf(str(smile["a"])) + mpf(str(smile["b"])) * (mpf(str(smile["rho"])) * x + root)
    return mp.sqrt(variance)


def anchors(world: LedgerWorld, expiry: int) -> list[int]:
    vols: list[int] = world.surface.call("anchors", expiry)["vols"]
    return vols


def test_list_takes_the_feeds_slice_at_once(world: World) -> None:
    made, expiry = world()
    seen = made.surface.call("anchors", expiry)
    for strike, vol, weight in zip(STRIKES, seen["vols"], seen["weights"], strict=True):
        k = mp.log(mpf(strike) / 2000)
        assert abs(vol - svi_vol(SMILE, strike) * WAD) <= UNIT
        assert abs(weight - WAD / (1 + (k / mpf("0.6")) ** 2)) <= 10**9 + 10


def test_list_of_a_slice_whose_bottom_is_not_at_the_money(world: World) -> None:
    smile = SMILE | {"m": 0.15}
    made, expiry = world(smile)
    for strike, vol in zip(STRIKES, anchors(made, expiry), strict=True):
        assert abs(vol - svi_vol(smile, strike) * WAD) <= UNIT


def test_status_is_open_where_a_sharp_bend_makes_up_for_nothing_else(world: World) -> None:
    """Density near the bottom of a bend of 8 in variance a unit of k squared is far above zero."""
    made, _ = world()
    expiry = made.chain.time + 365 * DAY
    bend = {"a": 0.16, "b": 0.4, "rho": 0.0, "m": 0.0, "sigma": 0.05}
    made.list(expiry, (2000, 2100), 1e6, bend)
    assert made.surface.call("status", expiry)["open"]


@pytest.mark.parametrize(
    ("name", "within", "beyond"),
    [
        ("a", 100, 100.01),
        ("b", 100, 100.01),
        ("sigma", 100, 100.01),
        ("sigma", 0.0001, 0.00009),
        ("rho", -1, -1.001),
        ("rho", 1, 1.001),
        ("m", 10, 10.01),
        ("m", -10, -10.01),
    ],
)
def test_list_refuses_a_slice_that_cannot_be_computed_with(
    world: World, name: str, within: float, beyond: float
) -> None:
    made, _ = world()
    later = made.chain.time + 60 * DAY
    with pytest.raises(Revert, match="BadSlice"):
        made.list(later, STRIKES, 1e6, SMILE | {name: beyond})
    made.list(later, STRIKES, 1e6, SMILE | {name: within})


def test_packed_words_hold_anchor_and_weight_of_each_strike(world: World) -> None:
    made, expiry = world()
    seen, words = made.surface.call("anchors", expiry), made.surface.call("packed", expiry)
    for i, (vol, weight) in enumerate(zip(seen["vols"], seen["weights"], strict=True)):
        lane = words[i // 4] >> 64 * (i % 4)
        assert (lane & 0xFFFFFFFF) * UNIT == vol
        assert (lane >> 32 & 0xFFFFFFFF) * 10**9 == weight


@pytest.mark.parametrize("target", [0.3, 0.9])
def test_update_moves_no_faster_than_the_speed_limit(world: World, target: float) -> None:
    made, expiry = world(flat(0.6))
    listed = made.chain.time
    made.post_slice(expiry, flat(target))
    made.chain.advance(1799)
    made.set_spot(made.spot)
    made.surface.must("update", expiry)
    step = PRICING["anchorSpeed"] * (made.chain.time - listed) / 3600
    slack = 2 * UNIT + PRICING["anchorSpeed"] / 3600
    for vol in anchors(made, expiry):
        assert abs(abs(vol - 0.6 * WAD) - step) <= slack
        assert (vol > 0.6 * WAD) is (target > 0.6)
    gap = made.surface.call("status", expiry)["gap"]
    assert abs(gap - (0.3 * WAD - step)) <= slack


@pytest.mark.parametrize("target", [0.3, 0.9])
def test_update_reaches_the_feed_in_time_from_both_sides(world: World, target: float) -> None:
    made, expiry = world(flat(0.6))
    made.post_slice(expiry, flat(target))
    made.chain.advance(round(0.3 / 0.08 * 3600) + 60)
    made.set_spot(made.spot)
    made.surface.must("update", expiry)
    assert all(abs(vol - wad(target)) <= UNIT for vol in anchors(made, expiry))
    assert made.surface.call("status", expiry)["gap"] == 0


def test_update_in_steps_goes_no_further_than_one_update(world: World) -> None:
    made, expiry = world(flat(0.6))
    made.post_slice(expiry, flat(2.0))
    start = made.chain.time - 1
    for _ in range(5):
        made.chain.advance(100)
        made.surface.must("update", expiry)
    limit = 0.6 * WAD + PRICING["anchorSpeed"] * (made.chain.time - start) / 3600
    assert all(vol <= limit + UNIT for vol in anchors(made, expiry))


def test_anchors_follow_at_once_when_the_speed_is_off(world: World) -> None:
    made, expiry = world(flat(0.6), anchorSpeed=0)
    made.post_slice(expiry, flat(1.9))
    made.surface.must("update", expiry)
    assert all(abs(vol - wad(1.9)) <= UNIT for vol in anchors(made, expiry))


def test_anchors_are_clamped_to_their_range(world: World) -> None:
    made, expiry = world(flat(0.01), minVol=WAD // 5, maxVol=2 * WAD, anchorSpeed=0)
    assert set(anchors(made, expiry)) == {WAD // 5}
    made.post_slice(expiry, flat(9))
    made.surface.must("update", expiry)
    assert set(anchors(made, expiry)) == {2 * WAD}


def test_status_is_reduce_only_while_the_gap_is_large(world: World) -> None:
    made, expiry = world(flat(0.6))
    assert made.surface.call("status", expiry)["open"]
    made.post_slice(expiry, flat(0.7), confidence=0.4)
    made.surface.must("update", expiry)
    seen = made.surface.call("status", expiry)
    assert not seen["open"]
    assert seen["confidence"] == wad(0.4)
    made.chain.advance(3600)
    made.set_spot(made.spot)
    made.surface.must("update", expiry)
    assert made.surface.call("status", expiry)["open"]


def test_status_is_reduce_only_when_the_feed_is_old(world: World) -> None:
    made, expiry = world()
    made.chain.advance(PRICING["volMaxAge"] - 10)
    assert made.surface.call("status", expiry)["open"]
    made.chain.advance(60)
    made.set_spot(made.spot)
    made.surface.must("update", expiry)
    assert not made.surface.call("status", expiry)["open"]


def test_status_is_reduce_only_under_a_butterfly(world: World) -> None:
    """Gatheral and Jacquier (2014), example 3.1: Vogt's slice, negative density at k near 0.8."""
    made, _ = world()
    expiry = made.chain.time + 365 * DAY
    vogt = {"a": -0.0410, "b": 0.1331, "rho": 0.3060, "m": 0.3586, "sigma": 0.4153}
    made.list(expiry, (1000, 2000, 4400), 1e6, vogt)
    assert not made.surface.call("status", expiry)["open"]
    steep = {"a": 0.01, "b": 1.5, "rho": 0.5, "m": 0.0, "sigma": 0.1}
    past_lee = made.chain.time + 364 * DAY  # its wing rises by 2.25 a unit of k, Lee's bound is 2
    made.list(past_lee, (1000, 2000, 4400), 1e6, steep)
    assert not made.surface.call("status", past_lee)["open"]
    far = made.chain.time + 363 * DAY  # the same wing where total variance is large
    made.list(far, (2000, 20_000), 1e6, steep)
    assert not made.surface.call("status", far)["open"]
    other = made.chain.time + 366 * DAY
    made.list(other, (1000, 2000, 4400), 1e6, flat(1.5))
    assert made.surface.call("status", other)["open"]


@pytest.mark.parametrize(("vol", "is_open"), [(0.45, True), (0.39, False)])
def test_status_is_reduce_only_when_total_variance_falls_with_time(
    world: World, vol: float, is_open: bool
) -> None:
    """60 % for 30 days is 0.0296 of variance; for 60 days that is 42.4 %."""
    made, _ = world(flat(0.6))
    later = made.chain.time + 60 * DAY
    made.list(later, STRIKES, 1e6, flat(vol))
    assert made.surface.call("status", later)["open"] is is_open


def test_update_after_expiry_keeps_the_anchors(world: World) -> None:
    made, expiry = world()
    before = anchors(made, expiry)
    made.post_slice(expiry, flat(2))
    made.chain.set_time(expiry + 1)
    made.surface.must("update", expiry)
    assert anchors(made, expiry) == before


def test_update_without_any_price_is_refused(world: World) -> None:
    made, expiry = world()
    made.chain.advance(DAY)
    with pytest.raises(Revert, match="NoPrice"):
        made.surface.call("update", expiry)


def test_list_and_update_refuse_what_they_do_not_know(world: World) -> None:
    made, expiry = world()
    with pytest.raises(Revert, match="OnlyMarket"):
        made.surface.call("list", expiry + 1, [WAD])
    for action in ("update", "anchors"):
        with pytest.raises(Revert, match="UnknownExpiry"):
            made.surface.call(action, expiry + 1)
    with pytest.raises(Revert, match="NoVolFeed"):
        made.driver.call("list", made.surface.address, made.ledger.address, expiry + 1, [WAD], WAD)
