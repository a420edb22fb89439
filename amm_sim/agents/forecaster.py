"""Who states the opinion that moves the aim of the pool's hedging band: two motives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.agents.agent import Behaviour
from amm_sim.errors import ScenarioError
from amm_sim.types import Order, PostSignal, Read, Seen
from amm_sim.units import quantize


@dataclass(frozen=True, kw_only=True)
class Forecaster(Behaviour):
    """Publishes a noisy forecast of drift as a share of the drift at which its opinion is whole.

    A forecast is ``drift`` and an error of standard deviation |drift| / ``ratio``: the information
    ratio of one publication. Zero drift with ``ratio`` one is pure noise of ``full``'s size.
    """

    cadence: int = 300
    latency: int = 2
    capital: float = 0.0
    drift: float = 0.0
    """Yearly drift of the log-price that it knows of; + up, so that the pool should hold more."""
    ratio: float = 1.0
    full: float = 10.0
    """Yearly drift that makes its opinion 1."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL})
    positive: ClassVar[tuple[str, ...]] = ("ratio", "full")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.drift):
            raise ScenarioError("drift", self.drift, "a finite number, per year")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """One opinion in [-1, 1], as of now."""
        error = abs(self.drift or self.full) / self.ratio * float(rng.standard_normal())
        opinion = min(1.0, max(-1.0, (self.drift + error) / self.full))
        return [PostSignal(quantize(opinion), seen.time)]


@dataclass(frozen=True, kw_only=True)
class SignalAttacker(Behaviour):
    """Holds the signal's key and swings the aim to have the pool trade back and forth.

    Its values are far beyond the range and change sign at every wake-up.
    """

    cadence: int = 60
    latency: int = 1
    capital: float = 0.0
    size: float = 1e9

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL})
    positive: ClassVar[tuple[str, ...]] = ("size",)

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:  # noqa: ARG002
        """The other way than before."""
        turn = (seen.time - seen.start) // self.cadence % 2
        return [PostSignal(self.size if turn else -self.size, seen.time)]
