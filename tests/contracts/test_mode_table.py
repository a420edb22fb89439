"""O-1: the mode table, cell by cell, in the real protocol.

Every action of every actor is tried in every mode, and in each of the ways that lead there, from
the same state. "ok" means that it succeeds.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

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
    "oracle.sequencerGrace": 1800,
    "vault.juniorWeight": 3,
    "collateral.cap": 100,
}
SPOT, RUINOUS = 2400.0, 12_000.0
TABLE = {
    #               NORMAL REDUCE_ONLY     FROZEN                WIND_DOWN
    "open": ("ok", "ModeForbids", "ModeForbids", "ModeForbids"),
    "open short": ("ok", "ModeForbids", "ModeForbids", "ModeForbids"),
    "close": ("ok", "ok", "ModeForbids", "ok"),
    "close short": ("ok", "ok", "ModeForbids", "ok"),
    "hedge": ("ok", "ok", "HedgeModeForbids", "ok"),
    "liquidate": ("ok", "ok", "ModeForbids", "ok"),
    "bid": ("ok", "ok", "ModeForbids", "ok"),
    "top up": ("ok", "ok", "ok", "ok"),
    "take what is free": ("ok", "ok", "ok", "ok"),
    "top up in underlying": ("ok", "ok", "ok", "ok"),
    "take free underlying": ("ok", "ok", "ok", "ok"),
    "touch": ("ok", "ok", "ok", "ok"),
    "claim": ("ok", "ok", "ok", "ok"),
    "insure": ("ok", "ok", "ok", "ok"),
    "ask to leave": ("ok", "ok", "QueueWaits", "QueueWaits"),
    "ask to enter": ("ok", "ok", "QueueWaits", "QueueWaits"),
    "ask to leave as a junior": ("ok", "ok", "QueueWaits", "QueueWaits"),
    "ask to enter as a junior": ("ok", "ok", "QueueWaits", "QueueWaits"),
    "change one's mind": ("ok", "ok", "ok", "ok"),
    "be paid out": ("ok", "QueueWaits", "QueueWaits", "QueueWaits"),
    "loosen": ("OnlyTighter",) * 4,
}
ONE_FEED_LEFT = {"close": "ok", "close short": "ok", "liquidate": "ok", "bid": "ok"}
"""What FROZEN still allows while one feed is alive."""
WAYS = {
    "normal": Mode.NORMAL,
    "degraded feeds": Mode.REDUCE_ONLY,
    "wide confidence": Mode.REDUCE_ONLY,
    "guardian reduces": Mode.REDUCE_ONLY,
    "dead feeds": Mode.FROZEN,
    "one feed left": Mode.FROZEN,
    "torn feeds": Mode.FROZEN,
    "guardian freezes": Mode.FROZEN,
    "sequencer down": Mode.FROZEN,
    "sequencer just back": Mode.FROZEN,
    "insolvency": Mode.WIND_DOWN,
}
PRICED = {"one feed left", "torn feeds", "guardian freezes"}
"""Ways into FROZEN in which some feed is alive: exits go on."""


@pytest.fixture
def pool(chain: Chain, user: Users) -> Pool:
    """200,000 from one LP; long calls, short calls with little collateral; one request waits."""
    pool = build(chain, WIDE)
    pool.fund(*(user(i) for i in range(1, 6)))
    pool.deposit(user(1), 200_000)
    pool.must(user(4), "vault", "requestJuniorDeposit", 50_000 * WAD)
    insurance = pool.deployment.addresses["insurance"]
    pool.at("quote").must("approve", insurance, ENOUGH, sender=user(1))
    expiry = pool.list(30, [2000.0])
    pool.must(user(2), "market", "deposit", 500_000 * WAD)
    pool.must(user(3), "market", "deposit", 3_000 * WAD)
    pool.must(user(5), "market", "deposit", 100_000 * WAD)
    for who in (user(2), user(3)):
        pool.at("underlying").must("mint", who, 2 * WAD)
        collateral = pool.deployment.addresses["collateral"]
        pool.at("underlying").must("approve", collateral, ENOUGH, sender=who)
    pool.must(user(2), "collateral", "depositUnderlying", 2 * WAD)
    pool.trade(user(2), expiry, 0, True, 40)
    pool.trade(user(3), expiry, 0, True, -5)
    pool.trade(user(5), expiry, 0, True, -2)
    pool.withdraw(user(1), 1_000 * WAD)
    pool.move_to(pool.chain.time + 4000, SPOT)
    pool.must(DEPLOYER, "oracle", "poke")
    assert Mode(pool.view("breaker", "mode")) == Mode.NORMAL
    return pool


def pull_says(pool: Pool, share: float, conf: float) -> None:
    """The pull feed posts a multiple of SPOT; books are refreshed at what the guard makes of it."""
    answer = round(SPOT * share * 10**8)
    pool.must(DEPLOYER, "pull", "post", PULL_ID, answer, round(conf * answer), -8, pool.chain.time)
    pool.refresh()


def kill(pool: Pool, *feeds: str) -> None:
    for feed in feeds:
        pool.chain.rpc.call("anvil_setCode", pool.deployment.addresses[feed], "0xfe")


def ruin(pool: Pool) -> None:
    pool.move_to(pool.chain.time + 60, RUINOUS)
    pool.must(DEPLOYER, "breaker", "poke")


def sequencer(pool: Pool, up: bool, ago: int) -> None:
    pool.must(DEPLOYER, "uptime", "post", up, pool.chain.time - ago)


ENTER: dict[str, Callable[[Pool], object]] = {
    "normal": lambda pool: pool,
    "degraded feeds": lambda pool: pull_says(pool, 1.01, 0.0),
    "wide confidence": lambda pool: pull_says(pool, 1.0, 0.01),
    "guardian reduces": lambda pool: pool.must(GUARDIAN, "breaker", "tighten", Mode.REDUCE_ONLY),
    "dead feeds": lambda pool: kill(pool, "push", "pull"),
    "one feed left": lambda pool: kill(pool, "pull"),
    "torn feeds": lambda pool: pull_says(pool, 1.05, 0.0),
    "guardian freezes": lambda pool: pool.must(GUARDIAN, "breaker", "tighten", Mode.FROZEN),
    "sequencer down": lambda pool: sequencer(pool, False, 0),
    "sequencer just back": lambda pool: sequencer(pool, True, 1700),
    "insolvency": ruin,
}
AFTER_EXPIRY = {"degraded feeds", "wide confidence", "one feed left", "torn feeds"} | {
    "sequencer just back"
}
"""Ways that a later post or time would lead out of."""


def attempt(pool: Pool, user: Users, action: str) -> str:
    """What became of an action: "ok" or the name of the refusal."""
    expiry = pool.view("market", "liveExpiries")[0]
    series = expiry << 16 | 1
    trade = {
        "open": (user(2), 2 * WAD),
        "close": (user(2), -2 * WAD),
        "open short": (user(5), -WAD),
        "close short": (user(5), WAD),
    }
    calls: dict[str, tuple[str, str, str, tuple[object, ...]]] = {
        "hedge": (DEPLOYER, "hedge", "hedge", ()),
        "liquidate": (DEPLOYER, "auction", "start", (user(3),)),
        "top up": (user(3), "market", "deposit", (1000 * WAD,)),
        "bid": (user(5), "auction", "bid", (user(3), WAD // 10, ENOUGH, 1)),
        "take what is free": (user(2), "market", "withdraw", (WAD,)),
        "top up in underlying": (user(3), "collateral", "depositUnderlying", (WAD,)),
        "take free underlying": (user(2), "collateral", "withdrawUnderlying", (2 * WAD,)),
        "claim": (DEPLOYER, "vault", "claim", (user(1),)),
        "insure": (user(1), "insurance", "donate", (WAD,)),
        "ask to leave as a junior": (user(4), "vault", "requestJuniorWithdrawal", (WAD,)),
        "ask to enter as a junior": (user(4), "vault", "requestJuniorDeposit", (WAD,)),
        "loosen": (GUARDIAN, "breaker", "tighten", (Mode.NORMAL,)),
        "touch": (DEPLOYER, "market", "touch", (user(3),)),
        "ask to leave": (user(1), "vault", "requestWithdrawal", (WAD,)),
        "ask to enter": (user(4), "vault", "requestDeposit", (WAD,)),
        "change one's mind": (user(1), "vault", "cancel", (1,)),
        "be paid out": (DEPLOYER, "vault", "process", (5,)),
    }
    if action in trade:
        who, size = trade[action]
        calls[action] = (who, "market", "trade", (series, size, ENOUGH))
    if action == "bid" and not pool.send(DEPLOYER, "auction", "start", user(3)).ok:
        return "ModeForbids"
    sender, role, function, arguments = calls[action]
    receipt = pool.send(sender, role, function, *arguments)
    return "ok" if receipt.error is None else receipt.error.name


@pytest.mark.parametrize("way", WAYS)
def test_action_in_mode_follows_the_table(pool: Pool, user: Users, way: str) -> None:
    ENTER[way](pool)
    mode = Mode(pool.view("breaker", "mode"))
    assert mode == WAYS[way]
    found = {}
    for action in TABLE:
        token = pool.chain.snapshot()
        found[action] = attempt(pool, user, action)
        pool.chain.revert(token)
    expected = {action: TABLE[action][mode] for action in found}
    assert found == expected | (ONE_FEED_LEFT if way in PRICED else {})


@pytest.mark.parametrize("way", WAYS)
def test_settlement_in_every_mode_goes_on(pool: Pool, way: str) -> None:
    """Rounds shortly before and after the expiry; with dead feeds the TWAP after its deadline."""
    (expiry,) = pool.view("market", "liveExpiries")
    if way not in AFTER_EXPIRY:
        ENTER[way](pool)
    if way != "dead feeds":
        for time in (expiry - 10, expiry + 10):
            pool.chain.set_time(time)
            pool.post(RUINOUS if way == "insolvency" else SPOT)
    if way in AFTER_EXPIRY:
        ENTER[way](pool)
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


# ------------------------------------------------------------------ rewards


@pytest.mark.parametrize("way", [way for way in WAYS if "sequencer" not in way])
def test_rewards_are_paid_in_normal_mode_only(chain: Chain, user: Users, way: str) -> None:
    """Who supplies delta is refused by name in every other mode."""
    on = {"venue": "fillers", "market.inventoryFee": "0.0008", "reward.maxReward": "0.0008"}
    off = {"vault.juniorWeight": 0, "oracle.sequencerGrace": 0, "reward.maxMove": 0}
    rates = {k: Decimal(v) if k != "venue" else v for k, v in on.items()}
    pool = build(chain, WIDE | rates | off)
    pool.fund(*(user(i) for i in range(1, 4)))
    pool.deposit(user(1), 200_000)
    expiry = pool.list(30, [2000.0])
    pool.must(user(2), "market", "deposit", 500_000 * WAD)
    pool.trade(user(2), expiry, 0, True, 40)
    pool.must(DEPLOYER, "underlying", "mint", user(3), 1_000 * WAD)
    fillers = pool.deployment.addresses[pool.deployment.venues["fillers"]]
    pool.at("underlying").must("approve", fillers, ENOUGH, sender=user(3))
    pool.move_to(pool.chain.time + 4000, SPOT)
    pool.must(DEPLOYER, "oracle", "poke")
    ENTER[way](pool)
    role = pool.deployment.venues["fillers"]
    receipt = pool.send(user(3), role, "fill", 10 * WAD, 0)
    found = "ok" if receipt.error is None else receipt.error.name
    assert found == ("ok" if way == "normal" else "RewardsOff")
