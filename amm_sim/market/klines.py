"""Reads kline files: open time, open, high, low, close, volume.

Header and gzip are optional; times in seconds, milliseconds or microseconds.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from amm_sim.errors import ScenarioError
from amm_sim.market.path import Floats, Times

LATEST = 100_000_000_000
"""A time beyond this in seconds (year 5138) must be in a finer unit."""


@dataclass(frozen=True)
class Bars:
    """Bars sorted by open time; times in seconds, prices in quote."""

    file: str
    times: Times
    prices: Floats
    """Columns open, high, low, close."""
    interval: int
    """Seconds of one bar: the most common difference of open times."""

    def missing(self) -> Times:
        """Missing bars before each bar but the first."""
        return np.asarray(np.diff(self.times) // self.interval - 1, dtype=np.int64)

    def between(self, start: int, end: int) -> Bars:
        """The bars that overlap [start, end], with the one that ends at ``start`` if there is."""
        first = max(int(np.searchsorted(self.times, start, side="right")) - 1, 0)
        if first > 0 and self.times[first - 1] + self.interval == start:
            first -= 1
        last = int(np.searchsorted(self.times, end, side="right"))
        if last < len(self.times) and (last == 0 or self.times[last - 1] + self.interval < end):
            last += 1
        return Bars(self.file, self.times[first:last], self.prices[first:last], self.interval)


def load_bars(file: Path) -> Bars:
    """All bars of a file.

    Raises:
        ScenarioError: no such file, a malformed row, prices that contradict each other, times out
        of order.

    """
    if not file.is_file():
        raise ScenarioError(
            "market.file",
            str(file),
            "an existing kline file: open time, open, high, low, close, volume",
        )
    table = np.array(list(_rows(file)), dtype=np.float64)
    if len(table) < 2:
        raise ScenarioError("market.file", str(file), "at least two bars")
    times = _seconds(table[:, 0])
    _check(file, times, table[:, 1:])
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return Bars(str(file), times, table[:, 1:], int(steps[np.argmax(counts)]))


def _rows(file: Path) -> Iterator[list[float]]:
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", newline="") as stream:
            for number, row in enumerate(csv.reader(stream), start=1):
                if not row or (number == 1 and not _is_number(row[0])):
                    continue
                yield _row(file, number, row)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ScenarioError(
            "market.file", str(file), f"a readable CSV or gzip file ({error})"
        ) from None


def _row(file: Path, number: int, row: list[str]) -> list[float]:
    try:
        values = [float(cell) for cell in row[:5]]
    except ValueError:
        values = []
    if len(values) < 5 or not np.isfinite(values).all():
        raise ScenarioError(
            f"{file}:{number}",
            ",".join(row[:6]),
            "numbers: open time, open, high, low, close, volume",
        )
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _seconds(times: Floats) -> Times:
    scale = 1
    while times[0] / scale > LATEST:
        scale *= 1000
    return np.asarray(times // scale, dtype=np.int64)


def _check(file: Path, times: Times, prices: Floats) -> None:
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        raise ScenarioError(
            "market.file",
            str(file),
            f"open times that increase; bar {back[0] + 2} is not after its predecessor",
        )
    bad = _contradicting(prices)
    if len(bad):
        raise ScenarioError(
            "market.file",
            str(file),
            f"0 < low <= open, close <= high; bar {bad[0] + 1} has {list(prices[bad[0]])}",
        )


def _contradicting(prices: Floats) -> npt.NDArray[np.intp]:
    top = np.maximum(prices[:, 0], prices[:, 3])
    bottom = np.minimum(prices[:, 0], prices[:, 3])
    return np.flatnonzero((prices[:, 2] <= 0.0) | (prices[:, 2] > bottom) | (prices[:, 1] < top))
