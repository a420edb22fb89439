"""The truth of one run: what the world outside the chain does at every block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amm_sim.types import Smile, Truth
from amm_sim.units import quantize

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Path:
    """Arrays over blocks from the run's start; prices in quote, times in seconds since 1970."""

    times: Times
    spot: Floats
    venue: Floats
    """Reference price at the hedge venue."""
    vol: Floats
    """Front at-the-money implied volatility of the outside market."""
    realised: Floats
    """Volatility that drives spot, where the generator knows it; else measured over the last hour.
    """
    gas: Floats
    """Quote per unit of gas."""
    congestion: Floats
    """Gas price as a multiple of normal."""
    depth: Floats
    """Depth of the hedge venue as a multiple of normal."""
    open: npt.NDArray[np.bool_]
    """Whether the hedge venue trades."""
    smile: Smile

    def __len__(self) -> int:
        return len(self.times)

    def truth(self, index: int) -> Truth:
        """The world at block ``index``."""
        return Truth(
            time=int(self.times[index]),
            spot=float(self.spot[index]),
            venue=float(self.venue[index]),
            vol=float(self.vol[index]),
            realised=float(self.realised[index]),
            smile=self.smile,
            depth=float(self.depth[index]),
            venue_open=bool(self.open[index]),
            gas_price=float(self.gas[index]),
            congestion=float(self.congestion[index]),
        )


def time_grid(start: int, step: int, count: int) -> Times:
    """``count`` + 1 times from ``start``, ``step`` seconds apart."""
    return start + step * np.arange(count + 1, dtype=np.int64)


def hours_of(times: Times) -> Floats:
    """Hours since the first time."""
    return np.asarray((times - times[0]) / 3600.0, dtype=np.float64)


def rounded(values: Floats) -> Floats:
    """Each value with nine significant digits, so that processors agree."""
    return np.array([quantize(float(value)) for value in values])
