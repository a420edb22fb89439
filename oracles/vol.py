"""Publisher of the volatility feed: one SVI slice for each live expiry."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amm_sim.errors import ScenarioError
from amm_sim.pricing.smile import slice_at
from amm_sim.types import Order, PostVol, Seen, Truth
from amm_sim.units import YEAR, quantize
from oracles.publisher import Publisher


@dataclass(frozen=True, kw_only=True)
class Vol(Publisher):
    """Posts the outside surface at every wake-up; noise and manipulation work on its level."""

    cadence: int = 600
    confidence: float = 1.0
    """Confidence that it states in calm; 1 = certain."""
    calm: float = 1.0
    """Front volatility up to which it is that confident; above, confidence * calm / volatility."""
    last: int = 900
    """Stops this many seconds before an expiry, where annualised variance means little."""

    def __post_init__(self) -> None:
        super().__post_init__()
        path = f"oracles.{self.name}"
        if not 0.0 <= self.confidence <= 1.0:
            raise ScenarioError(f"{path}.confidence", self.confidence, "between 0 and 1")
        if not (math.isfinite(self.calm) and self.calm > 0.0):
            raise ScenarioError(f"{path}.calm", self.calm, "a finite volatility above 0")

    def posts(self, seen: Seen, truth: Truth, factor: float, delay: int) -> list[Order]:
        """A slice for every expiry that is not settled and far enough."""
        live = [
            e.expiry
            for e in seen.pool.expiries
            if not e.settlement and e.expiry - seen.time > self.last
        ]
        return [self.slice(expiry, truth, factor, delay) for expiry in live]

    def slice(self, expiry: int, truth: Truth, factor: float = 1.0, delay: int = 0) -> PostVol:
        """The outside slice of ``expiry`` at the truth's time."""
        shape = slice_at(truth.vol * factor, truth.smile, (expiry - truth.time) / YEAR)
        sure = self.confidence * min(1.0, self.calm / truth.vol)
        a, b, rho, m, sigma = (quantize(x) for x in shape)
        return PostVol(expiry, a, b, rho, m, sigma, quantize(sure), delay=delay)
