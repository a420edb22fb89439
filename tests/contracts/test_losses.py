"""Who bears a loss in the real protocol.

Two classes of LPs, their floor, a whole wind-down, and the attacks that broke earlier drafts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.types import Mode
from tests.contracts.pool_world import UNIT, WAD, Pool, build

Users = Callable[[int], str]

HOUR, DAY = 3600, 86_400
OPEN = {
    "vault.depositDelay": 0,
    "vault.withdrawalDelay": 0,
    "vault.withdrawalFee": 0,
    "oracle.jumpLimit": 0,
    "breaker.navDrop": 0,
    "breaker.freeLiquidity": 0,
    "breaker.hedgeShortfall": 0,
    "breaker.insuranceFloor": 0,
    "market.stressFloor": 0,
    "market.accountDeltaLimit": 0,
    "market.gammaLimit": 0,
    "market.vegaLimit": 0,
    "market.maxDelta": 0,
    "hedge.gateSlack": 0,
    "pricing.impact": 0,
    "pricing.volMaxAge": 0,
    "policy": "none",
}
"""The pool unhedged and its limits off, so that it can be brought down."""
TRANCHES = {"vault.juniorWeight": 3}
LPS, LONGS, SHORTS, ANYONE = (1, 2), (3, 4, 5), (6, 7), 8


def make(chain: Chain, user: Users, **changes: Any) -> Pool:
    """200,000 from seniors, 100,000 from juniors if there are any, 5,000 of insurance."""
    pool = build(chain, OPEN | changes)
    pool.fund(*(user(i) for i in range(1, 10)))
    pool.deposit(user(1), 200_000)
    second = "requestJuniorDeposit" if "vault.juniorWeight" in changes else "requestDeposit"
    pool.must(user(2), "vault", second, 100_000 * WAD)
    insurance = pool.deployment.addresses["insurance"]
    pool.at("quote").must("approve", insurance, 10**36, sender=user(9))
    pool.must(user(9), "insurance", "donate", 5_000 * WAD)
    return pool


def split(pool: Pool) -> dict[str, int]:
    """What each class is worth at the exact NAV."""
    nav = pool.view("vault", "navParts")["nav"]
    parts: dict[str, int] = pool.view("vault", "split", nav)
    assert parts["seniorValue"] + parts["juniorValue"] == nav
    return parts


# ------------------------------------------------------------------ two classes


def test_premium_lost_to_traders_is_the_juniors_loss(chain: Chain, user: Users) -> None:
    pool = make(chain, user, **TRANCHES)
    expiry = pool.list(7, [2000.0])
    pool.must(user(3), "market", "deposit", 100_000 * WAD)
    pool.trade(user(3), expiry, 0, False, 100)
    before = split(pool)
    pool.move_to(pool.chain.time + HOUR, 1600.0)
    after = split(pool)
    assert after["seniorValue"] == before["claim"] == 200_000 * WAD
    assert after["juniorValue"] < before["juniorValue"] - 20_000 * WAD
    pool.move_to(pool.chain.time + HOUR, 700.0)
    ruined = split(pool)
    assert ruined["juniorValue"] == 0
    assert 0 < ruined["seniorValue"] < ruined["claim"]


def test_fees_earned_are_divided_by_weight_when_the_queue_is_served(
    chain: Chain, user: Users
) -> None:
    """200,000 to 3 x 100,000: two fifths of a gain are the seniors'."""
    pool = make(chain, user, **TRANCHES, **{"vault.bandPricing": 0})
    expiry = pool.list(1, [2000.0])
    pool.must(user(3), "market", "deposit", 100_000 * WAD)
    pool.trade(user(3), expiry, 0, True, 50)
    pool.chain.set_time(expiry)
    pool.post(1900.0)  # nothing to pay: premium and fee are the pool's
    pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
    pool.must(DEPLOYER, "market", "sweep", expiry, 10)
    nav = pool.view("vault", "navParts")["nav"]
    (divided,) = pool.must(DEPLOYER, "vault", "process", 1).named("GainDivided")
    gain = nav - 300_000 * WAD
    assert gain > 1_000 * WAD
    assert divided["gain"] == gain
    assert divided["toSenior"] == gain * 2 // 5
    assert split(pool)["seniorValue"] == 200_000 * WAD + gain * 2 // 5


# ------------------------------------------------------------------ the whole way down


def crash(pool: Pool) -> None:
    """2000 to 800 within a day, by the hour."""
    start = pool.chain.time
    for hour in range(1, 25):
        pool.move_to(start + hour * HOUR, round(2000.0 * 0.4 ** (hour / 24), 2))
        pool.must(DEPLOYER, "oracle", "poke")


def sell_insurance(pool: Pool, user: Users) -> tuple[int, int]:
    """Longs of puts in two expiries, who are owed ruin; shorts with little collateral."""
    expiries = (pool.list(2, [1600.0, 2000.0]), pool.list(4, [1600.0, 2000.0]))
    for who in (*LONGS, ANYONE):
        pool.must(user(who), "market", "deposit", 200_000 * WAD)
    for who in SHORTS:
        pool.must(user(who), "market", "deposit", 12_000 * WAD)
    for who, expiry, strike, size in (
        (3, 0, 1, 160),
        (4, 0, 0, 80),
        (5, 1, 1, 220),
        (6, 0, 1, -15),
        (7, 1, 0, -15),
    ):
        pool.trade(user(who), expiries[expiry], strike, False, size)
    return expiries


def liquidate(pool: Pool, user: Users) -> None:
    """Whoever is insolvent is closed by the pool once the bounty has risen in vain."""
    for who in SHORTS:
        started = pool.send(DEPLOYER, "auction", "start", user(who))
        assert started.ok, started.error
    pool.move_to(pool.chain.time + HOUR, 800.0)
    for who in SHORTS:
        pool.send(DEPLOYER, "auction", "start", user(who))  # turns it, if only now insolvent
    pool.move_to(pool.chain.time + HOUR, 800.0)
    for who in SHORTS:
        closed = pool.send(DEPLOYER, "auction", "closeInsolvent", user(who))
        assert closed.ok, closed.error


def tokens(pool: Pool, user: Users) -> int:
    """Every token of quote that anybody in the scene holds, wad."""
    people = [user(i) for i in range(1, 10)]
    places = [pool.deployment.addresses[each] for each in ("market", "vault", "insurance", "venue")]
    return sum(pool.held(each) for each in (*people, *places))


def settle(pool: Pool, expiry: int) -> tuple[int, int]:
    """Settles and sweeps account by account: what longs were owed and what they got."""
    pool.chain.set_time(expiry)
    pool.post(800.0)
    pool.refresh()
    pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
    means = pool.view("vault", "solvency")
    owed = paid = 0
    for _ in range(20):
        receipt = pool.must(DEPLOYER, "market", "sweep", expiry, 1)
        scale = pool.view("market", "settlementOf", expiry)["scale"]
        for event in receipt.named("AccountSettled"):
            if event["owed"] > 0:
                assert 0 <= event["owed"] * scale // WAD - event["paid"] < UNIT
                owed, paid = owed + event["owed"], paid + event["paid"]
        if pool.view("market", "settlementOf", expiry)["done"]:
            assert paid <= means["assets"] + means["shortReceivable"], "S-3"
            return owed, paid
    pytest.fail("the sweep is stuck")


def leave(pool: Pool, user: Users, tranches: bool) -> None:
    """Every LP asks for everything, every trader takes what is his."""
    for who in LPS:
        junior = tranches and who == 2
        if junior:
            token = pool.chain.at(pool.view("vault", "junior"), "JuniorShares")
            shares = token.call("balanceOf", user(who))
        else:
            shares = pool.view("vault", "sharesOf", user(who))
        ask = "requestJuniorWithdrawal" if junior else "requestWithdrawal"
        pool.must(user(who), "vault", ask, shares)
    for who in (*LONGS, *SHORTS, ANYONE):
        balance = pool.view("market", "balanceOf", user(who))
        if balance:
            pool.must(user(who), "market", "withdraw", balance)


@pytest.mark.parametrize("tranches", [False, True], ids=["one class", "tranches"])
@pytest.mark.parametrize("floor", ["0", "0.2"], ids=["no floor", "floor"])
def test_wind_down_after_a_day_of_minus_sixty_per_cent_pays_everyone_and_ends(
    chain: Chain, user: Users, tranches: bool, floor: str
) -> None:
    changes = {"vault.withdrawalDelay": DAY, "vault.floor": Decimal(floor)}
    pool = make(chain, user, **(TRANCHES if tranches else {}), **changes)
    pool.must(DEPLOYER, "breaker", "poke")  # notes the high
    all_tokens = tokens(pool, user)
    expiries = sell_insurance(pool, user)
    pool.withdraw(user(1), 50_000 * WAD)  # not to be paid ahead of the loss
    crash(pool)
    pool.must(DEPLOYER, "breaker", "poke")
    assert pool.view("breaker", "mode") == Mode.WIND_DOWN
    assert not tranches or floor != "0" or split(pool)["juniorValue"] <= 0
    assert pool.send(DEPLOYER, "vault", "process", 5).error.name == "QueueWaits"
    liquidate(pool, user)

    live = pool.view("vault", "solvency")  # one long leaves early, at the live scale
    assert 0 < live["scale"] < WAD
    sold = pool.trade(user(5), expiries[1], 1, False, -20)["result"]
    assert 0 < -sold["premium"] <= 20 * sold["mark"] * live["scale"] // WAD + 10**12

    owed, paid = (sum(both) for both in zip(*(settle(pool, e) for e in expiries), strict=True))
    assert 0 < paid < owed, "longs had to take less, and got what there was"
    kept = pool.view("vault", "cash")
    # a sixth of the LPs waits to leave, or a quarter of the seniors, the juniors having nothing
    staying = 225_000 if tranches else 250_000
    assert kept == pytest.approx(staying * float(floor) * WAD, rel=0.001, abs=1 * WAD)
    assert pool.view("market", "liveExpiries") == []
    assert pool.view("market", "settledOwed") == pool.view("auction", "liveInsolvent") == 0

    for _ in range(4):  # the last long is paid: the pool opens again, and the LPs can go
        pool.move_to(pool.chain.time + HOUR, 800.0)
        pool.must(DEPLOYER, "breaker", "poke")
    assert pool.view("breaker", "mode") == Mode.NORMAL
    leave(pool, user, tranches)
    pool.move_to(pool.chain.time + DAY, 800.0)
    pool.must(DEPLOYER, "breaker", "poke")
    before = sum(pool.held(user(who)) for who in LPS)
    pool.must(DEPLOYER, "vault", "process", 9)
    got = sum(pool.held(user(who)) for who in LPS) - before
    assert kept - got <= 10 * UNIT, "what was left is the LPs'"
    if not kept:  # worthless shares can be taken back
        for request in range(3):
            lp = pool.view("vault", "requestOf", 2 * request + 1)["lp"]
            pool.must(lp, "vault", "cancel", 2 * request + 1)
    assert pool.view("vault", "pendingWithdrawals") < 10**9, "nobody waits, but for a rounding"
    pool.square()
    assert pool.view("market", "totalBalances") == 0
    assert pool.held(pool.deployment.addresses["market"]) == 0
    assert pool.view("vault", "cash") <= 10 * UNIT
    assert tokens(pool, user) == all_tokens, "T-1"


# ------------------------------------------------------------------ attacks on earlier drafts


def test_attack_deposit_and_withdraw_does_not_zero_the_longs(chain: Chain, user: Users) -> None:
    """60 % of *total* NAV would keep 6 million of the attacker's from the longs, his money gone."""
    pool = make(chain, user, **{"vault.floor": Decimal("0.6"), "vault.withdrawalDelay": 3 * DAY})
    expiry = pool.list(7, [2000.0])
    pool.must(user(3), "market", "deposit", 100_000 * WAD)
    pool.must(DEPLOYER, "breaker", "poke")  # notes the high
    pool.trade(user(3), expiry, 0, False, 100)
    pool.move_to(pool.chain.time + HOUR, 1500.0)
    pool.must(DEPLOYER, "breaker", "poke")
    before = pool.view("vault", "solvency")
    assert before["scale"] == WAD
    assert before["reserved"] == 180_000 * WAD
    pool.deposit(user(8), 10_000_000)
    pool.must(DEPLOYER, "breaker", "poke")
    assert pool.view("vault", "solvency")["scale"] == WAD
    pool.withdraw(user(8), pool.view("vault", "sharesOf", user(8)))
    assert pool.view("vault", "solvency")["scale"] == WAD
    pool.move_to(pool.chain.time + 3 * DAY, 1500.0)
    pool.must(DEPLOYER, "vault", "process", 5)
    assert pool.view("vault", "sharesOf", user(8)) == 0
    after = pool.view("vault", "solvency")
    assert after["scale"] == WAD
    assert after["reserved"] <= before["reserved"] * 1001 // 1000


def test_attack_closing_first_gains_nothing_over_waiting(chain: Chain, user: Users) -> None:
    """Two longs of the same size: who closes at once gets no more than who waits for settlement."""
    pool = make(chain, user)
    expiry = pool.list(2, [2000.0])
    for who in (3, 4):
        pool.must(user(who), "market", "deposit", 200_000 * WAD)
        pool.trade(user(who), expiry, 0, False, 200)
    pool.move_to(pool.chain.time + DAY, 700.0)
    pool.must(DEPLOYER, "breaker", "poke")
    assert pool.view("breaker", "mode") == Mode.WIND_DOWN
    first = -pool.trade(user(3), expiry, 0, False, -200)["result"]["cash"]
    pool.chain.set_time(expiry)
    pool.post(700.0)
    pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
    before = pool.view("market", "balanceOf", user(4))
    pool.must(DEPLOYER, "market", "sweep", expiry, 10)
    waited = pool.view("market", "balanceOf", user(4)) - before
    assert 100_000 * WAD < first <= waited


def test_attack_settling_an_early_expiry_takes_no_more_than_its_share(
    chain: Chain, user: Users
) -> None:
    """The same claim in a near and a far expiry: the near one is paid first, and no more of it."""
    pool = make(chain, user)
    expiries = [pool.list(days, [2000.0]) for days in (1, 2)]
    for who, expiry in zip((3, 4), expiries, strict=True):
        pool.must(user(who), "market", "deposit", 200_000 * WAD)
        pool.trade(user(who), expiry, 0, False, 200)
    paid = []
    for who, expiry in zip((3, 4), expiries, strict=True):
        pool.chain.set_time(expiry)
        pool.post(500.0)
        pool.refresh()
        pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
        before = pool.view("market", "balanceOf", user(who))
        pool.must(DEPLOYER, "market", "sweep", expiry, 10)
        paid.append(pool.view("market", "balanceOf", user(who)) - before)
    assert paid[0] < 200 * 1500 * WAD
    assert paid[1] >= paid[0] * 99 // 100  # the far option's time value at the first settlement


def test_attack_holding_the_shift_high_does_not_lock_lps_in(chain: Chain, user: Users) -> None:
    """A trader who keeps |u*| at its clamp stops no LP: only opens of that expiry."""
    pool = make(chain, user, **{"pricing.impact": Decimal("0.02")})
    expiry = pool.list(30, [2000.0])
    pool.must(user(3), "market", "deposit", 200_000 * WAD)
    for _ in range(60):
        series = expiry << 16 | 1
        traded = pool.send(user(3), "market", "trade", series, 2 * WAD, 2**254)
        if not traded.ok:
            break
    pool.refresh()
    assert pool.view("ledger", "book", expiry)["shift"] > WAD // 5
    paid = pool.withdraw(user(1), 10_000 * WAD).named("WithdrawalProcessed")
    assert [event["shares"] for event in paid] == [10_000 * WAD]


def test_settlement_pays_the_same_whoever_settles_and_sweeps_when(
    chain: Chain, user: Users
) -> None:
    """Rounds before, at and long after the expiry; callers, moments and steps of every kind."""
    pool = make(chain, user)
    expiry = pool.list(1, [2000.0])
    for who, size in ((3, 30), (6, -5)):
        pool.must(user(who), "market", "deposit", 50_000 * WAD)
        pool.trade(user(who), expiry, 0, True, size)
    pool.chain.set_time(expiry - 600)
    pool.post(2100.0)
    pool.chain.set_time(expiry + 5)
    pool.post(2200.0)
    right = pool.view("push", "latestRound")
    pool.chain.set_time(expiry + 2000)
    pool.post(2600.0)
    outcomes = set()
    for wait in (0, HOUR, DAY, 2 * DAY):
        for by, step in ((3, 1), (6, 10), (ANYONE, 2)):
            token = pool.chain.snapshot()
            pool.chain.set_time(expiry + 2100 + wait)
            for wrong in (0, right - 1, right + 1):
                assert not pool.send(user(by), "market", "settleExpiry", expiry, wrong).ok
            pool.must(user(by), "market", "settleExpiry", expiry, right)
            while not pool.view("market", "settlementOf", expiry)["done"]:
                pool.must(user(by), "market", "sweep", expiry, step)
            outcomes.add(tuple(pool.view("market", "balanceOf", user(who)) for who in (3, 6)))
            pool.chain.revert(token)
    assert len(outcomes) == 1
