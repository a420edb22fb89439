"""What work takes: wall time, and processor time of this process and of its Anvil."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amm_sim.prepared import Prepared


@dataclass(frozen=True)
class Cost:
    """Wall seconds, and processor seconds of this process and of Anvil."""

    wall: float
    python: float
    anvil: float

    @property
    def processor(self) -> float:
        """Of both."""
        return self.python + self.anvil


def processor_of(pid: int) -> float:
    """Processor seconds of a process so far; 0 where the system does not tell."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def cost(prepared: Prepared, work: Callable[[], Any]) -> Cost:
    """What ``work`` on a prepared world takes."""
    pid = getattr(prepared.chain.anvil, "pid", 0)
    wall, own, anvil = time.perf_counter(), time.process_time(), processor_of(pid)
    work()
    took = time.perf_counter() - wall
    return Cost(took, time.process_time() - own, processor_of(pid) - anvil)


def timed(work: Callable[[], Any]) -> float:
    """Wall seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
