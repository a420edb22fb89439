"""Gas of the ledger's calls, all storage cold, by active strikes; writes ledger.json.

The market's address sends (nothing is signed on a local Anvil), so that only the ledger is counted:
no tokens, no margin, no fees. What a transaction costs in any case, 21,000 and its data, is left
out.

    python benchmarks/bench_ledger.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.chain.deploy import PULL_ID, Deployment, deploy_protocol
from amm_sim.scenario import load_protocol
from amm_sim.types import series_id
from amm_sim.units import WAD, to_wad

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("ledger.json")
START = 1_600_000_000
DAY = 86_400
SPOT = 2000
SLICE = {"a": 0.30, "b": 0.40, "rho": -0.25, "m": 0.02, "sigma": 0.25}
BOARDS = {
    12: (1400, 1500, 1600, 1700, 1800, 1900, 2000, 2100, 2200, 2400, 2600, 3000),
    6: (1500, 1700, 1900, 2000, 2200, 2600),
    3: (1800, 2000, 2200),
}
TARGETS = {
    "trade": {12: 56_000, 6: 48_000, 3: 43_000},
    "refresh": {12: 250_000},
}
"""Pool leg with stress vector, and refresh, as first set; the first knew no Greeks written back."""


class Bench:
    """The protocol with both feeds fresh."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.pool: Deployment = deploy_protocol(
            chain, load_protocol(ROOT / "scenarios" / "base.toml")
        )
        self.ledger = self.pool.at(chain, "ledger")
        self.market = self.pool.addresses["market"]

    def post(self) -> None:
        """Both feeds, now."""
        now = self.chain.time
        self.pool.at(self.chain, "push").must("post", SPOT * 10**8, now)
        self.pool.at(self.chain, "pull").must("post", PULL_ID, SPOT * 10**8, 0, -8, now)

    def list(self, expiry: int, strikes: tuple[int, ...], impact: float) -> None:
        """An expiry with ten contracts of each strike, a third of them short."""
        slice_ = {key: to_wad(value) for key, value in SLICE.items()}
        self.pool.at(self.chain, "vol").must("post", expiry, slice_, WAD)
        wads = [strike * WAD for strike in strikes]
        surface = self.pool.at(self.chain, "surface")
        surface.must("list", expiry, wads, sender=self.market)
        self.ledger.must("list", expiry, wads, to_wad(impact), sender=self.market)
        for i in range(len(strikes)):
            self.trade(expiry, i, i % 2 == 0, 10 if i % 3 else -10)

    def trade(self, expiry: int, strike: int, is_call: bool, size: int) -> None:
        """As the market."""
        args = self.arguments(expiry, strike, is_call, size)
        self.ledger.must("trade", *args, sender=self.market)

    def arguments(self, expiry: int, strike: int, is_call: bool, size: int) -> tuple[Any, ...]:
        """Of the ledger's trade, a tenth of a percent above the last refresh."""
        spot = SPOT * WAD * 1001 // 1000
        return series_id(expiry, strike, is_call), size * WAD, spot, True

    def gas(self, function: str, *args: Any) -> int:
        """Gas that a transaction used less what any with the same data costs; undone."""
        token = self.chain.snapshot()
        receipt = self.ledger.must(function, *args, sender=self.market)
        self.chain.revert(token)
        data = self.chain.function(self.ledger.name, function).pack(*args)
        return receipt.gas - 21_000 - sum(16 if byte else 4 for byte in data)


def measure(chain: Chain) -> dict[str, dict[str, int]]:
    bench = Bench(chain)
    bench.post()
    rows: dict[str, dict[str, int]] = {}
    for index, (count, strikes) in enumerate(BOARDS.items()):
        for impact in (1e6, 0.0):
            expiry = START + 30 * DAY + 3600 * (2 * index + int(impact == 0))
            bench.list(expiry, strikes, impact)
            chain.advance(60)
            bench.post()
            calls, puts = (
                bench.gas("trade", *bench.arguments(expiry, count // 2, is_call, 1))
                for is_call in (True, False)
            )
            name = f"{count} strikes" + ("" if impact else ", no impact")
            rows[name] = {
                "trade call": calls,
                "trade put": puts,
                "refresh": bench.gas("refresh", expiry),
            }
    listed = len(bench.ledger.call("expiries"))
    rows["all expiries"] = {
        "count": listed,
        "aggregate": bench.gas("aggregate", SPOT * WAD),
    }
    return rows


def main() -> None:
    with Chain(Anvil(START), Artifacts()) as chain:
        rows = measure(chain)
    RESULT.write_text(json.dumps({"gas": rows, "targets": TARGETS}, indent=1) + "\n")
    for name, row in rows.items():
        print(f"{name:24}" + "  ".join(f"{key} {value:,}" for key, value in row.items()))


if __name__ == "__main__":
    main()
