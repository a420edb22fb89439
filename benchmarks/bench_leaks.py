"""Closed cycles of trades, searched on chain for a gain by differential evolution.

By the exact cost function a cycle of trades costs nothing, whatever the book: its end is its start.
So what the chain charges for it is the sum of its rounding, and a gain would be a leak. Two
searches for each book: the largest gain per contract traded (up to 1,000 contracts a leg), and the
largest loss of a cycle of at most 100 contracts a leg, which is how much the rounding may cost.
A third: what a trader takes who knows by how much the vols are off, with any three options, as a
share of V du^2 / 2. Writes leaks.json.

    python benchmarks/bench_leaks.py
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_ledger import BOARDS, DAY, SPOT, START, Bench
from scipy.optimize import differential_evolution

from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.pricing.black76 import price
from amm_sim.types import series_id
from amm_sim.units import WAD, to_wad

Array = npt.NDArray[np.float64]
RESULT = Path(__file__).with_name("leaks.json")
LEGS = 3
LOT = 10**12
LEAST, MOST = -4.0, 3.0
"""Sizes of a leg, powers of ten of a contract."""
GENERATIONS = 15
CHUNK = 5
"""Cycles in one call of the chain."""
WING = (1500, 2000, 2600)
"""Strikes of a book with two maxima, one at each end of the clamp."""


@dataclass(frozen=True)
class Book:
    """An expiry: days, V, strikes, whether the smile is flat, traders' calls on each strike."""

    name: str
    days: float
    impact: float
    strikes: tuple[int, ...]
    flat: bool
    held: tuple[float, ...]


def books() -> list[Book]:
    """From an empty one to what the limits on trades refuse."""
    twelve, some = BOARDS[12], (10.0, -10.0, -10.0, 10.0) * 3
    return [
        Book("empty, 30 days", 30, 1e6, twelve, False, (0.0,) * 12),
        Book("mixed, 5 hours", 0.21, 1e6, twelve, False, some),
        Book("mixed, a week", 7, 1e6, twelve, False, some),
        Book("mixed, a year", 365, 1e6, twelve, False, some),
        Book("at the clamp, 30 days", 30, 1e6, twelve, False, (90.0,) * 12),
        Book("near the curvature limit, 20 days", 20, 5e4, WING, True, (60.0, -30.0, 60.0)),
        Book("two maxima, 20 days", 20, 5e4, WING, True, (800.0, -440.0, 800.0)),
    ]


class World:
    """A ledger whose market runs any plan of trades and undoes it."""

    def __init__(self, chain: Chain) -> None:
        self.bench = Bench(chain)
        self.bench.post()
        code = chain.rpc.call("eth_getCode", chain.deploy("LedgerDriver"), "latest")
        chain.change("anvil_setCode", self.bench.market, code)
        self.driver = chain.at(self.bench.market, "LedgerDriver")

    def add(self, book: Book) -> int:
        """The book on chain; its expiry."""
        expiry = self.bench.chain.time + round(book.days * DAY)
        slice_ = {"a": 0.30, "b": 0.40, "rho": -0.25, "m": 0.02, "sigma": 0.25}
        if book.flat:
            slice_ = {"a": 0.64, "b": 0.0, "rho": 0.0, "m": 0.0, "sigma": 0.1}
        wads = {key: to_wad(value) for key, value in slice_.items()}
        self.bench.pool.at(self.bench.chain, "vol").must("post", expiry, wads, WAD)
        strikes = [strike * WAD for strike in book.strikes]
        for at, args in (("surface", ()), ("ledger", (to_wad(book.impact),))):
            contract = self.bench.pool.at(self.bench.chain, at)
            contract.must("list", expiry, strikes, *args, sender=self.bench.market)
        for strike, size in enumerate(book.held):
            if size:
                trade = (series_id(expiry, strike, True), to_wad(size), SPOT * WAD, False)
                self.bench.ledger.must("trade", *trade, sender=self.bench.market)
        return expiry

    def costs(self, plans: Sequence[Sequence[dict[str, Any]]]) -> list[int]:
        """What each plan costs, each from the present book."""
        ledger, found = self.bench.ledger.address, list[int]()
        for i in range(0, len(plans), CHUNK):
            found += self.driver.call("totals", ledger, [list(p) for p in plans[i : i + CHUNK]])
        return found


def step(expiry: int, strike: int, is_call: bool, lots: int, spot: int) -> dict[str, Any]:
    """One trade that no limit refuses."""
    identity = series_id(expiry, strike, is_call)
    return {"id": identity, "size": lots * LOT, "spot": spot, "opening": False}


def trades(x: Array, book: Book, expiry: int, most: float) -> list[dict[str, Any]]:
    """The opening trades of a point of the unit cube: per leg a strike, a kind, a signed size.

    Spot is up to a tenth away from where the book was last priced.
    """
    away = 2 * x[-1] - 1
    spot = round(SPOT * WAD * (1 + 0.1 * away * abs(away)))
    legs = []
    for place, kind, size in x[: 3 * LEGS].reshape(LEGS, 3):
        strike = min(int(place * len(book.strikes)), len(book.strikes) - 1)
        power = LEAST + (most - LEAST) * abs(2 * size - 1)
        lots = round(10 ** (6 + power)) * (1 if size > 0.5 else -1)
        legs.append(step(expiry, strike, kind > 0.5, lots, spot))
    return legs


def cycle(x: Array, book: Book, expiry: int, most: float) -> list[dict[str, Any]]:
    """Opened, then closed in an order and with the first in two parts as the point says."""
    opens = trades(x, book, expiry, most)
    first = opens[0]["size"] // LOT
    part = int(first * x[-3])
    closes = [o | {"size": -o["size"]} for o in opens[1:]]
    closes += [opens[0] | {"size": -lots * LOT} for lots in (part, first - part) if lots]
    turn = int(x[-2] * len(closes))
    return [*opens, *closes[turn:], *closes[:turn]]


def search(
    score: Callable[[list[Array]], Sequence[float]], generations: int, seed: int
) -> tuple[float, int]:
    """The largest score over the unit cube and how many points were looked at."""
    looked = 0

    def negative(points: Array) -> Array:
        nonlocal looked
        columns = list(points.T)
        looked += len(columns)
        return -np.asarray(score(columns))

    bounds = [(0.0, 1.0)] * (3 * LEGS + 3)
    found = differential_evolution(
        negative, bounds, maxiter=generations, popsize=4, tol=0, seed=seed, polish=False,
        vectorized=True, updating="deferred",
    )  # fmt: skip
    return -float(found.fun), looked


def gain(world: World, book: Book, expiry: int, generations: int) -> tuple[float, int]:
    """Largest gain of a cycle per contract traded, quote, and how many were tried."""

    def score(points: list[Array]) -> list[float]:
        plans = [cycle(x, book, expiry, MOST) for x in points]
        sizes = [sum(abs(s["size"]) for s in plan) for plan in plans]
        return [-cost / size for cost, size in zip(world.costs(plans), sizes, strict=True)]

    return search(score, generations, seed=1)


def loss(world: World, book: Book, expiry: int, generations: int) -> tuple[float, int]:
    """Largest loss of a cycle of up to 100 contracts a leg, quote."""

    def score(points: list[Array]) -> list[float]:
        plans = [cycle(x, book, expiry, 2.0) for x in points]
        return [cost / WAD for cost in world.costs(plans)]

    return search(score, generations, seed=2)


def informed(
    world: World, book: Book, expiry: int, shift: float, generations: int
) -> tuple[float, int]:
    """Largest gain of who knows that vols are off by ``shift`` times the weights, of V du^2 / 2."""
    state = world.bench.ledger.call("book", expiry)
    strikes, anchors, weights = (
        np.array(state[k]) / WAD for k in ("strikes", "anchors", "weights")
    )
    years = (expiry - world.bench.chain.time) / (365 * DAY)

    def score(points: list[Array]) -> list[float]:
        plans = [trades(x, book, expiry, MOST) for x in points]
        worth = []
        for plan in plans:
            spot = plan[0]["spot"] / WAD
            calls, _, _ = price(spot, strikes, years, anchors + shift * weights)
            worth.append(sum(_worth(s, spot, strikes, calls) for s in plan))
        takes = [w - cost / WAD for w, cost in zip(worth, world.costs(plans), strict=True)]
        return [take / (book.impact * shift**2 / 2) for take in takes]

    return search(score, generations, seed=3)


def _worth(trade: dict[str, Any], spot: float, strikes: Array, calls: Array) -> float:
    strike, is_call = trade["id"] >> 8 & 0xFF, bool(trade["id"] & 1)
    put = 0.0 if is_call else strikes[strike] - spot
    return float(trade["size"] / WAD * (calls[strike] + put))


def study(world: World, book: Book, generations: int) -> dict[str, Any]:
    expiry = world.add(book)
    gained, cycles = gain(world, book, expiry, generations)
    lost, more = loss(world, book, expiry, generations)
    row: dict[str, Any] = {
        "largest gain per contract": gained,
        "largest loss of a cycle": lost,
        "cycles": cycles + more,
    }
    if not any(book.held):
        row["informed, of V du^2 / 2"] = {
            str(du): informed(world, book, expiry, du, generations)[0] for du in (-0.08, 0.05)
        }
    return row


def main() -> None:
    rows = {}
    for book in books():
        with Chain(Anvil(START), Artifacts()) as chain:
            rows[book.name] = study(World(chain), book, GENERATIONS)
        print(book.name, rows[book.name], flush=True)
    RESULT.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
