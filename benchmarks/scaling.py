"""How cost grows with blocks, agents, positions and paths: processor seconds and fitted exponents.

An exponent is the slope of log cost over log size by least squares: 1 is linear. Costs that do not
depend on the size pull it below 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import cost

from amm_sim import assemble, scenario

CALM = Path(__file__).resolve().parents[1] / "scenarios" / "calm.toml"
HOUR = {"run.duration": 3600}
WARM = 120
SELLERS = {"deposit": 1.0, "use": 0.5, "cadence": 60, "tranche": 1.0, "legs": 1}
"""Short sellers that open at once and then hold."""


def of_blocks(blocks: int) -> float:
    """So many blocks of a calm day, after two hours in which the book fills."""
    whole = WARM + blocks
    with assemble.prepare(scenario.load(CALM, {"run.duration": 60 * whole})) as prepared:
        simulation = prepared.simulation()
        for _ in range(WARM):
            simulation.step()
        return cost(prepared, simulation.run).processor


def of_agents(agents: int) -> float:
    """An hour with so many retail traders."""
    with assemble.prepare(scenario.load(CALM, {**HOUR, "agents.retail.count": agents})) as prepared:
        return cost(prepared, prepared.simulation().run).processor


def of_positions(positions: int) -> float:
    """Half an hour with so many short accounts that keeper and liquidator watch."""
    keys = {f"agents.put_seller.{key}": value for key, value in SELLERS.items()}
    changes = {**HOUR, **keys, "agents.put_seller.count": positions, "agents.retail.rate": 0.0}
    with assemble.prepare(scenario.load(CALM, changes)) as prepared:
        simulation = prepared.simulation()
        for _ in range(30):
            simulation.step()
        return cost(prepared, simulation.run).processor


def of_paths(paths: int) -> float:
    """So many paths of half an hour from one snapshot."""
    with assemble.prepare(scenario.load(CALM, {"run.duration": 1800})) as prepared:
        return cost(prepared, lambda: [s.run() for s in prepared.paths(range(paths))]).processor


MEASURES: Mapping[str, tuple[Callable[[int], float], Sequence[int]]] = {
    "blocks": (of_blocks, (120, 240, 480, 960)),
    "agents": (of_agents, (10, 20, 40, 80, 160)),
    "positions": (of_positions, (10, 20, 40, 80, 160)),
    "paths": (of_paths, (2, 4, 8, 16)),
}


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Slope of log cost over log size."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def scaling(*, quick: bool = False) -> dict[str, Any]:
    """Sizes, processor seconds and exponent of every dimension."""
    found = {}
    for name, (measure, sizes) in MEASURES.items():
        taken = sizes[:3] if quick else sizes
        costs = [measure(size) for size in taken]
        found[name] = {
            "sizes": list(taken),
            "processor_seconds": [round(each, 3) for each in costs],
            "exponent": round(exponent(taken, costs), 3),
        }
    return found
