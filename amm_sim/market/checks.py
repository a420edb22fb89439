"""Checks of the generators' keys: bad input is a ScenarioError that names the dotted key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from amm_sim.errors import ScenarioError

Points = tuple[tuple[float, ...], ...]
"""Rows of numbers from a scenario, the first of each an hour since the run's start."""


def number(path: str, value: float, low: float = -math.inf, high: float = math.inf) -> None:
    """Raises ScenarioError unless ``value`` is finite and in [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):
        raise ScenarioError(path, value, f"a finite number in [{low:g}, {high:g}]")


def positive(path: str, value: float) -> None:
    """Raises ScenarioError unless ``value`` is finite and above zero."""
    if not (math.isfinite(value) and value > 0.0):
        raise ScenarioError(path, value, "a finite number above 0")


def one_of(path: str, value: str, allowed: Sequence[str]) -> None:
    """Raises ScenarioError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ScenarioError(path, value, "one of " + ", ".join(allowed))


def rows(path: str, value: Points, width: int, meaning: str) -> None:
    """Raises ScenarioError unless every row has ``width`` finite numbers and hours increase."""
    for index, row in enumerate(value):
        if len(row) != width or not all(math.isfinite(x) for x in row):
            raise ScenarioError(f"{path}[{index}]", list(row), f"{width} finite numbers: {meaning}")
    hours = [row[0] for row in value]
    if any(b <= a for a, b in pairwise(hours)):
        raise ScenarioError(path, hours, "rows sorted by hour, each hour once")


def windows(path: str, value: Points, width: int = 2, meaning: str = "from hour, to hour") -> None:
    """Raises ScenarioError unless every row is a window [from, to, ...] with from < to."""
    rows(path, value, width, meaning)
    for index, row in enumerate(value):
        if row[0] >= row[1]:
            raise ScenarioError(f"{path}[{index}]", list(row), f"{meaning}, with from < to")
