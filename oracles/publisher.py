"""What every publisher of a mocked feed shares: cadence, latency and troubles by key."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.errors import ScenarioError
from amm_sim.types import Order, Read, Seen, Truth
from amm_sim.units import quantize
from oracles.windows import Windows, active, check, hour


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Posts what it observes of the truth, through the same mempool as everybody.

    Honest unless a key says otherwise. A publisher remembers nothing: what it needs of its past
    stands on chain.
    """

    name: str
    cadence: int = 60
    """Seconds between looks at the world."""
    phase: int = 0
    """Seconds after the start of its first look."""
    latency: int = 2
    """Seconds from a look to the mempool."""
    capital: float = 0.0
    frozen: Windows = ()
    """(from hour, to hour): posts nothing."""
    lagged: Windows = ()
    """(from hour, to hour, seconds): each post is held back that much longer."""
    congestion_lag: float = 0.0
    """Seconds that a post is held back for each multiple of normal gas above one."""
    noise: float = 0.0
    """Standard deviation of the logarithm of its error."""
    manipulated: Windows = ()
    """(from hour, to hour, factor): what it observes is multiplied by the factor."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.TRUTH})

    def __post_init__(self) -> None:
        path = f"oracles.{self.name}"
        if self.cadence <= 0:
            raise ScenarioError(f"{path}.cadence", self.cadence, "seconds, above 0")
        for key in ("latency", "phase"):
            if getattr(self, key) < 0:
                raise ScenarioError(f"{path}.{key}", getattr(self, key), "seconds, at least 0")
        for key in ("noise", "congestion_lag"):
            value = float(getattr(self, key))
            if not (math.isfinite(value) and value >= 0.0):
                raise ScenarioError(f"{path}.{key}", value, "a finite number of at least 0")
        check(f"{path}.frozen", self.frozen, 2, "from hour, to hour")
        check(f"{path}.lagged", self.lagged, 3, "from hour, to hour, seconds")
        check(f"{path}.manipulated", self.manipulated, 3, "from hour, to hour, factor")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """Posts of this wake-up. Draws the same numbers whether or not it posts."""
        draw = float(rng.standard_normal())
        if seen.truth is None or active(self.frozen, hour(seen)):
            return []
        return self.posts(seen, seen.truth, self.distortion(seen, draw), self.lag(seen, seen.truth))

    def posts(self, seen: Seen, truth: Truth, factor: float, delay: int) -> list[Order]:
        """What it posts when it observes ``factor`` times the truth and is late by ``delay``."""
        raise NotImplementedError

    def distortion(self, seen: Seen, draw: float) -> float:
        """By what its observation is multiplied: noise and manipulation."""
        window = active(self.manipulated, hour(seen))
        return math.exp(self.noise * draw) * (window[2] if window else 1.0)

    def lag(self, seen: Seen, truth: Truth) -> int:
        """Seconds beyond ``latency`` for which a post is held back."""
        window = active(self.lagged, hour(seen))
        return round(self.congestion_lag * max(truth.congestion - 1.0, 0.0)) + round(
            window[2] if window else 0.0
        )


def price(value: float) -> float:
    """A price as posted: nine significant digits."""
    return quantize(value)
