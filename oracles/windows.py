"""Windows of trouble, stated in hours since the run's start."""

from __future__ import annotations

import math

from amm_sim.errors import ScenarioError
from amm_sim.types import Seen

Windows = tuple[tuple[float, ...], ...]
"""Rows (from hour, to hour, ...): what happens in [from, to)."""


def check(path: str, windows: Windows, width: int, meaning: str) -> None:
    """Raises ScenarioError unless each row is a window with ``width`` finite numbers."""
    for index, row in enumerate(windows):
        if len(row) != width or not all(math.isfinite(x) for x in row) or row[0] >= row[1]:
            raise ScenarioError(f"{path}[{index}]", list(row), f"{meaning}, with from < to")


def hour(seen: Seen) -> float:
    """Hours since the run's start."""
    return (seen.time - seen.start) / 3600.0


def active(windows: Windows, now: float) -> tuple[float, ...] | None:
    """The first window that holds ``now``, or None."""
    return next((row for row in windows if row[0] <= now < row[1]), None)
