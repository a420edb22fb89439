"""LPVault in the real protocol: NAV by part, flows that harm nobody, known losses first."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mpmath import mpf

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Revert
from tests.contracts.ledger_world import Reference, black
from tests.contracts.pool_world import UNIT, WAD, Pool, build

AT_ONCE = {"vault.depositDelay": 0, "vault.withdrawalDelay": 0}
PLAIN = AT_ONCE | {"vault.withdrawalFee": 0, "vault.freeBuffer": 0}
STRIKES = [1600.0, 1800.0, 2000.0, 2200.0, 2400.0]
MULTIPLES = [0.7, 0.85, 1.0, 1.15, 1.3, 0.85, 1.0, 1.15]
"""Spot of the stress nodes, as the ledger's specification orders them."""
GAS_BUDGET_ITEM = 120_000

Users = Callable[[int], str]


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """A million from one LP; one trader long calls, one short puts in part; hedged."""
    pool = build(chain, PLAIN)
    pool.fund(*(user(i) for i in range(1, 7)))
    pool.deposit(user(1), 1_000_000)
    trade_some(pool, user)
    return pool


def trade_some(pool: Pool, user: Users) -> int:
    pool.must(DEPLOYER, "hedge", "sync")  # states the capacity that trades are gated by
    expiry = pool.list(30, STRIKES)
    pool.must(user(2), "market", "deposit", 500_000 * WAD)
    pool.must(user(3), "market", "deposit", 60_000 * WAD)
    for _ in range(2):
        pool.trade(user(2), expiry, 2, True, 12.5)
        pool.trade(user(3), expiry, 1, False, -20)
    pool.chain.advance(1)  # gross marks go by the vols before the trades of a second
    pool.refresh()
    pool.must(DEPLOYER, "hedge", "hedge")
    return expiry


def reference(pool: Pool, expiry: int) -> Reference:
    """An independent model of the expiry's cost function, in mpmath."""
    b = pool.view("ledger", "book", expiry)
    exact = {
        key: [mpf(x) / WAD for x in b[key]] for key in ("strikes", "anchors", "weights", "net")
    }
    return Reference(expiry=expiry, impact=mpf(b["impact"]) / WAD, max_shift=mpf("0.25"), **exact)


def puts(pool: Pool, expiry: int) -> list[mpf]:
    """Traders' net puts by strike, from open interest."""
    found = []
    for strike in range(len(STRIKES)):
        interest = pool.view("market", "openInterest", expiry << 16 | strike << 8)
        found.append(mpf(interest["longs"] - interest["shorts"]) / WAD)
    return found


# ------------------------------------------------------------------ statements


def test_nav_parts_equal_their_sources(pool: Pool) -> None:
    (expiry,) = pool.view("ledger", "expiries")
    parts = pool.view("vault", "navParts")
    model = reference(pool, expiry)
    parity = sum(q * (k - 2000) for q, k in zip(puts(pool, expiry), model.strikes, strict=True))
    liability = model.cost(mpf(2000), pool.chain.time) + parity
    venue = pool.view("venue", "position", pool.deployment.addresses["hedge"])
    pool.square()
    assert parts["cash"] == pool.held(pool.vault)
    assert parts["hedgeEquity"] == venue["equity"] != 0
    assert abs(mpf(parts["liability"]) / WAD - liability) < mpf("1e-9") * 2000 * 65
    assert parts["uncovered"] == parts["settledOwed"] == 0
    assert parts["nav"] == parts["cash"] + parts["hedgeEquity"] - parts["liability"]


def test_nav_fast_is_near_the_exact_one(pool: Pool) -> None:
    exact = pool.view("vault", "navParts")["nav"]
    assert abs(pool.view("vault", "navFast", 2000 * WAD) - exact) < WAD


@pytest.mark.parametrize("spot", [1980.5, 1992.0, 2008.0, 2019.5])
@pytest.mark.parametrize("age", [1, 590])
def test_nav_fast_while_fresh_is_within_a_hundred_thousandth(
    pool: Pool, spot: float, age: int
) -> None:
    """What the queue's prices are off by at most: 1 % and 600 s from the last refresh."""
    pool.chain.set_time(pool.chain.time + age)
    pool.post(spot)
    assert pool.view("ledger", "aggregate", round(spot * WAD))["stale"] == 0
    exact = pool.view("vault", "navParts")["nav"]
    fast = pool.view("vault", "navFast", round(spot * WAD))
    parts = pool.view("vault", "navParts")["hedgeEquity"]
    stored = pool.view("hedge", "equityAt", round(spot * WAD))
    assert abs(fast - stored - exact + parts) <= exact // 10**5


def test_free_liquidity_is_the_worst_node_of_an_independent_sum(pool: Pool) -> None:
    (expiry,) = pool.view("ledger", "expiries")
    nodes = pool.view("ledger", "book", expiry)["nodes"]
    uncovered = pool.view("market", "uncovered")["nodes"]
    size = pool.view("hedge", "size")
    equity = pool.view("hedge", "equityAt", 2000 * WAD)
    values = [
        pool.view("vault", "cash") + equity + int(size * 2000 * (m - 1)) - value - bad
        for m, value, bad in zip(MULTIPLES, nodes, uncovered, strict=True)
    ]
    worst = pool.view("vault", "worstStress", 2000 * WAD, nodes)
    assert abs(worst - min(values)) < 10**9
    free = pool.view("vault", "freeLiquidity")
    assert free == min(pool.view("vault", "cash"), max(0, worst))
    assert 0 < free < pool.view("vault", "navParts")["nav"]


def test_solvency_states_gross_longs_and_shorts(pool: Pool) -> None:
    s = pool.view("vault", "solvency")
    (expiry,) = pool.view("ledger", "expiries")
    model = reference(pool, expiry)
    time, spot = pool.chain.time, mpf(2000)
    years, shift = model.years(time), model.shift(spot, time)
    call = black(spot, mpf(2000), years, model.vol(2, shift))["call"]
    put = black(spot, mpf(1800), years, model.vol(1, shift))["put"]
    assert abs(mpf(s["longs"]) / WAD - 25 * call) < mpf("1e-6")
    assert abs(mpf(s["shortReceivable"]) / WAD - 40 * put) < mpf("1e-6")
    venue = pool.view("hedge", "equityAt", 2000 * WAD)
    assert s["assets"] == pool.view("vault", "cash") + venue + pool.view("insurance", "balance")
    assert (s["scale"], s["shortfall"]) == (WAD, 0)


# ------------------------------------------------------------------ flows


def test_deposit_with_an_open_book_leaves_the_share_price(pool: Pool, user: Users) -> None:
    (event,) = pool.deposit(user(4), 250_000).named("DepositProcessed")
    after = pool.view("vault", "sharePrice")
    assert event["sharePrice"] != WAD
    assert 0 <= after - event["sharePrice"] <= 10**6
    assert abs(event["shares"] - event["amount"] * WAD // event["sharePrice"]) <= 10**9


def test_withdrawal_with_an_open_book_leaves_the_share_price(pool: Pool, user: Users) -> None:
    (event,) = pool.withdraw(user(1), 100_000 * WAD).named("WithdrawalProcessed")
    after = pool.view("vault", "sharePrice")
    assert event["shares"] == 100_000 * WAD
    assert 0 <= event["shares"] * event["sharePrice"] // WAD - event["amount"] < UNIT + 10**6
    assert 0 <= after - event["sharePrice"] <= 10**7


def test_flow_while_the_anchors_are_in_doubt_is_priced_at_the_worse_side(
    pool: Pool, user: Users
) -> None:
    """The feed jumps 3 points, of which the anchors follow at 8 an hour, and is 60 % sure."""
    (expiry,) = pool.view("ledger", "expiries")
    slice_ = {"a": WAD * 6889 // 10_000, "b": 0, "rho": 0, "m": 0, "sigma": WAD // 10}  # 0.83^2
    pool.must(DEPLOYER, "vol", "post", expiry, slice_, WAD * 6 // 10)
    pool.refresh()
    gap = pool.view("surface", "status", expiry)["gap"]
    assert WAD // 50 < gap <= WAD * 3 // 100
    doubt = abs(pool.view("ledger", "vegaOf", expiry)) * (gap + WAD // 10 * 4 // 10) // WAD
    nav, supply = (pool.view("vault", name) for name in ("navParts", "totalShares"))
    low, high = ((nav["nav"] + sign * doubt) * WAD // supply for sign in (-1, 1))
    (entry,) = pool.deposit(user(4), 1_000).named("DepositProcessed")
    (leave,) = pool.withdraw(user(1), 1_000 * WAD).named("WithdrawalProcessed")
    assert high - low > WAD // 10_000
    assert entry["sharePrice"] == pytest.approx(high, abs=WAD // 10**7)
    assert leave["sharePrice"] == pytest.approx(low, abs=WAD // 10**6)


def test_round_trip_in_one_block_of_time_never_pays(pool: Pool, user: Users) -> None:
    before = pool.held(user(4))
    (entry,) = pool.deposit(user(4), 300_000).named("DepositProcessed")
    (leave,) = pool.withdraw(user(4), entry["shares"]).named("WithdrawalProcessed")
    earned = pool.held(user(4)) - before
    drift = leave["sharePrice"] - entry["sharePrice"]  # a second of theta belongs to all LPs
    assert earned <= max(0, drift) * entry["shares"] // WAD


def test_run_of_all_lps_leaves_longs_fully_backed(pool: Pool, user: Users) -> None:
    """S-4: whatever LPs take out, the scale stays one, at every stress node too."""
    pool.withdraw(user(1), pool.view("vault", "sharesOf", user(1)))
    assert pool.view("vault", "pendingWithdrawals") > 0
    assert pool.view("vault", "freeLiquidity") <= 2 * UNIT
    assert pool.view("vault", "solvency")["scale"] == WAD
    aggregate = pool.view("ledger", "aggregate", 2000 * WAD)
    assert pool.view("vault", "worstStress", 2000 * WAD, aggregate["nodes"]) >= 0


def test_tokens_match_the_books_to_the_unit(pool: Pool, user: Users) -> None:
    pool.must(DEPLOYER, "quote", "mint", user(5), 10**12)
    pool.must(user(5), "quote", "transfer", pool.vault, 777)
    pool.square()
    cash = pool.view("vault", "cash")
    assert pool.held(pool.vault) == cash + 777 * UNIT
    market = pool.deployment.addresses["market"]
    assert pool.held(market) >= pool.view("market", "totalBalances")


# ------------------------------------------------------------------ known losses first


def test_queue_waits_from_expiry_to_sweep(pool: Pool, user: Users) -> None:
    (expiry,) = pool.view("ledger", "expiries")
    pool.chain.set_time(expiry - 1)
    pool.post(1500.0)
    pool.chain.set_time(expiry + 1)
    pool.post(1400.0)
    pool.withdraw(user(1), 1000 * WAD)
    for _ in range(2):
        with pytest.raises(Revert) as refusal:
            pool.view("vault", "process", 1)
        assert refusal.value.name == "StaleGreeks"
        assert refusal.value.args_exact["expiry"] == expiry
        if not pool.view("market", "settlementOf", expiry)["price"]:
            pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
    before = pool.view("vault", "navParts")["nav"]
    pool.must(DEPLOYER, "market", "sweep", expiry, 100)
    loss = before - pool.view("vault", "navParts")["nav"]
    assert pool.must(DEPLOYER, "vault", "process", 1).named("WithdrawalProcessed")
    assert pool.view("vault", "navParts")["settledOwed"] == 0
    assert loss >= 0


def test_bad_debt_is_in_the_price_before_anyone_leaves(pool: Pool, user: Users) -> None:
    """40 short puts at 1800 with 60,000: at 100 they owe 68,000 at least."""
    (expiry,) = pool.view("ledger", "expiries")
    pool.chain.set_time(expiry - 3600)
    pool.post(100.0)
    pool.refresh()
    pool.must(DEPLOYER, "market", "touch", user(3))
    owed = 40 * 1700 * WAD
    uncovered = pool.view("vault", "navParts")["uncovered"]
    balance = pool.view("market", "balanceOf", user(3))
    assert abs(uncovered - max(0, owed - balance)) <= owed // 10_000
    pool.must(DEPLOYER, "auction", "start", user(3))
    request = pool.withdraw(user(1), 1000 * WAD)
    assert request.named("WithdrawalProcessed") == []


def test_sick_venue_blocks_nothing(pool: Pool, user: Users) -> None:
    nav = pool.view("vault", "navParts")["nav"]
    pool.chain.rpc.call("anvil_setCode", pool.deployment.addresses["venue"], "0xfe")
    assert abs(pool.view("vault", "navParts")["nav"] - nav) < 100 * WAD
    assert pool.withdraw(user(1), 1000 * WAD).named("WithdrawalProcessed")
    assert pool.view("vault", "assess")["scale"] == WAD


# ------------------------------------------------------------------ gas


def test_queue_item_gas_is_within_budget(chain: Chain, user: Users) -> None:
    pool = build(chain)
    pool.fund(*(user(i) for i in range(1, 14)))
    pool.deposit(user(1), 1_000_000)
    pool.chain.advance(86_400)
    pool.post(2000.0)
    pool.must(DEPLOYER, "vault", "process", 1)
    trade_some(pool, user)
    for i in range(4, 14):
        pool.deposit(user(i), 1000)
        pool.withdraw(user(1), 1000 * WAD)
    now = pool.chain.time + 3 * 86_400
    pool.move_to(now, 2000.0)
    fixed_and_two = pool.must(DEPLOYER, "vault", "process", 1).gas
    pool.post(2000.0)
    pool.refresh()
    receipt = pool.must(DEPLOYER, "vault", "process", 9)
    served = len(receipt.named("DepositProcessed")) + len(receipt.named("WithdrawalProcessed"))
    assert served == 18
    assert (receipt.gas - fixed_and_two) / (served - 2) <= GAS_BUDGET_ITEM / 4
    assert receipt.gas / served <= GAS_BUDGET_ITEM
