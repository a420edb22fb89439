"""Each venue killed at the worst block of Black Thursday: what fails, what is recorded, what heals.

Minutes as on 12 March 2020 after 10:13 UTC: one of -7.9 %, ten of -20.8 % from open to low, then a
rebound. Every minute the feeds post, a keeper hedges, executes what waits, pokes and syncs; an
arbitrageur keeps the Uniswap pool at the price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.proofs.world import TRADER
from amm_sim.types import Mode, SeriesKey
from amm_sim.units import from_wad, to_wad
from tests.contracts.test_hedging import LIQUIDITY, SPOT, Pool
from tests.contracts.test_venues import ARBITRAGEUR, provide

PATH = (
    *(1.0, 0.995, 0.99, 0.982, 0.974, 0.897, 0.885, 0.862, 0.84, 0.815, 0.79),
    *(0.8, 0.808, 0.812, 0.806, 0.811, 0.815, 0.82, 0.818, 0.822, 0.825, 0.824, 0.826, 0.828),
)
"""Spot by minute; the worst one ends at index BEFORE + 1."""
BEFORE, DURING = 4, 6
"""Minutes before the venue dies, and without it."""
PUTS = 150.0
STORM = {
    "venue": "router",
    "market.stressFloor": 0,
    "breaker.navDrop": 0,
    "breaker.freeLiquidity": 0,
    "breaker.timeout": 240,
    "breaker.clear": 240,
    "perp.skewScale": 100_000,
    "router.quarantine": 120,
    "uniswap.depthShare": Decimal("0.05"),
}


@dataclass
class Life:
    """What each minute left behind; money in quote."""

    net: list[float] = field(default_factory=list)
    shortfall: list[float] = field(default_factory=list)
    mode: list[Mode] = field(default_factory=list)
    nav: list[float] = field(default_factory=list)


class Storm:
    """A pool short of puts in the crash."""

    def __init__(self, chain: Chain, venues: tuple[str, ...]) -> None:
        self.pool = Pool(chain, **STORM, venues=list(venues))
        self.venues = venues
        self.router = self.pool.world.deployment.addresses["venue"]
        if "uniswap" in venues:
            provide(self.pool)
        self.pool.trade(1, PUTS, call=False)
        self.dead: dict[str, tuple[str, str]] = {}
        self.life = Life()

    def minute(self, spot: float) -> None:
        """Nothing may revert but a hedge that has nothing to do."""
        pool = self.pool
        pool.now = max(pool.now, pool.chain.time) + 50
        pool.world.block(pool.now, pool.world.publish(spot, pool.now)[:2])
        for venue in {"perp", "async"} & set(self.alive()):
            self.must(venue, "postIndex", to_wad(spot), to_wad(1), True)
        if "uniswap" in self.alive():
            self.must("desk", "swapTo", to_wad(spot), to_wad(50_000), sender=ARBITRAGEUR)
        self.must("oracle", "poke")
        self.must("ledger", "refresh", pool.expiry)
        done = pool.send("hedge", "hedge")
        assert done.ok or (done.error and done.error.name == "NothingToHedge"), done.error
        if "async" in self.alive() and pool.view("async", "pendingOf", self.router):
            pool.chain.advance(31)
            pool.send("async", "execute", self.router)
        for role, function, arguments in (
            ("hedge", "sync", ()),
            ("breaker", "poke", ()),
            ("vault", "assess", ()),
            ("market", "touch", (TRADER,)),
            ("market", "deposit", (to_wad(1),)),
        ):
            who = TRADER if function == "deposit" else DEPLOYER
            self.must(role, function, *arguments, sender=who)
        self._remember(spot)

    def _remember(self, spot: float) -> None:
        pool, life = self.pool, self.life
        given = pool.view("hedge", "preview")["input"]
        life.net.append(from_wad(given["bookDelta"] + given["hedgeDelta"]) * spot)
        life.shortfall.append(pool.wad("hedge", "shortfall") * spot)
        life.mode.append(Mode(pool.view("breaker", "mode")))
        life.nav.append(from_wad(pool.view("vault", "navParts")["nav"]))

    def alive(self) -> list[str]:
        """Venues that have their code."""
        return [venue for venue in self.venues if venue not in self.dead]

    def kill(self, venue: str, code: str) -> None:
        """A Uniswap venue dies with the pool that it trades on."""
        at = self.pool.world.deployment.addresses[venue]
        if venue == "uniswap":
            at = self.pool.view("desk", "POOL")
        self.dead[venue] = (at, self.pool.chain.rpc.call("eth_getCode", at, "latest"))
        self.pool.chain.rpc.call("anvil_setCode", at, code)

    def revive(self) -> None:
        """All of them."""
        for at, code in self.dead.values():
            self.pool.chain.rpc.call("anvil_setCode", at, code)
        self.dead.clear()

    def must(self, role: str, function: str, *arguments: object, sender: str = DEPLOYER) -> None:
        """A transaction that succeeds."""
        done = self.pool.send(role, function, *arguments, sender=sender)
        assert done.ok, (role, function, done.error)

    def close(self) -> None:
        """The trader gives back a tenth of his puts: closes work whatever the venue does."""
        series = SeriesKey(self.pool.expiry, 1, False).id
        limit = to_wad(1e9)
        self.must("market", "trade", series, to_wad(-PUTS / 10), limit, sender=TRADER)

    def run(self, venue: str, code: str) -> Life:
        """The storm with ``venue`` dead from its worst minute on for DURING minutes."""
        for index, level in enumerate(PATH[1:]):
            spot = round(SPOT * level, 8)
            if index == BEFORE:
                self.kill(venue, code)
            if index == BEFORE + DURING:
                self.revive()
            self.minute(spot)
            if index == BEFORE + 1:
                self.close()
        return self.life


DEATHS = {"perp": "0xfe", "async": "0x60006000fd", "uniswap": "0x"}
"""Burns all gas; reverts; is gone."""


def test_path_has_the_published_minute_and_ten_minutes() -> None:
    worst = min(b / a - 1.0 for a, b in pairwise(PATH))
    assert worst == pytest.approx(-0.079, abs=0.0005)
    assert PATH[BEFORE + 1] / PATH[BEFORE] - 1.0 == worst
    tens = (min(PATH[i + 1 : i + 11]) / PATH[i] - 1.0 for i in range(len(PATH) - 1))
    assert min(tens) == pytest.approx(-0.208, abs=0.004)


@pytest.mark.parametrize("venue", DEATHS)
def test_one_of_three_venues_dead_at_the_worst_block_is_made_up_for_by_the_others(
    chain: Chain, venue: str
) -> None:
    life = Storm(chain, tuple(DEATHS)).run(venue, DEATHS[venue])
    assert all(math.isfinite(nav) for nav in life.nav)
    assert all(mode == Mode.NORMAL for mode in life.mode)
    assert max(life.shortfall) < 0.03 * LIQUIDITY
    assert max(map(abs, life.net[BEFORE + 2 :])) < 0.06 * LIQUIDITY


@pytest.mark.parametrize("venue", DEATHS)
def test_the_only_venue_dead_at_the_worst_block_shows_as_shortfall_and_mode_and_heals(
    chain: Chain, venue: str
) -> None:
    life = Storm(chain, (venue,)).run(venue, DEATHS[venue])
    beyond = [short > 0.03 * nav for short, nav in zip(life.shortfall, life.nav, strict=True)]
    assert all(math.isfinite(nav) for nav in life.nav)
    assert any(beyond[BEFORE : BEFORE + DURING])
    first = beyond.index(True)
    assert life.mode[:first] == [Mode.NORMAL] * first
    assert life.mode[first : BEFORE + DURING] == [Mode.REDUCE_ONLY] * (BEFORE + DURING - first)
    assert life.shortfall[-1] == 0.0
    assert life.mode[-1] == Mode.NORMAL
    assert abs(life.net[-1]) < 0.03 * LIQUIDITY
