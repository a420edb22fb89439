"""The overshoot proof: how far beyond its threshold an account is found, through the contracts.

Accounts short of a call (a put) have staggered collateral, so that each has a spot of its own at
which it falls below maintenance. Spot is a geometric Brownian motion that the oracle posts every
``step`` seconds; after each post the next accounts are put up for auction, which the contract
refuses while they are healthy. An account is found beyond its threshold by 0.5826 steps on average,
a step being vol sqrt(step): Siegmund's constant for a Gaussian walk.

Two things keep the sample unbiased. A path ends when its last account is liquidated or spot is
``FAR`` steps away on the other side, never at a given time: the accounts that fall early are not
those with large overshoots. And far from every threshold one block takes several steps: nothing can
be crossed there (P < 1e-6), so that a long excursion costs little.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from amm_sim.analyzers.liquidation import overshoot
from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.errors import ChainError
from amm_sim.proofs.crowd import address, admit, margined, request, views
from amm_sim.proofs.world import ENOUGH, Call
from amm_sim.types import SeriesKey
from amm_sim.units import YEAR, from_wad, to_wad

SPOT = 2000.0
LIFE = YEAR
LIQUIDITY = 10**27
NEAR = 4.0
"""Steps between a path's start and its first threshold: the walk has forgotten where it began."""
SAFE = 5.0
"""A leap's standard deviation fits so often into the way to the next threshold."""
FAR = 200.0
"""Steps from the start, away from the thresholds, at which a path is given up."""
SIDES = (1, -1)
"""Calls fall to rising prices, puts to falling ones."""


@dataclass(frozen=True, slots=True)
class Case:
    """``spacing`` is the distance of thresholds in steps, ``accounts`` their number on a side."""

    vol: float = 0.8
    step: int = 12
    liquidations: int = 5000
    accounts: int = 24
    spacing: float = 0.5

    @property
    def deviation(self) -> float:
        """Standard deviation of a step of ln(spot)."""
        return self.vol * math.sqrt(self.step / YEAR)


@dataclass(frozen=True, slots=True)
class Proof:
    """Mean |ln(liquidation price / threshold)| beside the asymptotic law.

    ``error`` is the standard error with paths as clusters: neighbours on a path fall together.
    """

    case: Case
    liquidations: int
    paths: int
    blocks: int
    mean: float
    error: float
    expected: float

    @property
    def z(self) -> float:
        """Distance from the law in standard errors."""
        return (self.mean - self.expected) / self.error

    @property
    def holds(self) -> bool:
        """Within 4 standard errors."""
        return abs(self.z) <= 4.0


class Gallery:
    """The accounts at their posts: one baseline for any number of paths."""

    def __init__(self, chain: Chain, case: Case) -> None:
        self.case = case
        self.world = margined(chain)
        self.blocks = 0
        start = chain.time + 60
        expiry = start + LIFE
        self._sold = {side: SeriesKey(expiry, 0, side > 0).id for side in SIDES}
        self._accounts = {
            side: [address(i * case.accounts + j) for j in range(case.accounts)]
            for i, side in enumerate(SIDES)
        }
        self.world.open(start, SPOT, case.vol, expiry, [SPOT])
        self.world.fund(start + 1, LIQUIDITY, ENOUGH // 2)
        admit(self.world, start + 2, [a for side in SIDES for a in self._accounts[side]])
        self._slopes = {side: self._sell(side, start + 4 + 2 * i) for i, side in enumerate(SIDES)}
        self._start = chain.time
        self._first = {side: self._thresholds(side, self._accounts[side][:1])[0] for side in SIDES}
        self._baseline = chain.snapshot()

    # ------------------------------------------------------------------ set-up

    def _sell(self, side: int, time: int) -> float:
        """Each account sells one option; what it owes and needs per step, in quote, is returned."""
        (now,) = self._needs(side, [SPOT])
        near = SPOT * math.exp(side * 0.06)
        low, high = self._needs(side, [near, near * math.exp(side * self.case.deviation)])
        slope = high[0] - low[0]
        calls: list[Call] = [(DEPLOYER, "ledger", "refresh", (self._sold[side] >> 16,))]
        for j, account in enumerate(self._accounts[side]):
            money = now[1] * (1.0 + 1e-6) + 1e-3 + j * self.case.spacing * slope
            calls.append((account, "market", "deposit", (to_wad(round(money, 9)),)))
            calls.append((account, "market", "trade", (self._sold[side], -to_wad(1), ENOUGH)))
        self.world.block(time, calls)
        return slope

    def _needs(self, side: int, spots: list[float]) -> list[tuple[float, float]]:
        """(mark + maintenance, initial margin) of one option sold, at each spot."""
        leg = [{"id": self._sold[side], "size": -to_wad(1)}]
        calls = [(leg, 0, 0, to_wad(spot)) for spot in spots]
        found = views(self.world, "margin", "marginFor", calls)
        return [
            (from_wad(v["mark"] + v["maintenanceMargin"]), from_wad(v["initialMargin"]))
            for v in found
        ]

    def _thresholds(self, side: int, accounts: list[str]) -> list[float]:
        """Spot at which each account's equity is its maintenance margin now, by the contract."""
        calls = [(account,) for account in accounts]
        balances = [from_wad(b) for b in views(self.world, "market", "balanceOf", calls)]
        slope = self._slopes[side] / (self.case.deviation * side)  # of the need in ln(spot)
        logs, slopes = [math.log(SPOT) + side * 0.06] * len(accounts), [slope] * len(accounts)
        past: list[tuple[float, float]] = []
        for _ in range(12):
            needs = self._needs(side, [math.exp(x) for x in logs])
            gaps = [b - need for b, (need, _) in zip(balances, needs, strict=True)]
            if max(map(abs, gaps)) < 1e-7 * abs(self._slopes[side]):
                return [math.exp(x) for x in logs]
            now = list(zip(logs, gaps, strict=True))
            if past:
                slopes = [_secant(a, b, m) for a, b, m in zip(past, now, slopes, strict=True)]
            logs = [x + gap / m for (x, gap), m in zip(now, slopes, strict=True)]
            past = now
        raise ChainError("no spot was found at which an account meets its maintenance margin")

    # ------------------------------------------------------------------ paths

    def path(self, side: int, rng: np.random.Generator) -> list[float]:
        """Overshoots of the accounts that one path liquidates, in ln(spot)."""
        chain, case = self.world.chain, self.case
        time = self._start
        start = math.log(self._first[side]) - side * NEAR * case.deviation
        spot, drift = start, -(case.deviation**2) / 2.0
        waiting = list(self._accounts[side])
        found: list[float] = []
        leap = 1
        while waiting and side * (spot - start) > -FAR * case.deviation:
            time += leap * case.step
            spot += leap * drift + math.sqrt(leap) * case.deviation * float(rng.standard_normal())
            price = round(math.exp(spot), 8)
            ahead = self._tick(time, price, waiting[0]) / self._slopes[side]
            if ahead < 0.0:
                fallen = self._liquidate(time + 1, waiting)
                ends = self._thresholds(side, waiting[:fallen])
                found += [side * math.log(price / end) for end in ends]
                waiting = waiting[fallen:]
            leap = max(1, int((ahead / SAFE) ** 2)) if ahead > 0.0 else 1
        chain.revert(self._baseline)
        self._baseline = chain.snapshot()
        return found

    def _tick(self, time: int, price: float, account: str) -> float:
        """A block in which both feeds say ``price``; the account's equity above maintenance."""
        world = self.world
        packed = world.chain.function(world.deployment.names["margin"], "liquidatable")
        posts = [
            ("eth_sendTransaction", [world.request(call, 1)])
            for call in world.publish(price, time)[:2]
        ]
        mine = [("evm_mine", [hex(time)])]
        _, _, answers = world.chain.rpc.pipeline(
            [posts, mine, [request(world, "margin", packed.pack(account))]]
        )
        if not isinstance(answers[0], str):
            raise ChainError(f"liquidatable: {answers[0]}")
        self.blocks += 1
        seen = packed.unpack(bytes.fromhex(answers[0][2:]))
        state = seen["state"]
        gap = from_wad(state["equity"] - state["maintenanceMargin"])
        if seen["below"] != (gap < 0.0):
            raise ChainError(f"liquidatable is {seen['below']} with {gap} above maintenance")
        return gap

    def _liquidate(self, time: int, waiting: list[str]) -> int:
        """Puts accounts up for auction until the contract calls one healthy; how many it took."""
        seen = views(self.world, "margin", "liquidatable", [(a,) for a in waiting])
        below = [v["below"] for v in seen]
        count = below.index(False) if False in below else len(below)
        starts: list[Call] = [(DEPLOYER, "auction", "start", (a,)) for a in waiting[: count + 1]]
        self.world.block(time, starts[:count], optional=starts[count:])
        self.blocks += 1
        if len(self.world.events("AuctionStarted")) != count or any(below[count:]):
            raise ChainError("the auction did not start for exactly the accounts below maintenance")
        return count


def prove(
    chain: Chain,
    case: Case,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Proof:
    """Plays paths until there are enough liquidations; ``progress`` gets (done, wanted)."""
    gallery = Gallery(chain, case)
    paths: list[list[float]] = []
    done = 0
    while done < case.liquidations:
        paths.append(gallery.path(SIDES[len(paths) % 2], rng))
        done += len(paths[-1])
        progress(done, case.liquidations)
    mean, error = clustered(paths)
    expected = overshoot(case.vol, case.step)
    return Proof(case, done, len(paths), gallery.blocks, mean, error, expected)


def clustered(paths: list[list[float]]) -> tuple[float, float]:
    """Mean of all values and its standard error, paths being independent and their values not."""
    sums = np.array([math.fsum(path) for path in paths])
    counts = np.array([len(path) for path in paths])
    mean = float(sums.sum() / counts.sum())
    left = sums - mean * counts
    groups = len(paths)
    spread = float((left**2).sum()) * groups / max(groups - 1, 1)
    return mean, math.sqrt(spread) / float(counts.sum())


def _secant(past: tuple[float, float], now: tuple[float, float], slope: float) -> float:
    """Slope of the need between two (ln spot, gap); ``slope`` where they are too close to tell."""
    step = now[0] - past[0]
    return (past[1] - now[1]) / step if abs(step) > 1e-12 else slope
