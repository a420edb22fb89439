"""What every part of the machine needs: randomness, transactions, a tally, the margin reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from amm_sim.chain import Chain
from amm_sim.types import series_id
from tests.contracts.margin_reference import Leg, margins
from tests.stateful.ghost import WAD, Ghost
from tests.stateful.world import PEOPLE, Call, Done, View, World

YEAR = 31_536_000
ENOUGH = 2**200
"""A limit that never binds."""
TABLES = ("market", "auction", "margin", "collateral")
SHAPE = (0.6, 0.8, 0.95, 1.05, 1.4)
"""Strikes of a board as multiples of spot."""


class Core:
    """A world, its ghost, a tally of what succeeded and what was refused."""

    def __init__(self, chain: Chain, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed, self.steps = seed, 0
        self.world, self.ghost = World.build(chain), Ghost()
        self.tally: dict[str, list[int]] = {}
        self.log: list[str] = []
        self.spot, self.vol = 2000.0, 0.8
        self.sick: list[str] = []
        """Accounts below maintenance at the last look."""
        self.swept: dict[int, int] = {}
        """Expiry -> payout scale, once fixed."""
        self.over: set[int] = set()
        self.p = {table: self.world.wads(table) for table in TABLES}
        self.insured = {
            "market": self.p["market"]["insuranceShare"],
            "auction": self.p["auction"]["insurancePart"],
        }
        self.ghost.balance = dict.fromkeys(PEOPLE, 0)

    # ------------------------------------------------------------------ helpers

    def draw(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, things: list[Any]) -> Any:
        """One of them."""
        return things[self.draw(0, len(things) - 1)]

    def chance(self, share: float) -> bool:
        """True so often."""
        return float(self.rng.random()) < share

    def soon(self) -> int:
        """The time of the next block."""
        return self.world.time + self.draw(1, 15)

    def do(self, name: str, call: Call, before: list[View] | None = None) -> Done:
        """One counted transaction."""
        done = self.world.do(call, self.soon(), before or [])
        self.ghost.forget(done.time - 2 * self.p["auction"]["slow"])
        self._count(name, done)
        return done

    def _count(self, name: str, done: Done) -> None:
        self.tally.setdefault(name, [0, 0])[0 if done.ok else 1] += 1
        what = "ok" if done.error is None else f"{done.error.name} {done.error.args}"
        self.log.append(f"{self.steps} t={done.time} {name}: {what}")

    def live(self) -> list[int]:
        """Expiries that trade."""
        now = self.world.time + 20
        return [e for e in self.ghost.strikes if e > now and e not in self.ghost.settled]

    def _series(self) -> int:
        expiry = self.pick(self.live())
        return series_id(expiry, self.draw(0, len(SHAPE) - 1), self.chance(0.5))

    # ------------------------------------------------------------------ margin

    def meets_initial(self, who: str) -> None:
        """M-1, by the contract's numbers and by the reference's."""
        state = self.world.view("margin", "marginOf", who)
        if state["initialMargin"] == 0:
            return
        assert state["equity"] >= state["initialMargin"], "M-1: opened below initial margin"
        known = self.reference(who)
        if known is not None:
            _, initial, _, _, equity, scale = known
            assert equity >= initial - 1e-9 * scale, "M-1: by the reference"

    def reference(self, who: str) -> tuple[float, ...] | None:
        """(mark, initial, buffer, maintenance, equity, scale) of an account by the reference.

        None with legs past their expiry: those owe a payoff, which the ghost knows.
        """
        legs, spot = [], self.world.view("oracle", "read")["price"] / WAD
        vols = {e: self.world.view("ledger", "vols", e) for e in self.live()}
        for series, lots in self.ghost.legs.get(who, {}).items():
            expiry, strike = series >> 16, series >> 8 & 0xFF
            left = expiry - self.world.time
            if left <= 0 or expiry not in vols:
                return None
            vol = vols[expiry]["sigma"][strike] / WAD
            k = vols[expiry]["strikes"][strike] / WAD
            legs.append(Leg(expiry, left / YEAR, k, vol, bool(series & 1), lots / 1e6))
        if not legs:
            return None
        p = {key: value / WAD for key, value in self.p["margin"].items()}
        units = [self.ghost.units.get(who, 0) / WAD]
        mark, *needs, credit = margins([legs], [spot], p, units)[0]
        scale = sum(abs(leg.size) * max(1.6 * spot, leg.strike) for leg in legs)
        scale += units[0] * spot
        return (mark, *needs, self.ghost.balance[who] / WAD + credit - mark, scale)
