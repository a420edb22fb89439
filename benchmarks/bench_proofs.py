"""What the contracts do beside what theory says, at full size; writes proofs.json.

Overshoot at liquidation (5,000 liquidations), the toxic frontier for several incentives, and
P(deficit) of accounts at their maintenance margin. A few minutes.

    python benchmarks/bench_proofs.py
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from amm_sim.analyzers.liquidation import toxic_frontier
from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.proofs import deficit, overshoot
from amm_sim.proofs.frontier import Frontier

RESULT = Path(__file__).with_name("proofs.json")
START = 1_600_000_000
SEED = 1
INCENTIVES = (0.01, 0.05, 0.10, 0.20)
DEFICITS = (
    deficit.Case(),
    deficit.Case(strike=1900.0, is_call=False, realised=3.0),
    deficit.Case(strike=2000.0, days=30.0, realised=2.0, delay=2 * 86_400),
)
PATHS = 10_000


def overshoots(chain: Chain) -> dict[str, Any]:
    proof = overshoot.prove(chain, overshoot.Case(), np.random.default_rng(SEED))
    return {
        **dataclasses.asdict(proof.case),
        "seed": SEED,
        "liquidations": proof.liquidations,
        "paths": proof.paths,
        "blocks": proof.blocks,
        "mean_bp": round(proof.mean * 1e4, 5),
        "standard_error_bp": round(proof.error * 1e4, 5),
        "law_bp": round(proof.expected * 1e4, 5),
        "z": round(proof.z, 3),
        "within_4_standard_errors": proof.holds,
    }


def frontiers(chain: Chain) -> list[dict[str, float]]:
    found = []
    for incentive in INCENTIVES:
        token = chain.snapshot()
        at = Frontier(chain, incentive).find()
        chain.revert(token)
        found.append({"incentive": incentive, "contracts": at, "law": toxic_frontier(incentive)})
    return found


def deficits(chain: Chain) -> list[dict[str, Any]]:
    found = []
    for case in DEFICITS:
        token = chain.snapshot()
        proof = deficit.prove(chain, case, PATHS)
        chain.revert(token)
        row = {"paths": PATHS, "maintenance_margin": proof.margin, "contracts": proof.measured}
        found.append({**dataclasses.asdict(case), **row, "law": proof.exact})
    return found


def main() -> None:
    with Chain(Anvil(START), Artifacts()) as chain:
        token = chain.snapshot()
        walked = overshoots(chain)
        chain.revert(token)
        result = {
            "overshoot": walked,
            "toxic_frontier": frontiers(chain),
            "deficit_at_maintenance": deficits(chain),
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
