"""O-1: the mode table, cell by cell, in the real protocol.

Every action is tried in every mode from the same state. "ok" means that it succeeds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.deploy import GUARDIAN, PULL_ID
from amm_sim.types import Mode
from tests.contracts.pool_world import ENOUGH, WAD, Pool, build

Users = Callable[[int], str]

WIDE = {
    "vault.depositDelay": 0,
    "vault.withdrawalDelay": 3600,
    "oracle.jumpLimit": 0,
    "breaker.navDrop": 0,
    "breaker.freeLiquidity": 0,
    "breaker.hedgeShortfall": 0,
    "market.stressFloor": 0,
    "market.accountDeltaLimit": 0,
    "market.gammaLimit": 0,
    "market.vegaLimit": 0,
    "market.maxDelta": 0,
    "hedge.gateSlack": 0,
    "pricing.impact": 0,
}
SPOT, RUINOUS = 2400.0, 9000.0
TABLE = {
    #               NORMAL REDUCE_ONLY     FROZEN                WIND_DOWN
    "open": ("ok", "ModeForbids", "ModeForbids", "ModeForbids"),
    "close": ("ok", "ok", "ModeForbids", "ok"),
    "hedge": ("ok", "ok", "HedgeModeForbids", "ok"),
    "liquidate": ("ok", "ok", "ModeForbids", "ok"),
    "top up": ("ok", "ok", "ok", "ok"),
    "touch": ("ok", "ok", "ok", "ok"),
    "ask to leave": ("ok", "ok", "QueueWaits", "QueueWaits"),
    "ask to enter": ("ok", "ok", "QueueWaits", "QueueWaits"),
    "change one's mind": ("ok", "ok", "ok", "ok"),
    "be paid out": ("ok", "QueueWaits", "QueueWaits", "QueueWaits"),
}
ONE_FEED_LEFT = {"close": "ok", "liquidate": "ok"}
"""What FROZEN still allows while one feed is alive."""
WAYS = {
    "normal": Mode.NORMAL,
    "degraded feeds": Mode.REDUCE_ONLY,
    "guardian reduces": Mode.REDUCE_ONLY,
    "dead feeds": Mode.FROZEN,
    "one feed left": Mode.FROZEN,
    "insolvency": Mode.WIND_DOWN,
}


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """200,000 from one LP; long calls, short calls with little collateral; one request waits."""
    pool = build(chain, WIDE)
    pool.fund(*(user(i) for i in range(1, 5)))
    pool.deposit(user(1), 200_000)
    expiry = pool.list(30, [2000.0])
    pool.must(user(2), "market", "deposit", 500_000 * WAD)
    pool.must(user(3), "market", "deposit", 3_000 * WAD)
    pool.trade(user(2), expiry, 0, True, 40)
    pool.trade(user(3), expiry, 0, True, -5)
    pool.withdraw(user(1), 1_000 * WAD)
    pool.move_to(pool.chain.time + 4000, SPOT)
    pool.must(DEPLOYER, "oracle", "poke")
    assert Mode(pool.view("breaker", "mode")) == Mode.NORMAL
    return pool


def enter(pool: Pool, way: str) -> None:
    """Brings the pool into a mode."""
    if way == "degraded feeds":
        answer = round(SPOT * 1.01 * 10**8)
        pool.must(DEPLOYER, "pull", "post", PULL_ID, answer, 0, -8, pool.chain.time)
    elif way == "guardian reduces":
        pool.must(GUARDIAN, "breaker", "tighten", Mode.REDUCE_ONLY)
    elif way == "dead feeds":
        for feed in ("push", "pull"):
            pool.chain.rpc.call("anvil_setCode", pool.deployment.addresses[feed], "0xfe")
    elif way == "one feed left":
        pool.chain.rpc.call("anvil_setCode", pool.deployment.addresses["pull"], "0xfe")
    elif way == "insolvency":
        pool.move_to(pool.chain.time + 60, RUINOUS)
        pool.must(DEPLOYER, "breaker", "poke")


def attempt(pool: Pool, user: Users, action: str) -> str:
    """What became of an action: "ok" or the name of the refusal."""
    expiry = pool.view("market", "liveExpiries")[0]
    series = expiry << 16 | 1
    trade = {"open": 2 * WAD, "close": -2 * WAD}
    calls: dict[str, tuple[str, str, str, tuple[object, ...]]] = {
        "hedge": (DEPLOYER, "hedge", "hedge", ()),
        "liquidate": (DEPLOYER, "auction", "start", (user(3),)),
        "top up": (user(3), "market", "deposit", (1000 * WAD,)),
        "touch": (DEPLOYER, "market", "touch", (user(3),)),
        "ask to leave": (user(1), "vault", "requestWithdrawal", (WAD,)),
        "ask to enter": (user(4), "vault", "requestDeposit", (WAD,)),
        "change one's mind": (user(1), "vault", "cancel", (1,)),
        "be paid out": (DEPLOYER, "vault", "process", (5,)),
    }
    if action in trade:
        calls[action] = (user(2), "market", "trade", (series, trade[action], ENOUGH))
    sender, role, function, arguments = calls[action]
    receipt = pool.send(sender, role, function, *arguments)
    return "ok" if receipt.error is None else receipt.error.name


@pytest.mark.parametrize("way", WAYS)
def test_action_in_mode_follows_the_table(pool: Pool, user: Users, way: str) -> None:
    enter(pool, way)
    mode = Mode(pool.view("breaker", "mode"))
    assert mode == WAYS[way]
    found = {}
    for action in TABLE:
        token = pool.chain.snapshot()
        found[action] = attempt(pool, user, action)
        pool.chain.revert(token)
    expected = {action: TABLE[action][mode] for action in found}
    assert found == expected | (ONE_FEED_LEFT if way == "one feed left" else {})


@pytest.mark.parametrize("way", WAYS)
def test_settlement_in_every_mode_goes_on(pool: Pool, way: str) -> None:
    """Rounds shortly before and after the expiry; with dead feeds the TWAP after its deadline."""
    (expiry,) = pool.view("market", "liveExpiries")
    if way != "one feed left":
        enter(pool, way)
    if way != "dead feeds":
        for time in (expiry - 10, expiry + 10):
            pool.chain.set_time(time)
            pool.post(RUINOUS if way == "insolvency" else SPOT)
    if way in {"degraded feeds", "one feed left"}:
        enter(pool, way)
    mode = Mode(pool.view("breaker", "mode"))
    assert mode == WAYS[way]
    latest = 0 if way == "dead feeds" else pool.view("push", "latestRound")
    pool.chain.set_time(expiry + 3600 + 90 + 1)
    pool.must(DEPLOYER, "market", "settleExpiry", expiry, latest)
    pool.must(DEPLOYER, "market", "sweep", expiry, 100)
    settled = pool.view("market", "settlementOf", expiry)
    assert settled["shortsSwept"]
    assert settled["done"]
    assert (settled["scale"] < WAD) == (mode == Mode.WIND_DOWN)
    pool.square()
    market = pool.deployment.addresses["market"]
    assert pool.held(market) >= pool.view("market", "totalBalances")
