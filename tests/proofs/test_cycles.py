"""Optimiser-made cycles on chain, a small sample; `python benchmarks/bench_cycles.py` is the whole.

The committed result of the whole is checked, too.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from amm_sim.chain import Chain
from amm_sim.proofs.cycles import GENES, Case, Cycles, search

RESULT = Path(__file__).parents[2] / "benchmarks" / "cycles.json"


@pytest.mark.parametrize("spread", ["none", "base"])
def test_optimised_cycles_never_get_back_more_than_they_paid(chain: Chain, spread: str) -> None:
    found = search(chain, Case(spread, seed=2, population=4, generations=1))
    assert found.holds
    assert found.cycles >= 150
    assert found.trades > 5 * found.cycles
    assert found.hedges > 0
    assert found.unclosed == 0
    assert found.rebates > 1.0  # cycles are paid back something, and less than they paid
    assert found.charged >= 0.0


def test_a_cycle_by_hand_pays_the_change_of_the_potential(chain: Chain) -> None:
    """One call bought and sold back with no hedge: the fee of the way out less 0.7 of it, and the
    premium's rounding; cash is the same without a half-spread."""
    cycles = Cycles(chain, Case(seed=1, moves=False))
    genes = np.zeros(GENES)
    genes[1], genes[2] = 4.5, 0.5  # call of the third strike, 40 / 8 contracts
    done = cycles.cycler.call("play", cycles._steps(genes), 2000 * 10**18, floats=True)
    out = done["charged"] + done["rebates"]
    assert done["trades"] == 2
    assert done["closed"]
    assert out > 0.0
    if done["rebates"] > 0.0:
        assert done["rebates"] == pytest.approx(0.7 * out, rel=0.01)
    assert done["cash"] == pytest.approx(done["charged"], abs=1e-5)


def test_whole_search_as_committed_found_no_cycle_and_its_control_did() -> None:
    result = json.loads(RESULT.read_text())
    *searches, control = result["searches"]
    assert result["cycles"] >= 10_000
    assert {s["spread"] for s in searches} == {"none", "half", "base"}
    assert all(s["holds"] and s["charged"] >= 0.0 and s["hedges"] > 100 for s in searches)
    assert any(not s["moves"] and s["cash"] >= 0.0 for s in searches)
    assert -control["had"] < control["charged"] < -0.01
