"""Settlement in the real protocol, in whole dollars that can be worked by hand.

Calls of strike 2400 are traded for nothing an hour before expiry at a spot of 1000 and settled at
3400: each is worth
1000. Fees, limits, margin, impact and hedge are off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.types import Mode
from tests.contracts.pool_world import WAD, Pool, build

Users = Callable[[int], str]

MARKET = (
    *("premiumFee", "spotFee", "bandFee", "confidenceFee", "insuranceShare"),
    *("minDelta", "maxDelta", "cutoff", "accountDeltaLimit", "gammaLimit", "vegaLimit"),
    "stressFloor",
)
MARGIN = (
    *("initialFactor", "maintenanceFactor", "initialSpot", "maintenanceSpot"),
    *("initialFloor", "maintenanceFloor"),
)
OFF = {
    "vault.depositDelay": 0,
    "pricing.impact": 0,
    "pricing.greekMaxMove": 100,
    "insurance.maxShare": 1,
    "oracle.jumpLimit": 0,
    **{f"market.{key}": 0 for key in MARKET},
    **{f"margin.{key}": 0 for key in MARGIN},
    "hedge.gateSlack": 0,
    "breaker.navDrop": 0,
}
DUST = 30 * 10**12
"""What rounding to token units may move in one scene."""


@dataclass
class Scene:
    """A pool before settlement. Users: 1 LP; 2 long 6; 3 long 4; 4 short 4 with 1000."""

    pool: Pool
    expiry: int
    user: Users

    def expire(self) -> None:
        """The first price after expiry."""
        self.pool.chain.set_time(self.expiry)
        self.pool.post(3400.0)

    def settle(self) -> None:
        round_id = self.pool.view("push", "latestRound")
        self.pool.must(DEPLOYER, "market", "settleExpiry", self.expiry, round_id)

    def sweep(self, count: int = 100) -> None:
        self.pool.must(DEPLOYER, "market", "sweep", self.expiry, count)

    def balances(self) -> list[float]:
        return [self.pool.view("market", "balanceOf", self.user(i)) / WAD for i in (2, 3, 4)]

    def nav(self) -> int:
        return int(self.pool.view("vault", "navParts")["nav"])

    def of_expiry(self, key: str) -> int:
        return int(self.pool.view("market", "settlementOf", self.expiry)[key])


def scene(chain: Chain, user: Users, liquidity: float, fund: float) -> Scene:
    pool = build(chain, OFF, price=1000.0)
    pool.fund(*(user(i) for i in range(1, 6)))
    pool.deposit(user(1), liquidity)
    if fund:
        token, insurance = pool.at("quote"), pool.deployment.addresses["insurance"]
        token.must("approve", insurance, 10**36, sender=user(1))
        pool.must(user(1), "insurance", "donate", int(fund * WAD))
    expiry = pool.list(1 / 24, [2000.0, 2400.0])
    for index, collateral, size in ((2, 1, 6), (3, 1, 4), (4, 1000, -4)):
        pool.must(user(index), "market", "deposit", collateral * WAD)
        pool.trade(user(index), expiry, 1, True, size)
    return Scene(pool, expiry, user)


def test_solvent_pool_pays_in_full_and_the_fund_goes_first(chain: Chain, user: Users) -> None:
    s = scene(chain, user, 8_600, 500)
    s.expire()
    s.settle()
    s.sweep()
    # 8600 + the debtor's 1000 + the fund's 500 = 10100 >= 10000
    assert s.of_expiry("scale") == WAD
    assert s.balances() == pytest.approx([6001, 4001, 0], abs=3e-5)
    assert s.pool.view("insurance", "balance") == 0
    assert s.pool.view("vault", "cash") == pytest.approx(100 * WAD, abs=DUST)
    assert s.pool.view("market", "settledOwed") == 0


def test_insolvent_pool_pays_everyone_the_same_share(chain: Chain, user: Users) -> None:
    s = scene(chain, user, 7_500, 500)
    s.expire()
    s.settle()
    s.sweep()
    # (7500 + 1000 + 500) / 10000
    assert s.of_expiry("scale") == pytest.approx(0.9 * WAD, rel=1e-8)
    assert s.balances() == pytest.approx([5401, 3601, 0], abs=3e-5)
    assert s.pool.view("vault", "cash") < DUST
    s.pool.square()
    assert s.pool.view("market", "totalBalances") == s.pool.held(
        s.pool.deployment.addresses["market"]
    )


def test_bad_debt_is_reported_once_with_what_the_fund_paid(chain: Chain, user: Users) -> None:
    s = scene(chain, user, 8_600, 500)
    s.expire()
    s.settle()
    receipt = s.pool.must(DEPLOYER, "market", "sweep", s.expiry, 100)
    (debt,) = receipt.named("BadDebt")
    assert debt["account"] == user(4)
    assert debt["loss"] == pytest.approx(3000 * WAD, abs=DUST)
    assert debt["insured"] == 500 * WAD
    (swept,) = receipt.named("ShortsSwept")
    assert [swept["longs"], swept["shorts"]] == [10_000 * WAD, 4_000 * WAD]
    assert swept["collected"] == pytest.approx(1_000 * WAD, abs=DUST)
    settled = {e["account"]: (e["owed"], e["paid"]) for e in receipt.named("AccountSettled")}
    assert settled[user(2)] == (6_000 * WAD, 6_000 * WAD)
    assert settled[user(4)][0] == -4_000 * WAD


def test_sweep_in_steps_of_one_ends_the_same(chain: Chain, user: Users) -> None:
    s = scene(chain, user, 7_500, 500)
    s.expire()
    s.settle()
    steps = 0
    while not s.of_expiry("done"):
        s.sweep(1)
        steps += 1
    assert steps >= 5
    assert s.balances() == pytest.approx([5401, 3601, 0], abs=3e-5)
    assert s.pool.view("market", "liveExpiries") == []


def test_nav_does_not_jump_from_touch_to_last_payment(chain: Chain, user: Users) -> None:
    s = scene(chain, user, 20_000, 0)
    s.expire()
    s.pool.must(DEPLOYER, "market", "touch", user(4))
    # 20000 + 4000 owed - 3000 that the debtor lacks - 10000
    assert s.nav() == pytest.approx(11_000 * WAD, abs=DUST)
    s.settle()
    assert s.nav() == pytest.approx(11_000 * WAD, abs=DUST)
    while not s.of_expiry("done"):
        s.sweep(1)
        assert s.nav() == pytest.approx(11_000 * WAD, abs=DUST)


def test_money_that_comes_later_does_not_change_a_fixed_scale(chain: Chain, user: Users) -> None:
    s = scene(chain, user, 7_500, 500)
    s.expire()
    s.settle()
    s.sweep(3)  # all debtors and the snapshot, no creditor yet
    assert s.of_expiry("shortsSwept")
    scale = s.of_expiry("scale")
    token, insurance = s.pool.at("quote"), s.pool.deployment.addresses["insurance"]
    token.must("approve", insurance, 10**36, sender=user(5))
    s.pool.must(user(5), "insurance", "donate", 5_000 * WAD)
    while not s.of_expiry("done"):
        s.sweep(1)
    assert s.of_expiry("scale") == scale
    assert s.balances() == pytest.approx([5401, 3601, 0], abs=3e-5)


def test_wind_down_pays_a_closing_long_its_share_and_takes_a_short_in_full(
    chain: Chain, user: Users
) -> None:
    s = scene(chain, user, 7_500, 500)
    s.pool.chain.advance(60)
    s.pool.post(3400.0)
    s.pool.refresh()
    s.pool.must(DEPLOYER, "market", "touch", user(4))
    s.pool.must(DEPLOYER, "breaker", "poke")
    assert s.pool.view("breaker", "mode") == Mode.WIND_DOWN
    sold = s.pool.trade(user(2), s.expiry, 1, True, -1)["result"]
    assert sold["cash"] == pytest.approx(-900 * WAD, abs=1e15)  # (7500 + 500 + 1000) / 10000
    bought = s.pool.trade(user(4), s.expiry, 1, True, 0.5)["result"]
    assert bought["cash"] == pytest.approx(500 * WAD, abs=1e15)
    s.expire()
    s.settle()
    s.sweep()
    # 7500 - 900 + 500 in cash, 500 left to the debtor, 500 in the fund for 9000: 8100 / 9000
    assert s.balances() == pytest.approx([1 + 900 + 5 * 900, 1 + 4 * 900, 0], abs=0.01)


def test_later_expiry_is_not_drained_by_an_early_one(chain: Chain, user: Users) -> None:
    pool = build(chain, OFF, price=1000.0)
    pool.fund(*(user(i) for i in range(1, 4)))
    pool.deposit(user(1), 9_000)
    early, late = pool.list(1 / 24, [2400.0]), pool.list(2 / 24, [2400.0])
    for index, expiry, size in ((2, early, 6), (3, late, 4)):
        pool.must(user(index), "market", "deposit", WAD)
        pool.trade(user(index), expiry, 0, True, size)
    for index, expiry in ((2, early), (3, late)):
        pool.chain.set_time(expiry)
        pool.post(3400.0)
        pool.must(DEPLOYER, "market", "settleExpiry", expiry, pool.view("push", "latestRound"))
        pool.must(DEPLOYER, "market", "sweep", expiry, 10)
        paid = pool.view("market", "balanceOf", user(index)) / WAD - 1
        # 9000 for 10000, whoever comes first
        assert paid == pytest.approx({2: 5400, 3: 3600}[index], abs=0.01)
