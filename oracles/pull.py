"""Publisher of the pull feed: a price with its confidence interval at every wake-up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amm_sim.errors import ScenarioError
from amm_sim.types import Order, PostPull, Seen, Truth
from amm_sim.units import YEAR
from oracles.publisher import Publisher, price


@dataclass(frozen=True, kw_only=True)
class Pull(Publisher):
    """Confidence = max(floor, width * realised volatility over ``horizon`` seconds), relative."""

    floor: float = 0.0005
    """Smallest relative confidence interval."""
    width: float = 1.0
    """Confidence in standard deviations of spot over the horizon."""
    horizon: int = 10
    """Seconds over which spot may move between observation and use."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("floor", "width", "horizon"):
            value = float(getattr(self, key))
            if not (math.isfinite(value) and value >= 0.0):
                raise ScenarioError(
                    f"oracles.{self.name}.{key}", value, "a finite number of at least 0"
                )

    def posts(self, seen: Seen, truth: Truth, factor: float, delay: int) -> list[Order]:
        """The price as observed now, with the time of the observation."""
        observed = price(truth.spot * factor)
        return [
            PostPull(observed, price(observed * self.confidence(truth)), seen.time, delay=delay)
        ]

    def confidence(self, truth: Truth) -> float:
        """Relative confidence interval."""
        return max(self.floor, self.width * truth.realised * math.sqrt(self.horizon / YEAR))
