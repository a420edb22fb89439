"""What a taker who knows the true volatility earns from Greeks that are stale; writes stale.json.

Volatility moves (annualised vol of its logarithm 1.5, that of seven-day ETH options), the feed
says so every ten minutes, spot stands still. Every ten minutes the taker makes the one trade at the
money that gains most against Black-Scholes at the true volatility, fees paid, if any does. "fresh":
the default rules; whoever opens needs every expiry revalued, so he does it himself first. "no
freshness": Greeks never count as stale and nobody refreshes. "no freshness, no gap": nor does the
distance between feed and anchor close an expiry.

    python benchmarks/bench_stale.py [paths]
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from amm_sim.analyzers.intervals import t_interval
from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.chain.client import DEPLOYER, Revert
from amm_sim.proofs.world import ENOUGH, TRADER, build
from amm_sim.types import SeriesKey
from amm_sim.units import YEAR, from_wad, to_wad

Array = npt.NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("stale.json")
START, STEP, STEPS = 1_600_000_000, 600, 72
SPOT, VOL, VOL_OF_VOL = 2000.0, 0.8, 1.5
LIQUIDITY = 1_000_000.0
SIZES = (2.0, 5.0, 10.0, 20.0)
BASE = {"vault.depositDelay": 0, "pricing.volMaxAge": 0, "market.accountDeltaLimit": 0}
NEVER = {"pricing.greekMaxAge": 31_536_000, "pricing.greekMaxMove": Decimal(1000)}
RULES: Mapping[str, Mapping[str, Any]] = {
    "fresh": {},
    "no freshness": NEVER,
    "no freshness, no gap": NEVER | {"pricing.maxFeedGap": 0},
}


class Market:
    """One board at the money and a taker with plenty."""

    def __init__(self, chain: Chain, changes: Mapping[str, Any]) -> None:
        self.chain = chain
        self.world = build(chain, BASE | dict(changes), ROOT / "scenarios" / "base.toml")
        self.refreshes = "pricing.greekMaxAge" not in changes
        self.now = chain.time + 60
        self.expiry = self.now + 7 * 86_400
        self.world.block(self.now, self.world.publish(SPOT, self.now))
        self.world.fund(self.now + 1, to_wad(LIQUIDITY), to_wad(LIQUIDITY))
        self.now += 2
        self.world.open(self.now, SPOT, VOL, self.expiry, [SPOT])

    def profit(self, vols: Iterator[float]) -> float:
        """Gains at the moment of each trade, in quote."""
        return sum(self._step(vol) for vol in vols)

    def _step(self, vol: float) -> float:
        self.now += STEP
        calls = [*self.world.publish(SPOT, self.now), self.world.vol_post(self.expiry, vol)]
        if self.refreshes:
            calls.append((DEPLOYER, "ledger", "refresh", (self.expiry,)))
        self.world.block(self.now, calls)
        gain, size, call = max(self._choices(vol))
        if gain <= 0.0:
            return 0.0
        trade = (SeriesKey(self.expiry, 0, call).id, to_wad(size), ENOUGH)
        market = self.world.deployment.at(self.chain, "market")
        done = market.send("trade", *trade, sender=TRADER)
        return gain if done.ok else 0.0

    def _choices(self, vol: float) -> Iterator[tuple[float, float, bool]]:
        width = vol * math.sqrt((self.expiry - self.now) / YEAR)
        value = SPOT * (2.0 * float(ndtr(width / 2.0)) - 1.0)  # call and put at the money
        for size in (*SIZES, *(-s for s in SIZES)):
            for call in (True, False):
                series = SeriesKey(self.expiry, 0, call).id
                try:
                    quoted = self.world.call("market", "quote", series, to_wad(size))
                except Revert:
                    continue
                yield size * value - from_wad(quoted["cash"]), size, call


def path(seed: int) -> list[float]:
    """True volatility every ten minutes of half a day."""
    shocks = np.random.default_rng(seed).standard_normal(STEPS)
    return list(VOL * np.exp(np.cumsum(VOL_OF_VOL * math.sqrt(STEP / YEAR) * shocks)))


def measure(paths: int) -> dict[str, Any]:
    """Mean profit with its 95 % interval by rule."""
    found: dict[str, Any] = {"paths": paths, "hours": STEPS * STEP / 3600}
    artifacts = Artifacts()
    with Chain(Anvil(START), artifacts) as chain:
        for name, changes in RULES.items():
            token = chain.snapshot()
            market = Market(chain, changes)
            profits = [_once(market, seed) for seed in range(1, paths + 1)]
            chain.revert(token)
            found[name] = _interval(np.array(profits))
    found["removed"] = 1.0 - found["fresh"]["profit"] / found["no freshness, no gap"]["profit"]
    return found


def _interval(profits: Array) -> dict[str, float]:
    """Without any spread the value itself: nobody ever traded."""
    mean = t_interval(profits)
    low, high = (mean.low, mean.high) if np.ptp(profits) > 0.0 else (mean.value, mean.value)
    return {"profit": mean.value, "low": low, "high": high}


def _once(market: Market, seed: int) -> float:
    token, now = market.chain.snapshot(), market.now
    profit = market.profit(iter(path(seed)))
    market.chain.revert(token)
    market.now = now
    return profit


def main() -> None:
    """Prints the table and writes stale.json."""
    result = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    for name in RULES:
        row = result[name]
        print(f"{name:24} {row['profit']:>10,.1f} [{row['low']:,.1f}, {row['high']:,.1f}]")
    print(f"freshness removes {result['removed']:.1%}")


if __name__ == "__main__":
    main()
