"""CircuitBreaker in the real protocol: crashes trip it, calm lifts it, no sick venue stops it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.deploy import GUARDIAN
from amm_sim.types import Mode
from tests.contracts.pool_world import WAD, Pool, build

AT_ONCE = {"vault.depositDelay": 0, "vault.withdrawalDelay": 0, "oracle.jumpLimit": 0}
TIMEOUT = CLEAR = 1800
GAS_LIMIT_POKE = 400_000

Users = Callable[[int], str]


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """200,000 from one LP; a trader long 40 calls, unhedged; only the NAV trigger is armed."""
    quiet = {"breaker.freeLiquidity": 0, "breaker.hedgeShortfall": 0, "market.stressFloor": 0}
    wide = {"market.accountDeltaLimit": 0, "market.gammaLimit": 0, "market.vegaLimit": 0}
    gates = {"hedge.gateSlack": 0, "policy": "none", "pricing.impact": 0}
    pool = build(chain, AT_ONCE | quiet | wide | gates)
    pool.fund(user(1), user(2))
    pool.deposit(user(1), 200_000)
    expiry = pool.list(30, [1800.0, 2000.0, 2200.0])
    pool.must(user(2), "market", "deposit", 500_000 * WAD)
    pool.trade(user(2), expiry, 1, True, 40)
    pool.must(DEPLOYER, "breaker", "poke")
    return pool


def poke(pool: Pool) -> tuple[Mode, list[int]]:
    """The effective mode after a poke, and the causes that tripped."""
    receipt = pool.must(DEPLOYER, "breaker", "poke")
    mode = Mode(pool.view("breaker", "mode"))
    return mode, [event["cause"] for event in receipt.named("Tripped")]


def crash(pool: Pool, price: float = 2700.0) -> None:
    pool.move_to(pool.chain.time + 60, price)


def test_poke_after_a_crash_trips_and_calm_lifts(pool: Pool, user: Users) -> None:
    nav = pool.view("vault", "navParts")["nav"]
    crash(pool)
    assert pool.view("vault", "navParts")["nav"] < 0.92 * nav
    assert poke(pool) == (Mode.REDUCE_ONLY, [0])
    (expiry,) = pool.view("ledger", "expiries")
    more = (expiry << 16 | 1 << 8 | 1, WAD, 10**36)
    refused = pool.send(user(2), "market", "trade", *more)
    assert refused.error is not None
    assert refused.error.name == "ModeForbids"
    pool.trade(user(2), expiry, 1, True, -1)  # closing is allowed
    tripped = pool.chain.time
    for minutes in range(10, 200, 10):
        pool.move_to(tripped + minutes * 60, 2700.0)
        mode, causes = poke(pool)
        assert causes == []
        if mode == Mode.NORMAL:
            break
    assert 60 <= minutes - CLEAR // 60 <= 80, "an hour until the peak is forgotten, then 30 minutes"
    pool.trade(user(2), expiry, 1, True, 1)


def test_poke_insolvent_pool_winds_down_and_recovers(pool: Pool, user: Users) -> None:
    crash(pool, 9000.0)
    mode, causes = poke(pool)
    assert mode == Mode.WIND_DOWN
    assert 5 in causes
    s = pool.view("vault", "solvency")
    assert s["scale"] == (s["assets"] + s["shortReceivable"]) * WAD // s["longs"] < WAD
    assert s["shortfall"] == s["longs"] - s["assets"] - s["shortReceivable"]
    refused = pool.send(user(1), "vault", "requestWithdrawal", 1000 * WAD)
    assert refused.error is not None
    assert refused.error.name == "QueueWaits"
    crash(pool, 2000.0)
    assert poke(pool)[0] == Mode.REDUCE_ONLY
    assert pool.view("vault", "insolvent") is False


def test_wind_down_closing_first_earns_no_more_than_the_scale(pool: Pool, user: Users) -> None:
    crash(pool, 9000.0)
    poke(pool)
    (expiry,) = pool.view("ledger", "expiries")
    before = pool.view("vault", "solvency")
    event = pool.trade(user(2), expiry, 1, True, -20)
    paid, mark = -event["result"]["premium"], event["result"]["mark"]
    assert abs(paid / (20 * mark) - before["scale"] / WAD) < 1e-3
    after = pool.view("vault", "solvency")
    assert after["scale"] >= before["scale"] - WAD // 1000


@pytest.mark.parametrize("code", ["0xfe", "0x60006000fd", "0x"])
def test_poke_sick_venue_never_reverts(pool: Pool, code: str) -> None:
    crash(pool)
    pool.chain.rpc.call("anvil_setCode", pool.deployment.addresses["venue"], code)
    assert poke(pool) == (Mode.REDUCE_ONLY, [0])


@pytest.mark.parametrize("feed", ["push", "pull"])
def test_poke_dead_feed_freezes_and_examines_nothing(pool: Pool, feed: str) -> None:
    pool.chain.rpc.call("anvil_setCode", pool.deployment.addresses[feed], "0xfe")
    receipt = pool.must(DEPLOYER, "breaker", "poke")
    assert receipt.named("ModeChanged") == [{"from": Mode.NORMAL, "to": Mode.FROZEN}]
    assert pool.view("breaker", "state")["causes"] == 0


def test_tighten_is_the_guardians_and_ends(pool: Pool, user: Users) -> None:
    refused = pool.send(user(1), "breaker", "tighten", Mode.FROZEN)
    assert refused.error is not None
    assert refused.error.name == "OnlyGuardian"
    pool.must(GUARDIAN, "breaker", "tighten", Mode.FROZEN)
    assert Mode(pool.view("breaker", "mode")) == Mode.FROZEN
    start = pool.chain.time
    poke(pool)
    pool.move_to(start + TIMEOUT + 60, 2000.0)
    assert poke(pool)[0] == Mode.NORMAL


def test_poke_gas_is_bounded(pool: Pool) -> None:
    pool.move_to(pool.chain.time + 60, 2000.0)
    assert pool.must(DEPLOYER, "breaker", "poke").gas <= GAS_LIMIT_POKE
