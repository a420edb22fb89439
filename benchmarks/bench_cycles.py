"""Optimiser-made cycles of trades with protocol hedges in between, on chain; writes cycles.json.

Differential evolution looks for a cycle that gets back more than it paid, at three half-spreads,
from two inventories of others each; then for one that earns cash without a move of the price. The
last search is the control: its accounts have paid fees before, which the rule lets them get back,
and the optimiser finds cycles that do. Some minutes.

    python benchmarks/bench_cycles.py
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.proofs.cycles import SPREADS, Case, Search, search

RESULT = Path(__file__).with_name("cycles.json")
START = 1_600_000_000
GENERATIONS = 12
CASES = (
    *(Case(spread, seed, generations=GENERATIONS) for spread in SPREADS for seed in (1, 2)),
    Case("none", 3, generations=GENERATIONS, moves=False),
    Case("none", 1, generations=2 * GENERATIONS, paid=40.0),
)


def row(found: Search) -> dict[str, object]:
    case = dataclasses.asdict(found.case)
    numbers = dataclasses.asdict(found)
    numbers.pop("case")
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in numbers.items()}
    return {**case, **rounded, "holds": found.holds}


def main() -> None:
    rows = []
    with Chain(Anvil(START), Artifacts()) as chain:
        for case in CASES:
            rows.append(row(search(chain, case)))
            print(rows[-1], flush=True)
    total = sum(r["cycles"] for r in rows if isinstance(r["cycles"], int))
    RESULT.write_text(json.dumps({"cycles": total, "searches": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
