"""The same hour of a scenario in one process and in two side by side."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CHILD = """
import os, sys, time
core = int(sys.argv[2])
if core >= 0:
    os.sched_setaffinity(0, {core})
sys.path.insert(0, sys.argv[3])
from measure import cost
from amm_sim import assemble, scenario
with assemble.prepare(scenario.load(sys.argv[1], {"run.duration": 3600})) as prepared:
    simulation = prepared.simulation()
    print("ready", flush=True)
    sys.stdin.readline()
    spent = cost(prepared, simulation.run)
    print(simulation.digest, spent.wall, spent.processor, flush=True)
"""


def together(scenario: Path, cores: Sequence[int]) -> tuple[list[str], float, float]:
    """The same hour in a process on each core (-1: on any) at once.

    Returns:
        Digests, wall seconds of the slowest, processor seconds of all.
    """
    here = str(Path(__file__).parent)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(scenario), str(core), here],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for core in cores
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [child.communicate()[0].split() for child in children]
    digests = [digest for digest, _, _ in answers]
    walls, processors = (
        [float(each) for each in row] for row in list(zip(*answers, strict=True))[1:]
    )
    return digests, max(walls), sum(processors)


def processes(scenario: Path, rounds: int) -> dict[str, Any]:
    """Digests of processes; throughput of two over that of one, the median of some rounds.

    A worker is two processes, Python and Anvil. ``two_over_one`` gives each worker one core, as a
    study on a full machine does; ``unbound`` lets the one worker use both.
    """
    cores = sorted(os.sched_getaffinity(0))[:2]
    digests, bound, free, work = list[str](), list[float](), list[float](), list[float]()
    for _ in range(rounds):
        one, alone, single = together(scenario, cores[:1])
        two, both, double = together(scenario, cores)
        any_, loose, _ = together(scenario, [-1])
        digests += [*one, *two, *any_]
        bound.append(2.0 * alone / both)
        free.append(2.0 * loose / both)
        work.append(4.0 * single / double)
    return {
        "digests": digests,
        "two_over_one": statistics.median(bound),
        "two_over_one_unbound": statistics.median(free),
        "two_over_one_by_processor": statistics.median(work),
    }
