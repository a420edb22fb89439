"""MarginEngine against two independent references: the rules in float, and in mpmath by account."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.chain.client import GAS, Revert
from amm_sim.types import series_id
from amm_sim.units import to_wad
from tests.contracts.margin_reference import Leg, exposures, intrinsic, margins
from tests.contracts.pool_world import BASE, WAD, Pool, build

Users = Callable[[int], str]

YEAR = 365 * 86_400
STRIKES = [1200.0, 1600.0, 1800.0, 2000.0, 2200.0, 2600.0, 3500.0]
LIVES = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}
MARGIN = {key: float(value) for key, value in scenario.load_protocol(BASE)["margin"].items()}
KEYS = ("mark", "initialMargin", "bufferMargin", "maintenanceMargin")
WITH_CREDIT = (*KEYS, "credit")
BATCH = 250


def reference(legs: Sequence[Leg], spot: float) -> list[float]:
    """(mark, initial, buffer, maintenance) of an account in floats."""
    return list(margins([legs], [spot], MARGIN)[0][:4])


# ------------------------------------------------------------------ the chain


@dataclass
class Boards:
    """A pool with one board of strikes per life; vols as the ledger states them."""

    pool: Pool
    expiries: list[int]
    vols: dict[int, list[int]]
    now: int

    def leg(
        self, expiry: int, strike: int, is_call: bool, size: float
    ) -> tuple[dict[str, int], Leg]:
        """A leg as the contract and as the reference takes it."""
        left = (expiry - self.now) / YEAR
        vol = self.vols[expiry][strike] / WAD
        packed = {"id": series_id(expiry, strike, is_call), "size": round(size * 10**6) * 10**12}
        return packed, Leg(expiry, left, STRIKES[strike], vol, is_call, round(size * 10**6) / 10**6)

    def margin(
        self, legs: Sequence[dict[str, int]], spot: float, units: float = 0.0
    ) -> list[float]:
        """(mark, initial, buffer, maintenance) on chain."""
        view = self.pool.view("margin", "marginFor", legs, 0, to_wad(units), to_wad(spot))
        return [view[key] / WAD for key in KEYS]


@pytest.fixture
def boards(chain: Chain, user: Users) -> Boards:
    pool = build(chain, {"vault.depositDelay": 0, "market.maxDelta": 0})
    pool.fund(user(1), user(2))
    pool.deposit(user(1), 5_000_000)
    expiries = [
        pool.list(days, STRIKES, vol)
        for days, vol in zip(LIVES.values(), (1.6, 0.9, 0.35, 0.8, 0.7), strict=True)
    ]
    pool.must(user(2), "market", "deposit", 200_000 * WAD)
    pool.trade(user(2), expiries[2], 3, True, 20)  # a shift: vols differ by strike
    chain.advance(1)  # what is asked for touches goes by the vols before a block's trades
    vols = {e: pool.view("ledger", "vols", e)["sigma"] for e in expiries}
    return Boards(pool, expiries, vols, chain.time)


def random_account(boards: Boards, rng: np.random.Generator) -> tuple[list[Any], list[Leg]]:
    """One to eight different legs, often in one expiry (spreads), sizes from dust to large."""
    count = int(rng.integers(1, 9))
    pool = boards.expiries if rng.random() < 0.4 else [int(rng.choice(boards.expiries))]
    seen: dict[int, tuple[dict[str, int], Leg]] = {}
    while len(seen) < count:
        size = float(rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-2, 2))
        expiry, strike = int(rng.choice(pool)), int(rng.integers(len(STRIKES)))
        packed, leg = boards.leg(expiry, strike, bool(rng.integers(2)), size)
        seen[packed["id"]] = (packed, leg)
    return [p for p, _ in seen.values()], [leg for _, leg in seen.values()]


def batched(boards: Boards, function: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Many views of the margin engine in few requests."""
    chain, address = boards.pool.chain, boards.pool.deployment.addresses["margin"]
    packed = chain.function("MarginEngine", function)
    requests = [
        (
            "eth_call",
            [{"to": address, "data": "0x" + packed.pack(*c).hex(), "gas": hex(GAS)}, "latest"],
        )
        for c in calls
    ]
    answers: list[str] = []
    for begin in range(0, len(requests), BATCH):
        answers += chain.rpc.strict(requests[begin : begin + BATCH])
    return [packed.unpack(bytes.fromhex(answer[2:])) for answer in answers]


# ------------------------------------------------------------------ tests


def sized(legs: Sequence[Leg], spot: float) -> float:
    """What rounding is measured against: the legs at the largest price in any state."""
    return sum(abs(leg.size) * max(spot * 1.6, leg.strike) for leg in legs)


def test_margin_of_ten_thousand_random_accounts_agrees_with_the_reference(boards: Boards) -> None:
    """Spreads, several expiries, an hour to a year; and never below intrinsic (M-3)."""
    rng = np.random.default_rng(5)
    accounts = [random_account(boards, rng) for _ in range(10_000)]
    spots = [2000 * math.exp(x) for x in rng.normal(0, 0.25, len(accounts))]
    calls = [(legs, 0, 0, to_wad(spot)) for (legs, _), spot in zip(accounts, spots, strict=True)]
    views = batched(boards, "marginFor", calls)
    got = np.array([[view[key] for key in KEYS] for view in views]) / WAD
    legs = [leg for _, leg in accounts]
    wanted = margins(legs, spots, MARGIN)[:, :4]
    scale = np.array([sized(each, spot) for each, spot in zip(legs, spots, strict=True)])
    slack = 1e-9 * np.abs(wanted) + 1e-11 * scale[:, None]
    assert (np.abs(got - wanted) <= slack).all()
    assert all(view["equity"] == -view["mark"] for view in views)
    short = np.array([any(leg.size < 0 for leg in each) for each in legs])
    covered = got[:, 0] + got[:, 3] - intrinsic(legs, spots)
    assert (covered[short] >= -1e-11 * scale[short]).all()
    soon = [any(leg.left < 2 / 8760 and leg.size < 0 for leg in each) for each in legs]
    spread = [len(each) > 1 and len({leg.expiry for leg in each}) == 1 for each in legs]
    assert min(sum(soon), sum(spread)) > 1000


def worked(legs: Sequence[Leg], spot: float, units: float = 0.0) -> list[float]:
    """The rules once more, account by account in 30 digits, from the written specification.

    (mark, initial, buffer, maintenance, credit); underlying covers calls sold net in full, nearest
    expiry first, and what is left stands less the haircut behind the nearest expiry.
    """
    p = {key: mpf(str(value)) for key, value in scenario.load_protocol(BASE)["margin"].items()}
    expiries = sorted({leg.expiry for leg in legs})
    groups = {e: [leg for leg in legs if leg.expiry == e] for e in expiries}
    left, cover = mpf(units), {}
    for expiry, group in groups.items():
        calls = -sum(mpf(leg.size) for leg in group if leg.is_call)
        cover[expiry] = min(left, max(calls, mpf(0)))
        left -= cover[expiry]
    cover[expiries[0]] += left * (1 - p["haircut"])
    total = [mpf(0)] * 5
    for expiry, group in groups.items():
        found = worked_group(group, mpf(spot), p, cover[expiry])
        total = [a + b for a, b in zip(total, found, strict=True)]
    if all(leg.size > 0 for leg in legs):
        total[1:4] = [mpf(0)] * 3
    return [float(x) for x in total]


def worked_group(legs: Sequence[Leg], s: mpf, p: dict[str, mpf], cover: mpf) -> list[mpf]:
    def owed(at: mpf, move: int) -> mpf:
        """At a spot, vol flat (0), up (1) or down (-1), beyond the cover; the put by parity."""
        sum_ = -cover * at
        for leg in legs:
            days = max(mpf(leg.left) * 365, mpf(1))
            scale = (30 / days) ** (mpf("0.3") if days < 30 else mpf("0.13"))
            vol = mpf(leg.vol)
            if move == 1:
                vol = max(vol, p["volUpFloor"]) * (1 + p["volUp"] * scale)
            if move == -1:
                vol *= 1 - min(p["volDown"] * scale, mpf("0.95"))
            root = vol * mpmath.sqrt(mpf(leg.left))
            d2 = mpmath.log(at / leg.strike) / root - root / 2
            call = at * mpmath.ncdf(d2 + root) - leg.strike * mpmath.ncdf(d2)
            sum_ -= mpf(leg.size) * (call if leg.is_call else call - at + leg.strike)
        return sum_

    def at_expiry(at: mpf) -> mpf:
        payoffs = (
            mpf(leg.size) * max(at - leg.strike if leg.is_call else leg.strike - at, mpf(0))
            for leg in legs
        )
        return -sum(payoffs) - cover * at

    mark = owed(s, 0)
    grid = [mpf(m) / 1000 for m in (800, 865, 930, 1000, 1070, 1135, 1200)]
    losses = [owed(s * m, move) - mark for m in grid for move in (0, 1, -1)]
    losses += [p[f"{t}Weight"] * (owed(s * p[t], 1) - mark) for t in ("tailDown", "tailUp")]
    loss = max(losses)
    sold = [leg for leg in legs if leg.size < 0]
    notional = -s * sum(mpf(leg.size) for leg in sold)
    needs = {}
    for kind in ("maintenance", "initial"):
        risk = p[f"{kind}Factor"] * loss + p[f"{kind}Spot"] * notional
        needs[kind] = max(risk, p[f"{kind}Floor"] * notional) + p["positionCharge"] * len(sold)
    low = max(needs["maintenance"], at_expiry(s) - mark)
    middle = low * (1 + p["buffer"])
    top = max(needs["initial"], middle)
    if sum(mpf(leg.size) for leg in legs if leg.is_call) + cover >= mpf("-1e-12"):
        corners = [mpf(0)] + [mpf(leg.strike) for leg in legs]
        room = max(max(at_expiry(c) for c in corners) - mark, mpf(0))
        low, middle, top = min(low, room), min(middle, room), min(top, room)
    return [mark + cover * s, top, middle, low, cover * s]


def test_margin_of_sixty_accounts_worked_by_themselves_agrees(boards: Boards) -> None:
    rng = np.random.default_rng(9)
    accounts = [random_account(boards, rng) for _ in range(60)]
    spots = [2000 * math.exp(x) for x in rng.normal(0, 0.25, len(accounts))]
    calls = [(legs, 0, 0, to_wad(spot)) for (legs, _), spot in zip(accounts, spots, strict=True)]
    with mpmath.workdps(30):
        for view, (_, legs), spot in zip(
            batched(boards, "marginFor", calls), accounts, spots, strict=True
        ):
            got = [view[key] / WAD for key in WITH_CREDIT]
            slack = 1e-12 * sized(legs, spot)
            assert got == pytest.approx(worked(legs, spot), rel=1e-9, abs=slack)


def with_units(boards: Boards, count: int) -> tuple[list[Any], list[list[Leg]], list[float]]:
    """Random accounts with underlying from a tenth of what they hold in contracts to ten times."""
    rng = np.random.default_rng(17)
    accounts = [random_account(boards, rng) for _ in range(count)]
    sizes = [sum(abs(leg.size) for leg in legs) for _, legs in accounts]
    units = [round(size * 10 ** rng.uniform(-1, 1), 6) for size in sizes]
    spots = [2000 * math.exp(x) for x in rng.normal(0, 0.25, count)]
    calls = [
        (packed, 0, to_wad(u), to_wad(s))
        for (packed, _), u, s in zip(accounts, units, spots, strict=True)
    ]
    return calls, [legs for _, legs in accounts], spots


def test_margin_of_accounts_with_underlying_agrees_with_the_reference(boards: Boards) -> None:
    calls, legs, spots = with_units(boards, 2000)
    units = [call[2] / WAD for call in calls]
    views = batched(boards, "marginFor", calls)
    got = np.array([[view[key] for key in WITH_CREDIT] for view in views]) / WAD
    wanted = margins(legs, spots, MARGIN, units)
    scale = np.array([sized(each, spot) for each, spot in zip(legs, spots, strict=True)])
    scale += np.array(units) * np.array(spots)
    assert (np.abs(got - wanted) <= 1e-9 * np.abs(wanted) + 1e-11 * scale[:, None]).all()
    assert all(view["equity"] == view["credit"] - view["mark"] for view in views)
    bare = margins(legs, spots, MARGIN)
    need = slice(1, 4)
    assert (np.abs(bare - wanted)[:, need].max(axis=1) > 1e-6).mean() > 0.8  # units do count


def test_margin_of_sixty_accounts_with_underlying_worked_by_themselves_agrees(
    boards: Boards,
) -> None:
    calls, accounts, spots = with_units(boards, 60)
    with mpmath.workdps(30):
        for view, legs, spot, call in zip(
            batched(boards, "marginFor", calls), accounts, spots, calls, strict=True
        ):
            units = call[2] / WAD
            got = [view[key] / WAD for key in WITH_CREDIT]
            slack = 1e-12 * (sized(legs, spot) + units * spot)
            assert got == pytest.approx(worked(legs, spot, units), rel=1e-9, abs=slack)


def test_margin_does_not_depend_on_the_order_of_the_legs(boards: Boards) -> None:
    calls, _, _ = with_units(boards, 40)
    turned = [(packed[::-1], *rest) for packed, *rest in calls]
    for a, b in zip(
        batched(boards, "marginFor", calls), batched(boards, "marginFor", turned), strict=True
    ):
        assert [a[key] for key in WITH_CREDIT] == pytest.approx(
            [b[key] for key in WITH_CREDIT], abs=100
        )


def test_exposure_of_random_accounts_agrees_with_the_reference(boards: Boards) -> None:
    rng = np.random.default_rng(6)
    accounts = [random_account(boards, rng) for _ in range(300)]
    calls = [(packed, to_wad(100.0), 0, 2000 * WAD) for packed, _ in accounts]
    views = batched(boards, "exposureFor", calls)
    got = np.array([[view["current"], *view["nodes"]] for view in views]) / WAD
    legs = [leg for _, leg in accounts]
    wanted = exposures(legs, [2000.0] * len(legs), 100.0)
    scale = np.array([sized(each, 2000.0) for each in legs])
    assert (np.abs(got - wanted) <= 1e-9 * wanted + 1e-11 * scale[:, None]).all()


def test_exposure_of_accounts_with_underlying_agrees_with_the_reference(boards: Boards) -> None:
    calls, legs, spots = with_units(boards, 300)
    pledged = [call[2] / WAD / 10 * (1 - MARGIN["haircut"]) for call in calls]
    calls = [(packed, to_wad(100.0), units // 10, spot) for packed, _, units, spot in calls]
    views = batched(boards, "exposureFor", calls)
    got = np.array([[view["current"], *view["nodes"]] for view in views]) / WAD
    wanted = exposures(legs, spots, 100.0, pledged)
    scale = np.array([sized(each, spot) for each, spot in zip(legs, spots, strict=True)])
    assert (np.abs(got - wanted) <= 1e-9 * wanted + 1e-10 * scale[:, None]).all()
    assert (got[:, 1:] > 0).any(axis=1).sum() > 30


def test_exposure_around_full_cover_is_the_debt_less_the_balance(boards: Boards) -> None:
    """Nodes are priced only where a bound exceeds the balance: what is left out must be zero."""
    rng = np.random.default_rng(8)
    for _ in range(30):
        packed, legs = random_account(boards, rng)
        if all(leg.size > 0 for leg in legs):
            continue
        debts = boards.pool.view("margin", "exposureFor", packed, 0, 0, 1900 * WAD)["nodes"]
        for balance in (max(debts) - 10**9, max(debts), max(debts) + 10**9):
            held = (packed, max(balance, 0), 0, 1900 * WAD)
            found = boards.pool.view("margin", "exposureFor", *held)
            assert found["nodes"] == [max(debt - max(balance, 0), 0) for debt in debts]


def test_assess_is_margin_and_exposure_in_one(boards: Boards) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        packed, _ = random_account(boards, rng)
        asked = (packed, 1000 * WAD, 0, 1900 * WAD)
        one = boards.pool.view("margin", "assess", *asked)
        state = boards.pool.view("margin", "marginFor", *asked)
        held = boards.pool.view("margin", "exposureFor", *asked)
        words = packed_exposure(held["current"], held["nodes"])
        assert [one["equity"], one["required"]] == [state["equity"], state["initialMargin"]]
        assert one["ok"] == (state["equity"] >= state["initialMargin"])
        assert one["exposure"] == words
        assert boards.pool.view("margin", "exposureWords", *asked) == words


def packed_exposure(current: int, nodes: list[int]) -> list[int]:
    """102 bits of 1e-9 quote and three lanes of 51 bits of 1e-4, then five lanes; rounded up."""
    lanes = [-(-node // 10**14) for node in nodes]
    low = sum(lane << 102 + 51 * i for i, lane in enumerate(lanes[:3]))
    high = sum(lane << 51 * i for i, lane in enumerate(lanes[3:]))
    return [-(-current // 10**9) + low, high]


# By hand, one hour before expiry: volatility is so small that values are intrinsic to 1e-6.


def test_short_call_far_away_is_held_at_the_floor(boards: Boards) -> None:
    packed, _ = boards.leg(
        boards.expiries[0], 6, True, -2
    )  # strike 3500, spot 2000: not even the tail, 3200
    mark, initial, buffer, maintenance = boards.margin([packed], 2000)
    assert mark == pytest.approx(0, abs=1e-9)
    assert initial == pytest.approx(0.065 * 2000 * 2 + 10)
    assert maintenance == pytest.approx(0.05 * 2000 * 2 + 10)
    assert buffer == pytest.approx(210 * 1.15)


def test_short_put_is_held_at_its_tail(boards: Boards) -> None:
    packed, _ = boards.leg(boards.expiries[0], 2, False, -1)  # strike 1800; tail at 1000: 800 x 0.3
    _, initial, buffer, maintenance = boards.margin([packed], 2000)
    assert initial == pytest.approx(800 * 0.3 + 0.015 * 2000 + 10, abs=1e-5)
    assert maintenance == pytest.approx(0.75 * 240 + 0.01 * 2000 + 10, abs=1e-5)
    assert buffer == pytest.approx(210 * 1.15, abs=1e-5)


def test_short_call_in_the_money_is_held_at_the_grid(boards: Boards) -> None:
    packed, _ = boards.leg(
        boards.expiries[0], 2, True, -1
    )  # owes 200; at 2400: 600; tail 1400 - 200 = 1200 x 0.25
    mark, initial, _, maintenance = boards.margin([packed], 2000)
    assert mark == pytest.approx(200, abs=1e-5)
    assert initial == pytest.approx(400 + 30 + 10, abs=1e-4)
    assert maintenance == pytest.approx(300 + 20 + 10, abs=1e-4)


def test_credit_spread_needs_no_more_than_its_width(boards: Boards) -> None:
    sold, _ = boards.leg(boards.expiries[0], 3, True, -1)
    bought, _ = boards.leg(boards.expiries[0], 4, True, 1)
    mark, initial, buffer, maintenance = boards.margin(
        [sold, bought], 2100
    )  # owes 100 of at most 200
    assert mark == pytest.approx(100, abs=0.05)
    # maintenance before the cap: 0.75 x 100 + 21 + 10 = 106
    assert [initial, buffer, maintenance] == pytest.approx([200 - mark] * 3, abs=1e-9)


def test_short_put_in_the_money_needs_no_more_than_its_strike(boards: Boards) -> None:
    packed, _ = boards.leg(boards.expiries[0], 3, False, -3)
    mark, initial, _, maintenance = boards.margin([packed], 40)  # owes 3 x 1960 of at most 6000
    assert mark == pytest.approx(5880, abs=1e-4)
    # loss: 8 a put at the grid's lowest, 0.3 x 20 in the tail; the cap of 120 does not bind
    assert initial == pytest.approx(3 * (8 + 0.015 * 40) + 10, abs=1e-4)
    assert maintenance == pytest.approx(max(3 * (0.75 * 8 + 0.4), 3 * 0.05 * 40) + 10, abs=1e-4)
    mark, initial, _, _ = boards.margin([packed], 1)
    assert mark + initial <= 6000


def test_covered_call_is_held_at_what_its_unit_may_fall(boards: Boards) -> None:
    """Strike 2200, spot 2000: the call is worthless, the unit may lose 400; no rise costs it."""
    packed, _ = boards.leg(boards.expiries[0], 4, True, -1)
    mark, initial, buffer, maintenance = boards.margin([packed], 2000, units=1)
    assert mark == pytest.approx(0, abs=0.1)
    assert initial == pytest.approx(400 + 0.015 * 2000 + 10, abs=0.1)
    assert maintenance == pytest.approx(0.75 * 400 + 0.01 * 2000 + 10, abs=0.1)
    assert buffer == pytest.approx(maintenance * 1.15)


def test_covered_call_in_the_money_needs_little(boards: Boards) -> None:
    """Strike 1200: call and unit move together but in the tail, where 200 x 0.3 is less."""
    packed, _ = boards.leg(boards.expiries[0], 0, True, -1)
    mark, initial, _, maintenance = boards.margin([packed], 2000, units=1)
    assert mark == pytest.approx(800, abs=1e-4)
    assert initial == pytest.approx(0.065 * 2000 + 10, abs=1e-4)
    assert maintenance == pytest.approx(0.05 * 2000 + 10, abs=1e-4)
    assert boards.margin([packed], 2000)[1] == pytest.approx(400 + 30 + 10, abs=1e-4)  # naked
    # at 40,000 the floor would ask 2610; what is left of the unit is never less than the strike
    view = boards.pool.view("margin", "marginFor", [packed], 0, WAD, to_wad(40_000.0))
    assert view["equity"] / WAD == pytest.approx(1200, abs=1e-6)
    assert view["equity"] >= view["initialMargin"]


def test_short_put_on_underlying_falls_with_it(boards: Boards) -> None:
    """Strike 1800 and a unit at 0.8: at 1600 they lose 200 and 320; the tail 0.3 x (800 + 800)."""
    packed, _ = boards.leg(boards.expiries[0], 2, False, -1)
    _, initial, _, maintenance = boards.margin([packed], 2000, units=1)
    assert initial == pytest.approx(520 + 30 + 10, abs=0.1)
    assert maintenance == pytest.approx(0.75 * 520 + 20 + 10, abs=0.1)


def test_views_answer_without_a_price(boards: Boards) -> None:
    """A guard whose feeds died before it ever accepted a price says 0."""
    packed, _ = boards.leg(boards.expiries[3], 3, False, -1)
    mark, initial, _, _ = boards.margin([packed], 0)
    assert mark == pytest.approx(2000)
    assert mark + initial <= 2000 + 1e-9
    marks = boards.pool.view("margin", "openMarks", 0)
    assert marks["longs"] < WAD  # 20 calls, worth nothing


def test_legs_of_different_expiries_do_not_net(boards: Boards) -> None:
    sold, a = boards.leg(boards.expiries[2], 3, True, -1)
    bought, b = boards.leg(boards.expiries[3], 3, True, 1)
    apart = [boards.margin([leg], 2000)[1] for leg in (sold,)]
    together = boards.margin([sold, bought], 2000)[1]
    assert together > apart[0]  # the bought leg's own loss is added; its value counts as equity
    assert together == pytest.approx(reference([a, b], 2000)[1], rel=1e-9)


def test_margin_off_asks_for_nothing(chain: Chain, user: Users) -> None:
    off = [
        "initialFactor",
        "maintenanceFactor",
        "initialSpot",
        "maintenanceSpot",
        "initialFloor",
        "maintenanceFloor",
    ]
    pool = build(chain, {"vault.depositDelay": 0} | {f"margin.{key}": 0 for key in off})
    pool.fund(user(1), user(2))
    pool.deposit(user(1), 1_000_000)
    expiry = pool.list(7, STRIKES)
    pool.must(user(2), "market", "deposit", WAD)
    pool.trade(user(2), expiry, 3, True, -5)  # naked, for nothing
    view = pool.view("margin", "marginOf", user(2))
    assert [view[k] for k in ("initialMargin", "bufferMargin", "maintenanceMargin")] == [0, 0, 0]
    pool.post(4000.0)
    assert pool.view("margin", "liquidatable", user(2))["below"] is False
    with pytest.raises(Revert, match="Healthy"):
        pool.must(user(1), "auction", "start", user(2))


def test_liquidatable_only_below_at_every_side_of_the_band(chain: Chain, user: Users) -> None:
    pool = build(chain, {"vault.depositDelay": 0, "hedge.gateSlack": 0})
    pool.fund(user(1), user(2))
    pool.deposit(user(1), 2_000_000)
    expiry = pool.list(30, STRIKES)
    pool.must(user(2), "market", "deposit", 6_000 * WAD)
    pool.trade(user(2), expiry, 4, True, -10)
    legs, balance = (
        pool.view("market", "legsOf", user(2)),
        pool.view("market", "balanceOf", user(2)),
    )

    def below(spot: float) -> bool:
        view = pool.view("margin", "marginFor", legs, balance, 0, to_wad(spot))
        return bool(view["equity"] < view["maintenanceMargin"])

    low, high = 2000.0, 4000.0
    while high - low > 0.01:  # the spot at which maintenance is reached
        low, high = (low, (low + high) / 2) if below((low + high) / 2) else ((low + high) / 2, high)
    pool.post(high * 1.001)
    assert pool.view("margin", "liquidatable", user(2))["below"] is True
    now, confidence = chain.time, round(high * 0.002 * 1e8)
    answer = round(high * 1.001 * 1e8)
    pull = pool.deployment.addresses["pull"]
    identity = bytes.fromhex("ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace")
    chain.must(pull, "MockPullFeed", "post", identity, answer, confidence, -8, now)
    assert pool.view("oracle", "read")["low"] < to_wad(
        high
    )  # the band's low side is above maintenance
    assert pool.view("margin", "liquidatable", user(2))["below"] is False
