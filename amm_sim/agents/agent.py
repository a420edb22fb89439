"""What every behaviour shares: name, cadence, latency, capital, and how it funds and closes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from amm_sim.errors import ScenarioError
from amm_sim.types import AccountView, Deposit, Order, Read, Seen
from amm_sim.units import quantize


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """A frozen behaviour: its fields are the scenario's keys, it knows only what it sees."""

    name: str
    cadence: int = 60
    """Seconds between wake-ups."""
    latency: int = 5
    """Seconds from decision to the mempool."""
    capital: float = 100_000.0
    """Quote minted to it at the start."""
    phase: int = 0
    """Seconds after the start of its first wake-up."""

    reads: ClassVar[frozenset[Read]] = frozenset({Read.POOL, Read.OWN})
    positive: ClassVar[tuple[str, ...]] = ()
    """Keys that must be finite and above zero."""
    shares: ClassVar[tuple[str, ...]] = ()
    """Keys that must lie in [0, 1]."""

    def __post_init__(self) -> None:
        if self.cadence <= 0:
            raise ScenarioError("cadence", self.cadence, "seconds between wake-ups, above 0")
        for key in ("latency", "phase"):
            if getattr(self, key) < 0:
                raise ScenarioError(key, getattr(self, key), "seconds, at least 0")
        if not (math.isfinite(self.capital) and self.capital >= 0.0):
            raise ScenarioError("capital", self.capital, "a finite amount of quote, at least 0")
        for key in self.positive:
            if not 0.0 < getattr(self, key) < math.inf:
                raise ScenarioError(key, getattr(self, key), "a finite number above 0")
        for key in self.shares:
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise ScenarioError(key, getattr(self, key), "between 0 and 1")

    def act(self, seen: Seen, rng: np.random.Generator) -> list[Order]:
        """Orders of this wake-up."""
        raise NotImplementedError


def funding(own: AccountView, amount: float, least: float = 1.0) -> list[Order]:
    """A deposit of ``amount``, or of what the wallet holds, if the account is empty."""
    available = min(amount, own.wallet)
    if own.legs or own.balance >= least or available < least:
        return []
    return [Deposit(rounded_down(available))]


def rounded_down(amount: float) -> float:
    """``amount`` in at most nine significant digits, never more than ``amount``."""
    value = quantize(amount)
    return value if value <= amount else quantize(amount * (1.0 - 1e-8))


def contracts(size: float) -> float:
    """``size`` in thousandths of a contract, toward zero: closing it later leaves no dust."""
    return math.trunc(quantize(size) * 1000.0) / 1000.0
