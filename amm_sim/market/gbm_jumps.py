"""Geometric Brownian motion with Merton's jumps (1976)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from amm_sim.market.checks import number, positive
from amm_sim.market.generator import Generator
from amm_sim.market.path import Floats, Times
from amm_sim.units import YEAR


@dataclass(frozen=True, kw_only=True)
class GbmJumps(Generator):
    """Diffusion with lognormal jumps, compensated so that E[S_T] = S_0 e^(drift T)."""

    spot: float
    drift: float = 0.0
    """Per year."""
    vol: float = 0.75
    """Of the diffusion, annualised."""
    jump_rate: float = 0.0
    """Jumps a year."""
    jump_mean: float = -0.1
    """Mean of a jump's logarithm."""
    jump_std: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("market.spot", self.spot)
        number("market.drift", self.drift)
        number("market.vol", self.vol, 0.0)
        number("market.jump_rate", self.jump_rate, 0.0)
        number("market.jump_mean", self.jump_mean)
        number("market.jump_std", self.jump_std, 0.0)

    @property
    def total_vol(self) -> float:
        """Annualised volatility of diffusion and jumps together."""
        return math.sqrt(self.vol**2 + self.jump_rate * (self.jump_mean**2 + self.jump_std**2))

    def spot_path(self, times: Times, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Spot and ``total_vol`` at ``times``."""
        dt = np.diff(times) / YEAR
        jumps = rng.poisson(self.jump_rate * dt)
        compensator = self.jump_rate * math.expm1(self.jump_mean + self.jump_std**2 / 2.0)
        logs = (self.drift - self.vol**2 / 2.0 - compensator) * dt
        logs += self.vol * np.sqrt(dt) * rng.standard_normal(len(dt))
        logs += self.jump_mean * jumps + self.jump_std * np.sqrt(jumps) * rng.standard_normal(
            len(dt)
        )
        spot = self.spot * np.exp(np.concatenate(([0.0], np.cumsum(logs))))
        return spot, np.full(len(times), self.total_vol)
