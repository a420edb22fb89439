"""GreekLedger on real bytecode: Greeks against mpmath, stress vector, staleness, life cycle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from mpmath import mp, mpf

from amm_sim.chain import Chain, Revert
from tests.contracts.ledger_world import (
    PRICING,
    SMILE,
    WAD,
    LedgerWorld,
    Reference,
    black,
    deploy_world,
    flat,
)

DAY = 86_400
STRIKES = (1400, 1600, 1800, 1900, 2000, 2100, 2200, 2600)
NODES = [(m, True) for m in (0.7, 0.85, 1, 1.15, 1.3)] + [(m, False) for m in (0.85, 1, 1.15)]
"""Spot multiple and whether vol is shocked up."""

World = Callable[..., tuple[LedgerWorld, int]]
Positions = dict[tuple[int, bool], mpf]


@pytest.fixture
def world(chain: Chain) -> World:
    def make(days: float = 30, impact: float = 1e6, vol: float = 0) -> tuple[LedgerWorld, int]:
        made = deploy_world(chain)
        expiry = chain.time + round(days * DAY)
        made.list(expiry, STRIKES, impact, flat(vol) if vol else SMILE)
        return made, expiry

    return make


def fill(made: LedgerWorld, expiry: int, rng: np.random.Generator, count: int = 10) -> Positions:
    """Books random calls and puts; returns the positions by (strike, is call)."""
    held: Positions = {}
    for _ in range(count):
        strike, is_call = int(rng.integers(len(STRIKES))), bool(rng.integers(2))
        size = round(float(rng.normal(0, 20)), 3)
        made.trade(made.step(expiry, strike, is_call, size))
        held[strike, is_call] = held.get((strike, is_call), mpf(0)) + mpf(str(size))
    return held


def expected(ref: Reference, held: Positions, u: mpf, spot: mpf, time: int) -> dict[str, mpf]:
    """The pool's Greeks and what it owes at a shift, option by option."""
    sums = dict.fromkeys(("liability", "delta", "gamma", "vega", "theta"), mpf(0))
    sums["liability"] = -ref.impact * u * u / 2
    for (strike, is_call), size in held.items():
        b = black(spot, ref.strikes[strike], ref.years(time), ref.vol(strike, u))
        sums["liability"] += size * b["call" if is_call else "put"]
        sums["delta"] -= size * (b["delta"] if is_call else b["delta"] - 1)
        for name in ("gamma", "vega", "theta"):
            sums[name] -= size * b[name]
    return sums


def assert_greeks(made: LedgerWorld, expiry: int, held: Positions, tolerance: float) -> None:
    book, ref = made.book(expiry), made.reference(expiry)
    time, spot = made.chain.time, mpf(made.spot) / WAD
    want = expected(ref, held, ref.shift(spot, time), spot, time)
    got = {"liability": book["liability"]} | book["greeks"]
    scales = {"liability": 1e4, "delta": 10, "gamma": 1, "vega": 1e4, "theta": 1e5}
    for name, scale in scales.items():
        assert abs(mpf(got[name]) / WAD - want[name]) <= tolerance * scale, name


def shocked(vol: mpf, up: bool, days: float) -> mpf:
    """protocol.md section 5."""
    days = max(days, 1.0)
    size = mpf(30 / mpf(days)) ** (mpf("0.30") if days < 30 else mpf("0.13"))
    if up:
        return max(vol, mpf("0.4")) * (1 + mpf("0.5") * size)
    return vol * (1 - mpf("0.3") * size)


def node_price(
    ref: Reference, strike: int, is_call: bool, node: int, u: mpf, spot: mpf, days: float
) -> mpf:
    multiple, up = NODES[node]
    vol = shocked(ref.vol(strike, u), up, days)
    b = black(spot * mpf(str(multiple)), ref.strikes[strike], mpf(days) / 365, vol)
    return b["call" if is_call else "put"]


# ------------------------------------------------------------------ Greeks


@pytest.mark.parametrize(("days", "seed"), [(1.5, 1), (30, 2), (200, 3)])
def test_greeks_after_trades_match_a_full_recomputation(
    world: World, days: float, seed: int
) -> None:
    made, expiry = world(days)
    held = fill(made, expiry, np.random.default_rng(seed))
    assert_greeks(made, expiry, held, 1e-9)


def test_greeks_after_refresh_match_a_full_recomputation(world: World) -> None:
    made, expiry = world()
    held = fill(made, expiry, np.random.default_rng(4))
    made.chain.advance(3 * DAY)
    made.set_spot(1873 * WAD)
    made.ledger.must("refresh", expiry)
    assert_greeks(made, expiry, held, 1e-9)


def test_long_call_of_a_trader_leaves_the_pool_short_everything(world: World) -> None:
    made, expiry = world()
    made.trade(made.step(expiry, 4, True, 10.0))
    greeks = made.book(expiry)["greeks"]
    assert greeks["delta"] < 0
    assert greeks["gamma"] < 0
    assert greeks["vega"] < 0
    assert greeks["theta"] > 0
    assert made.ledger.call("vegaOf", expiry) == greeks["vega"]


def test_net_positions_add_calls_and_puts_per_strike(world: World) -> None:
    made, expiry = world()
    held = fill(made, expiry, np.random.default_rng(5), 20)
    for i, net in enumerate(made.book(expiry)["net"]):
        both = held.get((i, True), mpf(0)) + held.get((i, False), mpf(0))
        assert net == mp.nint(both * WAD)


def test_liability_at_is_the_cost_function_elsewhere(world: World) -> None:
    made, expiry = world()
    held = fill(made, expiry, np.random.default_rng(6))
    ref, time = made.reference(expiry), made.chain.time
    for price in (1200, 1990, 3000):
        spot = mpf(price)
        want = expected(ref, held, ref.shift(spot, time), spot, time)["liability"]
        got = mpf(made.ledger.call("liabilityAt", price * WAD)) / WAD
        assert abs(got - want) <= 1e-9


def test_liability_rises_by_the_cost_of_a_trade(world: World) -> None:
    """Cash less C(q) does not change by a trade without a fee, but for the rounding up."""
    made, expiry = world()
    fill(made, expiry, np.random.default_rng(7))
    step = made.step(expiry, 3, False, -17.0)
    before = made.ledger.call("liabilityAt", made.spot)
    cost = made.would(step)[0]["cost"]
    made.trade(step)
    after = made.book(expiry)["liability"]
    assert -1e-6 * WAD <= after - before - cost <= 1e-3 * WAD


# ------------------------------------------------------------------ aggregate


def test_aggregate_right_after_refresh_is_the_sum_of_expiries(world: World) -> None:
    made, first = world()
    second = first + 30 * DAY
    made.list(second, STRIKES, 5e5)
    rng = np.random.default_rng(8)
    for expiry in (first, second):
        fill(made, expiry, rng, 5)
    made.ledger.must("refresh", first)
    made.ledger.must("refresh", second)
    total = made.ledger.call("aggregate", made.spot)
    books = [made.book(expiry) for expiry in (first, second)]
    for name in ("delta", "gamma", "vega", "theta"):
        assert total["greeks"][name] == sum(b["greeks"][name] for b in books)
    for i in range(8):
        assert total["nodes"][i] == sum(b["nodes"][i] for b in books)
    elapsed = [made.chain.time - b["refreshedAt"] for b in books]
    gap = abs(total["liability"] - sum(b["liability"] for b in books))
    assert gap <= 10**4 + max(elapsed) * 10**16
    assert total["stale"] == 0


@pytest.mark.parametrize("move", [-0.01, -0.003, 0.01])
def test_aggregate_moves_delta_and_liability_to_spot_and_time(world: World, move: float) -> None:
    made, expiry = world()
    held = fill(made, expiry, np.random.default_rng(9))
    made.chain.advance(600)
    total = made.ledger.call("aggregate", round(2000 * (1 + move)) * WAD)
    ref, time, spot = made.reference(expiry), made.chain.time, mpf(round(2000 * (1 + move)))
    u = mpf(made.book(expiry)["shift"]) / WAD
    want = expected(ref, held, u, spot, time)
    start = expected(ref, held, u, mpf(2000), time - 601)
    step = spot - 2000
    bend = abs(start["gamma"]) * step**2 / 2
    assert abs(mpf(total["liability"]) / WAD - want["liability"]) <= bend / 10 + mpf("0.1")
    turn = abs(start["gamma"] * step)
    assert abs(mpf(total["greeks"]["delta"]) / WAD - want["delta"]) <= turn / 10 + mpf("0.01")


def test_aggregate_names_the_first_stale_expiry(world: World) -> None:
    made, first = world()
    second = first + 30 * DAY
    made.list(second, STRIKES, 5e5)
    made.chain.advance(PRICING["greekMaxAge"] - 100)
    assert made.ledger.call("aggregate", made.spot)["stale"] == 0
    assert made.ledger.call("aggregate", made.spot * 1009 // 1000)["stale"] == 0
    assert made.ledger.call("aggregate", made.spot * 1011 // 1000)["stale"] == first
    made.chain.advance(200)
    assert made.ledger.call("aggregate", made.spot)["stale"] == first
    made.ledger.must("refresh", first)
    assert made.ledger.call("aggregate", made.spot)["stale"] == second
    made.ledger.must("refresh", second)
    assert made.ledger.call("aggregate", made.spot)["stale"] == 0


# ------------------------------------------------------------------ stress vector


@pytest.mark.parametrize("days", [0.5, 10, 90])
def test_nodes_are_the_books_value_at_the_shocked_states(world: World, days: float) -> None:
    made, expiry = world(days)
    held = fill(made, expiry, np.random.default_rng(10))
    made.ledger.must("refresh", expiry)
    book, ref = made.book(expiry), made.reference(expiry)
    u, left = mpf(book["shift"]) / WAD, (expiry - made.chain.time) / DAY
    for node in range(8):
        want = sum(
            size * node_price(ref, k, is_call, node, u, mpf(2000), left)
            for (k, is_call), size in held.items()
        )
        assert abs(mpf(book["nodes"][node]) / WAD - want) <= 1e-5


def owed_at(ref: Reference, held: Positions, days: float, spot: float, up: float) -> mpf:
    """At a state between the nodes: spot as a multiple, ``up`` from 0, vol down, to 1, vol up."""
    total = mpf(0)
    for (k, is_call), size in held.items():
        low, high = (shocked(ref.vol(k, mpf(0)), way, days) for way in (False, True))
        vol = low + mpf(up) * (high - low)
        b = black(2000 * mpf(str(spot)), ref.strikes[k], mpf(days) / 365, vol)
        total += size * b["call" if is_call else "put"]
    return total


TENT = {(0, True): mpf(30), (1, True): mpf(-60), (2, True): mpf(30)}
"""Over the middle of two nodes, as benchmarks/bench_stress.py finds it; traders' positions."""


def tent(chain: Chain, gap: str) -> tuple[LedgerWorld, int]:
    made = deploy_world(chain, stressGap=int(mpf(gap) * WAD))
    expiry = chain.time + DAY // 2
    made.list(expiry, (2000, 2150, 2300), 0, flat(0.4))
    steps = [made.step(expiry, *key, float(q), opening=False) for key, q in TENT.items()]
    made.trade(*steps)
    return made, expiry


@pytest.mark.parametrize(("gap", "covered"), [("0.0375", True), ("0", False)])
def test_worst_book_between_two_nodes_is_covered_by_the_gap_alone(
    chain: Chain, gap: str, covered: bool
) -> None:
    made, expiry = tent(chain, gap)
    book, ref = made.book(expiry), made.reference(expiry)
    days = (expiry - book["refreshedAt"]) / DAY
    most = max(mpf(node) / WAD for node in book["nodes"])
    assert (owed_at(ref, TENT, days, 1.075, 1) <= most) == covered
    # 60 contracts of which the pool is net long, each 0.0375 of spot dearer at every node
    for node, (multiple, up) in enumerate(NODES):
        bare = owed_at(ref, TENT, days, multiple, up)
        want = bare + 60 * 2000 * mpf(gap)
        assert abs(mpf(book["nodes"][node]) / WAD - want) <= 1e-5


def test_gap_makes_the_worst_node_bound_random_books_between_the_nodes(chain: Chain) -> None:
    """Sold strikes beside bought ones, spot over the whole range, vol over the inner one."""
    made, rng = deploy_world(chain, stressGap=WAD * 3 // 80), np.random.default_rng(8)
    for days, smile in ((0.5, flat(0.5)), (3, SMILE), (30, SMILE)):
        expiry = chain.time + round(days * DAY)
        made.list(expiry, STRIKES, 0, smile)
        held = fill(made, expiry, rng, 8)
        book, ref = made.book(expiry), made.reference(expiry)
        left = (expiry - book["refreshedAt"]) / DAY
        most = max(mpf(node) / WAD for node in book["nodes"])
        for _ in range(40):
            spot, up = float(rng.uniform(0.7, 1.3)), float(rng.uniform())
            up = up if 0.85 <= spot <= 1.15 else 1.0
            assert owed_at(ref, held, left, spot, up) <= most


def test_rebuild_finds_the_gaps_that_trades_left(chain: Chain) -> None:
    made, expiry = tent(chain, "0.0375")
    before = made.book(expiry)["nodes"]
    made.chain.set_time(made.book(expiry)["refreshedAt"] + 1)
    made.ledger.must("refresh", expiry)
    for old, new in zip(before, made.book(expiry)["nodes"], strict=True):
        assert abs(old - new) <= WAD // 10  # a second or two of time value


def test_open_and_close_across_zero_cancel_with_the_gap_to_the_wei(chain: Chain) -> None:
    made = deploy_world(chain, stressGap=WAD * 3 // 80)
    expiry = chain.time + 30 * DAY
    made.list(expiry, STRIKES, 1e6)
    before = made.book(expiry)["nodes"]
    for size in (13.377123, -20.0, -1.000001, 7.622878):
        made.trade(made.step(expiry, 2, True, size, opening=False))
    assert made.book(expiry)["nodes"] == before


def test_node_values_of_a_series_match_mpmath(world: World) -> None:
    made, expiry = world(10)
    made.trade(made.step(expiry, 4, True, 30.0))
    book, ref = made.book(expiry), made.reference(expiry)
    left = (expiry - book["refreshedAt"]) / DAY
    for is_call in (True, False):
        values = made.ledger.call("nodeValues", made.step(expiry, 1, is_call, 1.0)["id"])
        for node in range(8):
            want = node_price(ref, 1, is_call, node, mpf(0), mpf(2000), left)
            assert abs(mpf(values[node]) / WAD - want) <= 1e-9


def test_open_and_close_in_parts_cancel_in_the_stress_vector_to_the_wei(world: World) -> None:
    made, expiry = world()
    fill(made, expiry, np.random.default_rng(11))
    before = made.book(expiry)["nodes"]
    for is_call in (True, False):
        made.trade(made.step(expiry, 2, is_call, 13.377123))
        made.set_spot(2017 * WAD)
        for part in (-1.000001, -5.5, -6.877122):
            made.trade(made.step(expiry, 2, is_call, part, opening=False))
    assert made.book(expiry)["nodes"] == before


def test_stress_vector_after_trades_equals_a_rebuild_at_the_same_state(world: World) -> None:
    """G-1: without impact the states do not change, so a rebuild finds the same sums."""
    made, expiry = world(impact=0)
    made.chain.set_time(expiry - 20 * DAY)
    fill(made, expiry, np.random.default_rng(12), 12)
    book, ref = made.book(expiry), made.reference(expiry)
    left = (expiry - book["refreshedAt"]) / DAY
    total = sum(
        mpf(net) / WAD * node_price(ref, k, True, 0, mpf(0), mpf(2000), left)
        for k, net in enumerate(book["net"])
    )
    values = [
        made.ledger.call("nodeValues", made.step(expiry, k, True, 1.0)["id"])[0] for k in range(8)
    ]
    rebuilt = sum(net * value // WAD for net, value in zip(book["net"], values, strict=True))
    assert abs(total - mpf(rebuilt) / WAD) <= 1e-9


# ------------------------------------------------------------------ life cycle


def test_value_of_matches_mpmath_and_is_intrinsic_after_expiry(world: World) -> None:
    made, expiry = world()
    made.trade(made.step(expiry, 4, True, 50.0))
    series = made.step(expiry, 3, True, 1.0)["id"]
    seen = made.ledger.call("valueOf", series, 1950 * WAD)
    ref = made.reference(expiry)
    vol = ref.vol(3, mpf(made.book(expiry)["shift"]) / WAD)
    want = black(mpf(1950), mpf(1900), ref.years(made.chain.time), vol)
    assert abs(mpf(seen["iv"]) / WAD - vol) <= 1e-15
    for ours, theirs in (
        ("call", "call"),
        ("put", "put"),
        ("callDelta", "delta"),
        ("vega", "vega"),
    ):
        assert abs(mpf(seen["greeks"][ours]) / WAD - want[theirs]) <= 1e-12
    assert made.ledger.call("vols", expiry)["sigma"][3] == seen["iv"]
    made.chain.set_time(expiry)
    seen = made.ledger.call("valueOf", series, 1950 * WAD)
    assert seen["greeks"]["call"] == 50 * WAD
    assert seen["greeks"]["put"] == 0


def test_expired_book_is_worth_intrinsic_after_refresh(world: World) -> None:
    made, expiry = world()
    held = fill(made, expiry, np.random.default_rng(13))
    made.chain.set_time(expiry + 100)
    made.set_spot(1955 * WAD)
    made.ledger.must("refresh", expiry)
    book = made.book(expiry)
    want = sum(
        size * max((1955 - STRIKES[k]) * (1 if is_call else -1), 0)
        for (k, is_call), size in held.items()
    )
    assert abs(mpf(book["liability"]) / WAD - want) <= 1e-9
    assert book["shift"] == 0
    assert book["greeks"]["gamma"] == book["greeks"]["vega"] == book["greeks"]["theta"] == 0
    assert made.ledger.call("liabilityAt", 1955 * WAD) == book["liability"]


def test_remove_drops_the_expiry(world: World) -> None:
    made, first = world()
    second, third = first + DAY, first + 2 * DAY
    made.list(second, STRIKES, 1e6)
    made.list(third, STRIKES, 1e6)
    made.trade(made.step(first, 4, True, 1.0))
    made.driver.must("remove", made.ledger.address, first)
    assert sorted(made.ledger.call("expiries")) == [second, third]
    with pytest.raises(Revert, match="UnknownExpiry"):
        made.book(first)
    assert made.ledger.call("liabilityAt", made.spot) == 0


def test_list_refuses_bad_boards(world: World) -> None:
    made, first = world()
    for k in range(1, 8):
        made.list(first + k * DAY, STRIKES, 1e6)
    with pytest.raises(Revert, match="TooManyExpiries"):
        made.list(first + 9 * DAY, STRIKES, 1e6)
    made.driver.must("remove", made.ledger.address, first)
    with pytest.raises(Revert, match="AlreadyListed"):
        made.list(first + DAY, STRIKES, 1e6)
    with pytest.raises(Revert, match="TooManyStrikes"):
        made.list(first + 9 * DAY, range(1000, 2300, 100), 1e6)
    with pytest.raises(Revert, match="StrikesNotSorted"):
        made.list(first + 9 * DAY, (1800, 1800), 1e6)


def test_trade_refuses_strangers_and_unknown_series(world: World) -> None:
    made, expiry = world()
    step = made.step(expiry, 4, True, 1.0)
    with pytest.raises(Revert, match="OnlyMarket"):
        made.ledger.call("trade", step["id"], step["size"], step["spot"], True)
    with pytest.raises(Revert, match="UnknownSeries"):
        made.would(made.step(expiry, 8, True, 1.0))
    with pytest.raises(Revert, match="UnknownExpiry"):
        made.would(made.step(expiry + 1, 1, True, 1.0))
    with pytest.raises(Revert, match="PositionOverflow"):
        made.would(made.step(expiry, 1, True, 10**19))
