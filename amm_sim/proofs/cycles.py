"""The cycle proof: an optimiser looks for cycles of trades that earn, on the contracts themselves.

A contract plays a whole cycle in one call (contracts/mocks/Cycler.sol): trades of two accounts,
prices and protocol hedges in between, price and positions brought back. Differential evolution over
what is traded, by whom, when the pool hedges and where the price goes looks for the cycle whose
accounts get back the most. Every evaluation is a cycle on the chain; others' inventory, drawn at
random, is not zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import differential_evolution

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Contract
from amm_sim.chain.deploy import PULL_ID
from amm_sim.proofs.world import ENOUGH, TRADER, World, build
from amm_sim.types import SeriesKey
from amm_sim.units import from_wad, to_wad

Floats = npt.NDArray[np.float64]
BASE = Path(__file__).parents[2] / "scenarios" / "base.toml"
SPOT, VOL, DAY = 2000.0, 0.8, 86_400
STRIKES = (1600.0, 1800.0, 2000.0, 2200.0, 2500.0)
LIQUIDITY = 1_000_000.0
GENES = 7
"""Of a step: who, series, size, price, hedge after it, venue shut then, hedge at its closing."""
LARGEST = 40.0
"""Contracts of a trade."""
REACH = 0.004
"""Largest move of the price between steps: the guard trusts feeds within half a percent."""
SPREADS: Mapping[str, Mapping[str, Any]] = {
    "none": {"premiumFee": 0, "spotFee": 0, "bandFee": 0, "confidenceFee": 0},
    "half": {"premiumFee": Decimal("0.0025"), "spotFee": Decimal("0.0003")},
    "base": {},
}
"""Half-spreads by name, as changes of [protocol.market]."""
NO_LIMITS = ("accountDeltaLimit", "gammaLimit", "vegaLimit", "minDelta", "maxDelta", "stressFloor")


@dataclass(frozen=True, slots=True)
class Case:
    """One search.

    ``paid``: contracts that the accounts push back and forth first, so that fees were paid that a
    cycle may get back. ``moves``: whether prices move within the cycle.
    """

    spread: str = "none"
    seed: int = 1
    steps: int = 4
    population: int = 6
    generations: int = 6
    paid: float = 0.0
    moves: bool = True


@dataclass(frozen=True, slots=True)
class Search:
    """What it found; money in quote, + the accounts pay.

    ``charged``: least inventory fees less rebates of a cycle; ``rebates``: the most that one was
    paid back, gross; ``cash``: least cash of a cycle without price moves, premiums and all;
    ``had``: inventory fees that the accounts had paid before.
    """

    case: Case
    cycles: int
    trades: int
    hedges: int
    unclosed: int
    charged: float
    rebates: float
    cash: float
    had: float

    @property
    def holds(self) -> bool:
        """No cycle got back more than was ever paid, and none without price moves earned cash."""
        return self.charged >= -self.had - 1e-9 and (self.case.moves or self.cash >= -self.had)


class Cycles:
    """A pool with somebody's inventory, and a contract that plays cycles on it."""

    def __init__(self, chain: Chain, case: Case) -> None:
        self.case = case
        self.rng = np.random.default_rng(case.seed)
        self.world = _world(chain, case.spread)
        start = chain.time + 60
        self.expiry = start + 30 * DAY
        posts = [*self.world.publish(SPOT, start), self.world.vol_post(self.expiry, VOL)]
        self.world.block(start, posts)
        self.world.fund(start + 1, to_wad(LIQUIDITY), to_wad(LIQUIDITY))
        self._must("market", "list", self.expiry, [to_wad(strike) for strike in STRIKES])
        self._inventory()
        self.cycler = self._deploy(chain)
        if case.paid > 0.0:
            self._pay()
        self.had = self._paid()
        self.cycles = self.trades = self.hedges = self.unclosed = 0
        self.best = {"charged": np.inf, "rebates": 0.0, "cash": np.inf}

    def search(self) -> Search:
        """The optimiser's run."""
        limits = [(0.0, 1.0), (0.0, 2.0 * len(STRIKES)), (-1.0, 1.0), (-1.0, 1.0)]
        bounds = [*limits, *[(0.0, 1.0)] * 3] * self.case.steps
        differential_evolution(
            self.loss,
            bounds,
            maxiter=self.case.generations,
            popsize=self.case.population,
            rng=self.rng,
            polish=False,
            tol=0.0,
        )
        least, most, cash = self.best["charged"], self.best["rebates"], self.best["cash"]
        seen = (self.cycles, self.trades, self.hedges, self.unclosed)
        return Search(self.case, *seen, float(least), float(most), float(cash), self.had)

    def loss(self, genes: Floats) -> float:
        """What the accounts pay for the cycle, in quote: fees less rebates, or all cash."""
        done = self.cycler.call("play", self._steps(genes), to_wad(SPOT))
        self.cycles += 1
        self.trades += done["trades"]
        self.hedges += done["hedges"]
        if not done["closed"]:
            self.unclosed += 1
            return 0.0
        charged, cash = from_wad(done["charged"]), from_wad(done["cash"])
        self.best["charged"] = min(self.best["charged"], charged)
        self.best["rebates"] = max(self.best["rebates"], from_wad(done["rebates"]))
        self.best["cash"] = min(self.best["cash"], cash)
        return charged if self.case.moves else cash

    def _steps(self, genes: Floats) -> list[dict[str, Any]]:
        return [self._step(row) for row in genes.reshape(-1, GENES)]

    def _step(self, row: Floats) -> dict[str, Any]:
        who, series, size, price, hedges, shut, closing = (float(x) for x in row)
        index = min(int(series), 2 * len(STRIKES) - 1)
        level = round(SPOT * (1.0 + REACH * price), 8) if self.case.moves else SPOT
        return {
            "who": int(who > 0.5),
            "series": SeriesKey(self.expiry, index // 2, index % 2 == 0).id,
            "size": to_wad(round(LARGEST * size**3, 6)),
            "price": to_wad(level) if self.case.moves else 0,
            "hedges": hedges > 0.5,
            "shut": shut > 0.5,
            "closing": closing > 0.5,
        }

    def _inventory(self) -> None:
        """Three trades of somebody else; in every second case the pool has hedged them."""
        for _ in range(3):
            series = SeriesKey(
                self.expiry, int(self.rng.integers(len(STRIKES))), bool(self.rng.integers(2))
            )
            size = round(float(self.rng.normal(0.0, 25.0)), 6)
            self._must("market", "trade", series.id, to_wad(size), ENOUGH, sender=TRADER)
        self._must("hedge", "sync")
        if self.case.seed % 2 == 0:
            self.world.deployment.at(self.world.chain, "hedge").send("hedge")

    def _deploy(self, chain: Chain) -> Contract:
        at = self.world.deployment.addresses
        roles = ("market", "hedge", "ledger", "push", "pull", "venue")
        address = chain.deploy("Cycler", *(at[role] for role in roles), PULL_ID)
        cycler = chain.at(address, "Cycler")
        cycler.must("open", at["quote"])
        for index in (0, 1):
            account = chain.at(cycler.call("accounts", index), "CycleAccount")
            self._must("quote", "mint", account.address, 10**15)
            account.must("deposit", to_wad(LIQUIDITY))
        return cycler

    def _pay(self) -> None:
        """A push of the pool's delta, a hedge, and a push back: fees that stay in the pot."""
        up = SeriesKey(self.expiry, 2, True).id
        step = {"who": 0, "series": up, "price": 0, "hedges": True, "shut": False, "closing": True}
        for size in (self.case.paid, -self.case.paid):
            self.cycler.must("play", [{**step, "size": to_wad(size)}], to_wad(SPOT))

    def _paid(self) -> float:
        chain = self.world.chain
        rules = chain.at(self.world.call("market", "rules"), "TradeRules")
        both = (self.cycler.call("accounts", index) for index in (0, 1))
        return sum(from_wad(rules.call("inventoryPaid", account)) for account in both)

    def _must(self, role: str, function: str, *arguments: Any, sender: str = DEPLOYER) -> None:
        self.world.deployment.at(self.world.chain, role).must(function, *arguments, sender=sender)


def _world(chain: Chain, spread: str) -> World:
    changes: dict[str, Any] = {f"market.{key}": 0 for key in NO_LIMITS}
    changes |= {f"market.{key}": value for key, value in SPREADS[spread].items()}
    changes |= {
        "market.inventoryFee": Decimal("0.0008"),
        "hedge.gateSlack": 0,
        "oracle.jumpLimit": 0,
        "vault.depositDelay": 0,
    }
    return build(chain, changes, BASE)


def search(chain: Chain, case: Case) -> Search:
    """A search on a chain that is put back afterwards."""
    token = chain.snapshot()
    found = Cycles(chain, case).search()
    chain.revert(token)
    return found
