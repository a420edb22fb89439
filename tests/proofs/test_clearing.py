"""The payout scale is Eisenberg and Noe's clearing of a star with the pool at its centre."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.proofs.crowd import address, admit
from amm_sim.proofs.world import ENOUGH, LP, World, build
from amm_sim.types import SeriesKey
from amm_sim.units import to_wad
from tests.proofs.eisenberg_noe import clearing

WAD = 10**18
HOUR = 3600
STRIKES = [700.0, 900.0, 1000.0, 1150.0, 1500.0]
PEOPLE = [address(i) for i in range(1, 11)]
BOOKS = 40


def fractions(*values: str | int) -> list[Fraction]:
    return [Fraction(value) for value in values]


@pytest.mark.parametrize(
    ("outside", "paid"),
    [
        (fractions("1/2", 2, 1), fractions("5/2", 3, 2)),  # one default
        (fractions(0, "1/2", "1/2"), fractions("27/14", "39/14", 2)),  # and one that follows
    ],
)
def test_solver_clears_networks_that_were_worked_by_others(
    outside: list[Fraction], paid: list[Fraction]
) -> None:
    owed = [fractions(0, 2, 1), fractions(1, 0, 2), fractions(1, 1, 0)]
    assert clearing(owed, outside) == paid


@dataclass
class Star:
    """A random book at its expiry: what everybody owes and has, as exact integers."""

    world: World
    expiry: int

    def play(self, rng: np.random.Generator, start: int) -> float:
        """Random money and trades; the price at which the expiry settles."""
        world = self.world
        money = [int(x) * WAD for x in rng.integers(20, 900, len(PEOPLE))]
        calls = [(who, "market", "deposit", (m,)) for who, m in zip(PEOPLE, money, strict=True)]
        for _ in range(25):
            key = SeriesKey(self.expiry, int(rng.integers(5)), bool(rng.integers(2)))
            lots = int(rng.integers(1, 3_000_001)) * int(rng.choice([1, 1, -1]))
            who = PEOPLE[int(rng.integers(len(PEOPLE)))]
            calls.append((who, "market", "trade", (key.id, lots * 10**12, ENOUGH)))
        liquidity = int(10 ** rng.uniform(2.0, 4.0) * 1e6) * 10**12
        fund = (DEPLOYER, "insurance", "donate", (int(rng.integers(0, 300)) * WAD + 1,))
        provided = (LP, "vault", "requestDeposit", (liquidity,))
        refresh = (DEPLOYER, "ledger", "refresh", (self.expiry,))
        world.block(start, [refresh, provided, fund], optional=calls)
        return round(float(1000.0 * np.exp(rng.normal(0.0, 0.35))), 2)

    def expected(self, price: float) -> tuple[Fraction, int, int]:
        """The pool's clearing share, what its creditors are owed, how many debtors fail."""
        claims = [self._claim(who, to_wad(price)) for who in PEOPLE]
        held = [int(self.world.call("market", "balanceOf", who)) for who in PEOPLE]
        pool = self.world.call("vault", "cash") + self.world.call("insurance", "balance")
        size = len(PEOPLE) + 1
        owed = [[Fraction() for _ in range(size)] for _ in range(size)]
        for i, claim in enumerate(claims, 1):
            owed[0][i], owed[i][0] = Fraction(max(claim, 0)), Fraction(max(-claim, 0))
        paid = clearing(owed, [Fraction(pool), *map(Fraction, held)])
        due = sum(owed[0])
        failing = sum(-c > h for c, h in zip(claims, held, strict=True))
        return (paid[0] / due if due else Fraction(1)), int(due), failing

    def settle(self, price: float) -> list[dict[str, Any]]:
        """Everybody is swept; what each was owed and got."""
        world, time = self.world, self.expiry + 1
        world.settle(time, self.expiry, price)
        settled = world.events("AccountSettled")
        world.block(time + 1, [(DEPLOYER, "market", "sweep", (self.expiry, 100))])
        assert world.call("market", "settlementOf", self.expiry)["done"]
        return settled + world.events("AccountSettled")

    def _claim(self, who: str, price: int) -> int:
        """Payoff of the account's legs, its shorts against its longs."""
        total = 0
        for leg in self.world.call("market", "legsOf", who):
            key = SeriesKey.from_id(leg["id"])
            away = price - to_wad(STRIKES[key.strike_index])
            payoff = max(away if key.is_call else -away, 0)
            assert leg["size"] * payoff % WAD == 0
            total += leg["size"] * payoff // WAD
        return total


def test_scale_of_random_books_is_the_clearing_share_to_the_wei(chain: Chain) -> None:
    world = build(chain, {"insurance.maxShare": 1})
    start = chain.time + 60
    star = Star(world, start + HOUR)
    world.open(start, 1000.0, 1.0, star.expiry, STRIKES)
    admit(world, start + 1, PEOPLE)
    fund = world.deployment.addresses["insurance"]
    mint = (DEPLOYER, "quote", "mint", (DEPLOYER, ENOUGH))
    world.block(start + 2, [mint, (DEPLOYER, "quote", "approve", (fund, ENOUGH))])
    baseline = chain.snapshot()
    rng = np.random.default_rng(3)
    short, failures = 0, 0
    for _ in range(BOOKS):
        price = star.play(rng, start + 3)
        share, due, failing = star.expected(price)
        before = {who: int(world.call("market", "balanceOf", who)) for who in PEOPLE}
        settled = star.settle(price)
        scale = world.call("market", "settlementOf", star.expiry)["scale"]
        assert abs(scale - share * WAD) <= 1
        assert scale <= WAD
        claims = {e["account"]: e for e in settled if e["owed"] > 0}
        assert sum(e["owed"] for e in claims.values()) == due
        for who, event in claims.items():
            gained = world.call("market", "balanceOf", who) - before[who]
            assert abs(gained - event["owed"] * share) <= 1 + event["owed"] // WAD
        short += share < 1
        failures += failing
        chain.revert(baseline)
        baseline = chain.snapshot()
    assert BOOKS // 5 < short < BOOKS
    assert failures > BOOKS // 2
