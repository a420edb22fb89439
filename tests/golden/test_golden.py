"""The same scenario, seed and locks give the same digest on every platform.

A change of contracts, agents or scenario changes the digest: look at why (``amm-sim diff`` of a run
before and after), then renew it with ``make golden``.
"""

from __future__ import annotations

import dataclasses
import json
import math
import runpy
from pathlib import Path
from typing import Any

import pytest

from amm_sim import assemble, scenario
from amm_sim.types import Truth

RENEW = runpy.run_path(str(Path(__file__).with_name("renew.py")))


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(RENEW["GOLDEN"].read_text())


def test_digest_is_the_committed_one(golden: dict[str, Any], tmp_path: Path) -> None:
    found = RENEW["measured"](tmp_path)
    changed = [key for key in ("scenario", "contracts", "locks") if found[key] != golden[key]]
    assert found["digest"] == golden["digest"], f"changed: {changed or 'code'}; see `make golden`"
    assert found == golden, f"same digest, other {changed}: renew it with `make golden`"


class Shaken:
    """A world whose floats are off in the last bit, as another processor's libm would give them."""

    def __init__(self, world: Any) -> None:
        self.world = world

    def truth(self, index: int) -> Truth:
        truth = self.world.truth(index)
        off = {
            field.name: math.nextafter(value, math.inf)
            for field in dataclasses.fields(truth)
            if isinstance(value := getattr(truth, field.name), float) and value > 0.0
        }
        return dataclasses.replace(truth, **off)


def test_digest_does_not_depend_on_the_last_bit_of_a_float(
    golden: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = assemble.build_world
    monkeypatch.setattr(assemble, "build_world", lambda loaded: Shaken(plain(loaded)))
    with assemble.prepare(scenario.load(RENEW["SCENARIO"])) as prepared:
        simulation = prepared.simulation()
        simulation.run()
        assert simulation.digest == golden["digest"]
