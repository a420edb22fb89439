"""Paths that end at the quantiles of a lognormal: the sample of the closed-form proof."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from amm_sim.errors import ScenarioError
from amm_sim.market.checks import number, positive
from amm_sim.market.generator import Generator
from amm_sim.market.path import Floats, Times
from amm_sim.units import YEAR


@dataclass(frozen=True, kw_only=True)
class Quantile(Generator):
    """Straight in logs to the (index + 1/2) / count quantile of S_T, then constant."""

    spot: float
    vol: float
    horizon: int
    """Seconds from the start to T."""
    index: int = 0
    count: int = 1
    drift: float = 0.0
    """Per year: E[S_T] = S_0 e^(drift T)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("market.spot", self.spot)
        number("market.vol", self.vol, 0.0)
        number("market.drift", self.drift)
        positive("market.horizon", self.horizon)
        positive("market.count", self.count)
        if not 0 <= self.index < self.count:
            raise ScenarioError(
                "market.index", self.index, f"from 0 to {self.count - 1}: one of market.count paths"
            )

    @property
    def terminal(self) -> float:
        """S_T of this path."""
        years = self.horizon / YEAR
        z = NormalDist().inv_cdf((self.index + 0.5) / self.count)
        return self.spot * math.exp(
            (self.drift - self.vol**2 / 2.0) * years + self.vol * math.sqrt(years) * z
        )

    def spot_path(self, times: Times, rng: np.random.Generator) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Spot and ``vol`` at ``times``; draws nothing."""
        share = np.minimum((times - times[0]) / self.horizon, 1.0)
        return self.spot * (self.terminal / self.spot) ** share, np.full(len(times), self.vol)
