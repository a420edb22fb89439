"""A path bridged through published facts: prices at hours, local volatility in between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from amm_sim.errors import ScenarioError
from amm_sim.market.bridge import bridge
from amm_sim.market.checks import Points, number, positive, rows
from amm_sim.market.generator import Generator
from amm_sim.market.path import Floats, Times


@dataclass(frozen=True, kw_only=True)
class Anchored(Generator):
    """Brownian bridges in log-price between the anchors, inside the range that these span.

    The highest and lowest anchor are thus the path's peak and low. Anchors that fall on a block are
    met exactly.
    """

    anchors: Points
    """(hour, price, annualised volatility until the next anchor)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rows("market.anchors", self.anchors, 3, "hour, price, volatility until the next")
        if len(self.anchors) < 2 or self.anchors[0][0] != 0.0:
            raise ScenarioError(
                "market.anchors", self.anchors[:1], "at least two rows, the first at hour 0"
            )
        for index, (_, price, vol) in enumerate(self.anchors):
            positive(f"market.anchors[{index}][1]", price)
            number(f"market.anchors[{index}][2]", vol, 0.0)

    def spot_path(self, times: Times, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Spot and the local volatility at ``times``."""
        table = np.array(self.anchors)
        seconds = (times - times[0]).astype(np.float64)
        knots = table[:, 0] * 3600.0
        if seconds[-1] > knots[-1]:
            raise ScenarioError(
                "market.anchors", table[-1, 0], f"a last hour of at least {seconds[-1] / 3600.0:g}"
            )
        logs = np.log(table[:, 1])
        path = _folded(
            bridge(knots, logs, table[:, 2], seconds, rng), float(logs.min()), float(logs.max())
        )
        segment = np.clip(np.searchsorted(knots, seconds, side="right") - 1, 0, len(knots) - 1)
        return np.exp(path), table[segment, 2]


def _folded(logs: Floats, low: float, high: float) -> Floats:
    """Reflected at both bounds until inside."""
    width = high - low
    if width == 0.0:
        return np.full(len(logs), low)
    offset = np.mod(logs - low, 2.0 * width)
    return low + np.where(offset > width, 2.0 * width - offset, offset)
