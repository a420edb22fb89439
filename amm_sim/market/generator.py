"""What every generator shares: its surroundings and the assembly of a path."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from amm_sim.errors import ScenarioError
from amm_sim.market.path import Floats, Path, Times, rounded, time_grid
from amm_sim.market.surroundings import Gas, ImpliedVol, Venue
from amm_sim.pricing.smile import check_smile
from amm_sim.types import Smile


@dataclass(frozen=True, kw_only=True)
class Generator(ABC):
    """Makes the truth of a run. A subclass adds its keys and the path of spot.

    Spot, implied volatility, gas and venue draw from separate children of the passed generator, so
    that a key of one never changes the draws of another.
    """

    iv: ImpliedVol = field(default_factory=ImpliedVol)
    gas: Gas = field(default_factory=Gas)
    venue: Venue = field(default_factory=Venue)
    smile: Smile = field(default_factory=Smile)

    def __post_init__(self) -> None:
        check_smile("market.smile", self.smile)

    @abstractmethod
    def spot_path(self, times: Times, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Spot and the volatility that drives it, at ``times``."""

    def path(self, start: int, step: int, count: int, rng: np.random.Generator) -> Path:
        """The truth at ``count`` + 1 times from ``start``, ``step`` seconds apart.

        Raises:
            ScenarioError: the keys cannot make such a path.

        """
        if step <= 0 or count < 0:
            raise ScenarioError(
                "run", (step, count), "a positive step and a count of blocks of at least 0"
            )
        times = time_grid(start, step, count)
        own, implied, fees, hedge = rng.spawn(4)
        spot, realised = self.spot_path(times, own)
        spot = rounded(spot)
        gas, congestion = self.gas.path(times, fees)
        venue, depth, is_open = self.venue.path(times, spot, hedge)
        return Path(
            times=times,
            spot=spot,
            venue=rounded(venue),
            vol=rounded(self.iv.path(times, spot, implied)),
            realised=rounded(realised),
            gas=rounded(gas),
            congestion=rounded(congestion),
            depth=rounded(depth),
            open=is_open,
            smile=self.smile,
        )
