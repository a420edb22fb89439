"""What the contracts cost now against the committed benchmarks/gas.json.

Tolerances: 2 % of an action's gas, 1 % of a contract's bytes. A deliberate change renews the file
by `make bench-contracts`, in the same commit.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

from amm_sim.chain import Artifacts

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
GAS, BYTES = 0.02, 0.01
RENEW = "`make bench-contracts` renews benchmarks/gas.json"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, artifacts: Artifacts) -> ModuleType:
    if not artifacts.production:
        pytest.skip("only production settings have gas and sizes that matter")
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("all_contracts")


def compare(now: dict[str, int], then: dict[str, int], tolerance: float) -> list[str]:
    """Names whose number moved by more than the tolerance, came or went."""
    lines = [f"{name}: only then or only now" for name in sorted(now.keys() ^ then.keys())]
    both = sorted(now.keys() & then.keys())
    moved = [name for name in both if abs(now[name] - then[name]) > tolerance * then[name]]
    return lines + [f"{x}: {then[x]:,} -> {now[x]:,} ({now[x] / then[x] - 1:+.1%})" for x in moved]


def committed(part: str) -> dict[str, int]:
    numbers: dict[str, int] = json.loads((BENCHMARKS / "gas.json").read_text())[part]
    return numbers


def test_compare_names_what_moved_came_and_went() -> None:
    then = {"a": 1000, "b": 1000, "c": 1000}
    assert compare({"a": 1019, "b": 981, "c": 1000}, then, GAS) == []
    assert len(compare({"a": 1021, "b": 979, "d": 5}, then, GAS)) == 4


def test_bytes_are_as_committed_and_within_the_limit(bench: ModuleType) -> None:
    now = bench.sizes(Artifacts())
    moved = compare(now, committed("bytes"), BYTES)
    assert not moved, "; ".join([*moved, RENEW])
    assert max(now.values()) <= bench.LIMIT


@pytest.mark.slow
def test_gas_of_named_actions_is_as_committed(bench: ModuleType) -> None:
    moved = compare(bench.actions(), committed("gas"), GAS)
    assert not moved, "; ".join([*moved, RENEW])
