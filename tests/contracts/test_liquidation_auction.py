"""LiquidationAuction in the real protocol: bids by the formulas, the insolvent leg, its bounty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Revert
from amm_sim.types import series_id
from tests.contracts.pool_world import ENOUGH, UNIT, WAD, Pool, build

Users = Callable[[int], str]

STRIKES = [1600.0, 1800.0, 2000.0, 2200.0, 2400.0]
BUFFER, CHARGE = 0.15, 10.0
"""Of scenarios/base.toml: what the largest fraction is worked from."""


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """User 2 is short 5 calls of strike 2200 with 3000; users 3 and 4 have money to bid."""
    pool = build(chain, {"vault.depositDelay": 0, "oracle.jumpLimit": 0, "hedge.gateSlack": 0})
    pool.fund(*(user(i) for i in range(1, 6)))
    pool.deposit(user(1), 1_000_000)
    pool.list(7, STRIKES)
    for index, money in ((2, 3_000), (3, 200_000), (4, 200_000)):
        pool.must(user(index), "market", "deposit", money * WAD)
    pool.trade(user(2), pool.view("ledger", "expiries")[0], 3, True, -5)
    chain.advance(1)  # a liquidation goes by the vols before its block's trades
    return pool


def crash(pool: Pool, spot: float) -> None:
    """Spot jumps; books and the victim's exposure are made fresh."""
    pool.move_to(pool.chain.time + 60, spot)


def margin(pool: Pool, who: str) -> dict[str, float]:
    return {key: value / WAD for key, value in pool.view("margin", "marginOf", who).items()}


def bid(pool: Pool, bidder: str, account: str, fraction: float) -> dict[str, Any]:
    """Bids at any price; the event."""
    nonce = pool.view("auction", "auctionOf", account)["nonce"]
    arguments = (account, round(fraction * WAD), ENOUGH, nonce)
    event: dict[str, Any] = pool.must(bidder, "auction", "bid", *arguments).named("BidFilled")[0]
    return event


def start(pool: Pool, account: str) -> int:
    """Starts the auction; its second zero."""
    pool.must(DEPLOYER, "auction", "start", account)
    return int(pool.view("auction", "auctionOf", account)["startedAt"])


# ------------------------------------------------------------------ solvent leg


def test_healthy_account_cannot_be_put_up(pool: Pool, user: Users) -> None:
    with pytest.raises(Revert) as caught:
        start(pool, user(2))
    view = pool.view("margin", "marginOf", user(2))
    assert caught.value.name == "Healthy"
    assert caught.value.args_exact["equity"] == pytest.approx(view["equity"], rel=1e-6)


def test_bid_takes_what_restores_the_buffer_and_pays_on(pool: Pool, user: Users) -> None:
    crash(pool, 2450.0)
    began = start(pool, user(2))
    pool.chain.set_time(began + 300)
    before = margin(pool, user(2))
    fund, cash = pool.view("insurance", "balance"), pool.view("vault", "cash")
    event = bid(pool, user(3), user(2), 1.0)
    assert pool.chain.time == began + 300  # d = 0.90
    equity, buffer = before["equity"], before["bufferMargin"]
    fixed = CHARGE * (1 + BUFFER)  # one short leg's charge does not shrink
    fraction = (buffer - equity) / (buffer - fixed - equity * 0.1)
    assert 0.1 < fraction < 1
    assert event["fraction"] / WAD == pytest.approx(fraction, rel=1e-5)
    assert event["payment"] / WAD == pytest.approx(fraction * equity * 0.9, rel=1e-5)
    penalty = fraction * equity * 0.1 * 0.4
    assert event["penalty"] / WAD == pytest.approx(penalty, rel=1e-4)
    assert (pool.view("insurance", "balance") - fund) / WAD == pytest.approx(
        penalty * 0.625, rel=1e-4
    )
    assert (pool.view("vault", "cash") - cash) / WAD == pytest.approx(penalty * 0.375, rel=1e-4)
    after = margin(pool, user(2))
    assert after["equity"] >= after["bufferMargin"]
    assert after["equity"] == pytest.approx(after["bufferMargin"], rel=1e-4)
    legs = pool.view("market", "legsOf", user(3))
    assert legs[0]["size"] / WAD == pytest.approx(-5 * fraction, rel=1e-5)
    assert pool.view("auction", "auctionOf", user(2))["startedAt"] == 0


def test_second_bid_leaves_alone_what_the_first_paid(pool: Pool, user: Users) -> None:
    crash(pool, 2450.0)
    began = start(pool, user(2))
    pool.chain.set_time(began + 150)
    first = bid(pool, user(3), user(2), 0.05)
    received = pool.view("auction", "auctionOf", user(2))["received"]
    assert received == first["payment"] > 0
    before = margin(pool, user(2))
    second = bid(pool, user(4), user(2), 0.1)
    estate = before["equity"] - received / WAD
    d = second["payment"] / WAD / (0.1 * estate)
    elapsed = pool.chain.time - began
    assert d == pytest.approx(0.98 - 0.08 * elapsed / 300, abs=1e-4)
    after = margin(pool, user(2))
    assert after["equity"] == pytest.approx(before["equity"] - 0.1 * estate * (1 - d), rel=1e-4)


def test_price_falls_with_time(pool: Pool, user: Users) -> None:
    crash(pool, 2450.0)
    began = start(pool, user(2))
    seen = []
    for elapsed in (0, 150, 300, 1950, 3600, 7000):
        pool.chain.set_time(max(began + elapsed, pool.chain.time))
        pool.post(2450.0)
        at = pool.view("oracle", "read")["price"]
        assert at == 2450 * WAD
        preview = pool.view("auction", "preview", user(2), WAD // 10)
        seen.append(preview["discountedPrice"] / WAD)
    expected = [0.98, 0.94, 0.90, 0.75, 0.60, 0.60]
    assert seen == pytest.approx(expected, abs=0.002)  # posting takes three seconds
    assert seen == sorted(seen, reverse=True)


def test_preview_is_what_the_bid_does(pool: Pool, user: Users) -> None:
    crash(pool, 2450.0)
    began = start(pool, user(2))
    pool.chain.set_time(began + 4_000)
    pool.post(2450.0)
    preview = pool.view("auction", "preview", user(2), WAD // 4)
    event = bid(pool, user(3), user(2), 0.25)
    assert event["payment"] == pytest.approx(preview["payment"], rel=1e-4)
    assert event["penalty"] == pytest.approx(preview["penalty"], rel=1e-4)
    assert event["fraction"] == preview["fraction"] == WAD // 4


@pytest.mark.parametrize(
    ("name", "bidder", "fraction", "limit", "nonce"),
    [
        ("WrongNonce", 3, 0.1, ENOUGH, 9),
        ("PriceAboveLimit", 3, 0.1, 0, 1),
        ("NothingToFill", 3, 0.0, ENOUGH, 1),
        ("SelfBid", 2, 0.1, ENOUGH, 1),
        ("InsufficientMargin", 5, 0.1, ENOUGH, 1),
    ],
)
def test_bid_is_refused(
    pool: Pool, user: Users, name: str, bidder: int, fraction: float, limit: int, nonce: int
) -> None:
    crash(pool, 2450.0)
    start(pool, user(2))
    arguments = (user(2), round(fraction * WAD), limit, nonce)
    with pytest.raises(Revert) as caught:
        pool.must(user(bidder), "auction", "bid", *arguments)
    assert caught.value.name == name


def test_topping_up_ends_the_auction(pool: Pool, user: Users) -> None:
    crash(pool, 2450.0)
    start(pool, user(2))
    pool.must(user(2), "market", "deposit", 20_000 * WAD)
    with pytest.raises(Revert, match="Healthy"):
        bid(pool, user(3), user(2), 1.0)
    pool.must(DEPLOYER, "auction", "end", user(2))
    with pytest.raises(Revert, match="NoAuction"):
        pool.must(DEPLOYER, "auction", "end", user(2))


# ------------------------------------------------------------------ insolvent leg


def insured(pool: Pool, user: Users, amount: int) -> None:
    fund = pool.deployment.addresses["insurance"]
    pool.at("quote").must("approve", fund, 10**36, sender=user(5))
    pool.must(user(5), "insurance", "donate", amount * WAD)


def test_bounty_rises_to_maintenance_margin(pool: Pool, user: Users) -> None:
    insured(pool, user, 50_000)
    crash(pool, 3400.0)
    began = start(pool, user(2))
    assert pool.view("auction", "liveInsolvent") == 1
    pool.chain.set_time(began + 900)
    before = margin(pool, user(2))
    fund = pool.view("insurance", "balance")
    event = bid(pool, user(3), user(2), 0.5)
    # half of the account after half of the time; the whole would lift equity to maintenance
    full = before["maintenanceMargin"] - before["equity"]
    assert event["insolvent"] is True
    assert event["payment"] / WAD == pytest.approx(-full / 4, rel=1e-5)
    assert fund - pool.view("insurance", "balance") == -event["payment"]


def test_pool_closes_what_nobody_takes_and_books_the_loss(pool: Pool, user: Users) -> None:
    insured(pool, user, 400)
    crash(pool, 3400.0)
    nav = pool.view("vault", "navParts")["nav"]
    began = start(pool, user(2))
    seen = pool.view("market", "uncovered")["current"]
    assert seen > 0
    shown = nav - pool.view("vault", "navParts")["nav"]
    assert shown == pytest.approx(seen, rel=1e-3)  # the loss shows from the start on
    with pytest.raises(Revert, match="TooEarly"):
        pool.must(DEPLOYER, "auction", "closeInsolvent", user(2))
    pool.chain.set_time(began + 1_800)
    pool.post(3400.0)
    pool.refresh()
    owned = pool.view("market", "balanceOf", user(2))
    fund = pool.view("insurance", "balance")
    pool.must(DEPLOYER, "market", "touch", user(2))
    touched = pool.view("vault", "navParts")["nav"]
    worth = pool.view("margin", "marginOf", user(2))["mark"]
    receipt = pool.must(DEPLOYER, "auction", "closeInsolvent", user(2))
    (debt,) = receipt.named("BadDebt")
    assert debt["cause"] == 1
    assert debt["loss"] / WAD == pytest.approx((worth - owned) / WAD, rel=1e-3)
    # at most half of the fund for one debt
    assert debt["insured"] == fund // 2 // UNIT * UNIT
    (closed,) = receipt.named("ClosedByPool")
    assert closed["paid"] == owned
    assert closed["cost"] > worth  # priced at 1.25 times vol
    assert pool.view("market", "legsOf", user(2)) == []
    assert pool.view("market", "uncovered")["current"] == 0
    after = pool.view("vault", "navParts")["nav"]
    assert (after - touched) / WAD == pytest.approx(debt["insured"] / WAD, abs=0.05)
    with pytest.raises(Revert, match="NoAuction"):
        pool.must(DEPLOYER, "auction", "closeInsolvent", user(2))


def test_live_auction_turns_insolvent_when_a_bid_is_worth_too_little(
    pool: Pool, user: Users
) -> None:
    crash(pool, 2450.0)
    start(pool, user(2))
    crash(pool, 3400.0)
    start(pool, user(2))
    assert pool.view("auction", "auctionOf", user(2))["insolvent"] is True
    assert pool.view("auction", "liveInsolvent") == 1
    event = bid(pool, user(3), user(2), 1.0)
    assert event["insolvent"] is True
    assert pool.view("auction", "liveInsolvent") == 0
    assert pool.view("market", "balanceOf", user(2)) == 0


def test_bid_is_refused_after_expiry_until_swept(pool: Pool, user: Users) -> None:
    expiry = pool.view("ledger", "expiries")[0]
    pool.move_to(expiry - 600, 2700.0)
    start(pool, user(2))
    pool.chain.set_time(expiry)
    pool.post(2700.0)
    with pytest.raises(Revert) as caught:
        bid(pool, user(3), user(2), 1.0)
    assert caught.value.name == "SweepFirst"
    pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
    pool.must(DEPLOYER, "market", "sweep", expiry, 10)
    pool.must(DEPLOYER, "auction", "end", user(2))
    assert series_id(expiry, 3, True) not in [
        leg["id"] for leg in pool.view("market", "legsOf", user(2))
    ]
