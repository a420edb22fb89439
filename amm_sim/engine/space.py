"""Parameter points of a study.

They come from a scenario's table [sweep]::

    [sweep]
    method = "grid"            # grid (default) | zip | points | latin | sobol
    [sweep.over]               # for all but points; keys are dotted keys of the scenario
    "protocol.market.stressFloor" = [0.3, 0.55, 0.8]          # grid, zip: values
    "protocol.band.maxBand" = { low = 0.01, high = 0.1, log = true }   # latin, sobol: a range

    [sweep]
    method = "points"
    points = [{ "protocol.policy" = "none" }, { "protocol.policy" = "band" }]

A range takes ``low``, ``high`` and optionally ``log`` (even in the logarithm) or ``whole`` (whole
numbers); latin and sobol take ``count`` and ``seed``. The first point is what others are compared
with.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from scipy.stats import qmc

from amm_sim.errors import ScenarioError

KEYS = ("method", "over", "points", "count", "seed")
RANGE = ("low", "high", "log", "whole")
DIGITS = 6
"""Significant digits of a drawn value: short numbers reach the chain exactly."""
MOST = 100_000
FIXED = ("run.seed", "question", "expect", "sweep", "extends")
"""What a point may not change."""

Changes = dict[str, Any]


def points(table: Mapping[str, Any]) -> list[Changes]:
    """The points of a table [sweep], each a mapping from dotted keys to values.

    Raises:
        ScenarioError: what is wrong, in one line.
    """
    for key in table:
        if key not in KEYS:
            raise ScenarioError(f"sweep.{key}", _shown(table[key]), "one of " + ", ".join(KEYS))
    method = table.get("method", "grid")
    if not isinstance(method, str) or method not in METHODS:
        raise ScenarioError("sweep.method", method, "one of " + ", ".join(METHODS))
    found = METHODS[method](table)
    if not 1 <= len(found) <= MOST:
        raise ScenarioError("sweep", len(found), f"1 to {MOST} points")
    _all_differ(found)
    return found


def _over(table: Mapping[str, Any]) -> dict[str, Any]:
    over = table.get("over")
    if not isinstance(over, Mapping) or not over:
        raise ScenarioError("sweep.over", _shown(over), "a table of dotted keys is needed")
    flat = dict(_flat(over, ""))
    for key in flat:
        _allowed(key)
    return flat


def _flat(table: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    """Unquoted dotted keys are nested tables in TOML: both ways of writing mean the same."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping) and not set(value) & {"low", "high"}:
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found


def _allowed(key: str) -> None:
    if key in FIXED or key.split(".", maxsplit=1)[0] in FIXED:
        raise ScenarioError(f"sweep: {key}", None, "a key of the model, not of the study")


def _values(table: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    over = _over(table)
    for key, values in over.items():
        if not isinstance(values, list) or not values:
            raise ScenarioError(f"sweep.over.{key}", _shown(values), "a list of values is needed")
    return over


def _grid(table: Mapping[str, Any]) -> list[Changes]:
    over = _values(table)
    return [dict(zip(over, row, strict=True)) for row in itertools.product(*over.values())]


def _zip(table: Mapping[str, Any]) -> list[Changes]:
    over = _values(table)
    lengths = {key: len(values) for key, values in over.items()}
    if len(set(lengths.values())) > 1:
        raise ScenarioError("sweep.over", lengths, "lists of one length for zip")
    return [dict(zip(over, row, strict=True)) for row in zip(*over.values(), strict=True)]


def _points(table: Mapping[str, Any]) -> list[Changes]:
    rows = table.get("points")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ScenarioError("sweep.points", _shown(rows), "a list of tables is needed")
    found = [dict(row) for row in rows]
    for key in {key for row in found for key in row}:
        _allowed(key)
    return found


def _latin(table: Mapping[str, Any]) -> list[Changes]:
    over, count = _over(table), _whole(table, "count", None)
    sampler = qmc.LatinHypercube(len(over), rng=_rng(table))
    return _drawn(over, sampler.random(count))


def _sobol(table: Mapping[str, Any]) -> list[Changes]:
    over, count = _over(table), _whole(table, "count", None)
    if count & (count - 1):
        raise ScenarioError("sweep.count", count, "a power of two for sobol")
    sampler = qmc.Sobol(len(over), scramble=True, rng=_rng(table))
    return _drawn(over, sampler.random_base2(count.bit_length() - 1))


def _rng(table: Mapping[str, Any]) -> np.random.Generator:
    return np.random.default_rng(_whole(table, "seed", 1))


def _whole(table: Mapping[str, Any], key: str, default: int | None) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise ScenarioError(f"sweep.{key}", _shown(value), f"a whole number from 1 to {MOST}")
    return value


def _drawn(over: Mapping[str, Any], unit: np.ndarray[Any, Any]) -> list[Changes]:
    scales = {key: _scale(key, spec) for key, spec in over.items()}
    return [
        {key: scale(float(u)) for (key, scale), u in zip(scales.items(), row, strict=True)}
        for row in unit
    ]


def _scale(key: str, spec: Any) -> Callable[[float], Any]:
    """From [0, 1) to the range."""
    where = f"sweep.over.{key}"
    if (
        not isinstance(spec, Mapping)
        or not set(spec) <= set(RANGE)
        or not {"low", "high"} <= set(spec)
    ):
        raise ScenarioError(where, _shown(spec), "a table of " + ", ".join(RANGE))
    low, high = _number(where, spec["low"]), _number(where, spec["high"])
    log, whole = spec.get("log", False) is True, spec.get("whole", False) is True
    if not low < high or (log and low <= 0.0) or (whole and log):
        raise ScenarioError(where, [low, high], "low < high; positive for log; whole without log")
    if whole:
        return lambda u: int(low) + int(u * (int(high) - int(low) + 1))
    if log:
        return lambda u: _short(low * (high / low) ** u)
    return lambda u: _short(low + (high - low) * u)


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ScenarioError(where, _shown(value), "numbers are needed")
    if not math.isfinite(value):
        raise ScenarioError(where, str(value), "finite numbers are needed")
    return float(value)


def _short(value: float) -> Decimal:
    return Decimal(f"{value:.{DIGITS}g}")


def _all_differ(found: Sequence[Changes]) -> None:
    seen: set[str] = set()
    for changes in found:
        text = json.dumps(changes, sort_keys=True, default=str)
        if text in seen:
            raise ScenarioError("sweep", _shown(changes), "points that differ")
        seen.add(text)


def _shown(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


METHODS: Mapping[str, Callable[[Mapping[str, Any]], list[Changes]]] = {
    "grid": _grid,
    "zip": _zip,
    "points": _points,
    "latin": _latin,
    "sobol": _sobol,
}

__all__ = ["Changes", "points"]
