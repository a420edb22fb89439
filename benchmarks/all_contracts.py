"""The contracts: accuracy beside published pricers, gas of named actions, bytecode sizes.

Writes gas.json, with which tests/contracts/test_gas.py compares what the contracts cost now.

    make bench-contracts        (or: python benchmarks/all_contracts.py)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bench_ledger
import bench_market
import bench_pricing

from amm_sim.chain import Anvil, Artifacts, Chain

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("gas.json")
LIMIT = 24_576
"""Bytes of a contract that a public chain takes."""


def sizes(artifacts: Artifacts) -> dict[str, int]:
    """Deployed bytes of every contract and linked library; mocks are not the protocol's."""
    folders = (ROOT / "contracts", ROOT / "contracts/hedging", ROOT / "contracts/libraries")
    names = sorted(path.stem for folder in folders for path in folder.glob("*.sol"))
    found = {name: artifacts[name].size for name in names}
    return {name: size for name, size in found.items() if size > 100}  # else inlined everywhere


def actions() -> dict[str, int]:
    """Gas of the market's and the ledger's actions by name."""
    gas = dict(bench_market.measure()["gas"])
    with Chain(Anvil(bench_ledger.START), Artifacts()) as chain:
        for board, row in bench_ledger.measure(chain).items():
            gas |= {f"ledger, {board}: {name}": value for name, value in row.items() if value > 999}
    return gas


def pricing() -> dict[str, Any]:
    """Of the option pricer, over the usual points: mean gas and largest errors."""
    points = bench_pricing.usual(300)
    with Chain(Anvil(bench_pricing.START), Artifacts()) as chain:
        gas = {
            key: bench_pricing.gas(chain, f"Black76{key}", points) for key in ("Price", "Greeks")
        }
        errors = bench_pricing.accuracy(chain, bench_pricing.usual(1000))
    return {
        "call, put, delta": gas["Price"].mean,
        "and all Greeks": gas["Greeks"].mean,
        "absolute": errors.absolute,
        "relative": errors.relative,
    }


def show(result: dict[str, Any]) -> None:
    """For people."""
    price = result["pricing"]
    print(
        f"{result['compiler']}\n\n{'pricing':28}{'gas':>14}{'abs / max(F, K)':>18}{'relative':>12}"
    )
    for name in ("call, put, delta", "and all Greeks"):
        print(f"{name:28}{price[name]:>14,.0f}{price['absolute']:>18.1e}{price['relative']:>12.1e}")
    for name, gas, absolute, relative in bench_pricing.PUBLISHED:
        print(f"{name:28}{gas:>14}{absolute:>18}{relative:>12}")
    print(f"\n{'action':44}{'gas':>10}{'target':>10}")
    for name, gas in result["gas"].items():
        target = bench_market.TARGETS.get(name)
        print(f"{name:44}{gas:>10,}" + (f"{target:>10,}" if target else ""))
    print(f"\n{'contract':44}{'bytes':>10}{'left':>10}")
    for name, size in result["bytes"].items():
        print(f"{name:44}{size:>10,}{LIMIT - size:>10,}")


def main() -> None:
    artifacts = Artifacts()
    result = {
        "compiler": bench_pricing.compiler(artifacts),
        "pricing": pricing(),
        "gas": actions(),
        "bytes": sizes(artifacts),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


if __name__ == "__main__":
    main()
