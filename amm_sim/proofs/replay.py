"""The replay proof: textbook delta hedging on real prices, through the contracts.

The pool sells one at-the-money straddle at the first price and hedges on the frictionless venue
by the policy under test. Prices are hourly closes; the volatility of the book stays what it was
sold at. The pool's profit at expiry then is the textbook replay to the last digits, or with a
costly venue, that less its costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.proofs.world import ENOUGH, TRADER, Call, World, build
from amm_sim.types import SeriesKey
from amm_sim.units import from_wad, to_wad

HOUR = 3600
HEDGE: Call = (DEPLOYER, "hedge", "hedge", ())


@dataclass(frozen=True, slots=True)
class Replay:
    """The pool's profit at expiry and its lowest mark on hedge dates; hedges and their cost."""

    premium: float
    profit: float
    worst: float
    hedges: int
    cost: float


def interval_policy(start: int, hours: int) -> dict[str, Any]:
    """Hedge every ``hours`` hours, counted from ``start``."""
    seconds = hours * HOUR
    return {
        "policy": "interval",
        "interval.interval": seconds,
        "interval.phase": start % seconds,
    }


def replay(
    chain: Chain,
    prices: Sequence[float],
    start: int,
    vol: float,
    changes: Mapping[str, Any],
    equity: float | None = None,
) -> Replay:
    """Sells the straddle at ``prices[0]`` and ``start``; every later hour offers a hedge.

    ``changes`` are parameters laid over the plain pool (policy, venue); ``equity`` is the pool's
    own money, 50 spots by default.
    """
    world = build(chain, changes)
    expiry = start + (len(prices) - 1) * HOUR
    liquidity = to_wad(50.0 * prices[0] if equity is None else equity)
    world.open(start - 2, prices[0], vol, expiry, [prices[0]])
    world.fund(start - 1, liquidity, ENOUGH // 2)
    premium = _sell(world, start, expiry, prices[0])
    hedges = world.events("Hedged")
    marks = []
    for hour, price in enumerate(prices[1:-1], 1):
        now = start + hour * HOUR
        world.block(now, world.publish(price, now), optional=[HEDGE])
        done = world.events("Hedged")
        if done:
            marks.append(_profit(world, liquidity))
        hedges += done
    world.settle(expiry, expiry, prices[-1])
    profit = _profit(world, liquidity)
    cost = sum(from_wad(hedge["cost"]) for hedge in hedges)
    return Replay(premium, profit, min([*marks, profit]), len(hedges), cost)


def _profit(world: World, liquidity: int) -> float:
    return from_wad(world.call("vault", "navParts")["nav"] - liquidity)


def _sell(world: World, start: int, expiry: int, spot: float) -> float:
    legs = [SeriesKey(expiry, 0, is_call) for is_call in (True, False)]
    trades = [(TRADER, "market", "trade", (leg.id, to_wad(1), ENOUGH)) for leg in legs]
    refresh = (DEPLOYER, "ledger", "refresh", (expiry,))
    world.block(start, [*world.publish(spot, start), refresh, *trades], optional=[HEDGE])
    return sum(from_wad(event["result"]["cash"]) for event in world.events("Traded"))
