"""Float reference of stochastic volatility: Heston calls, their Greeks, the minimum-variance delta.

dS = sqrt(v) S dW, dv = k (theta - v) dt + s sqrt(v) dZ, dW dZ = rho dt; no rates. Heston (1993),
Review of Financial Studies 6(2); the characteristic function in the form of Albrecher et al.
(2007), Wilmott magazine, which has no branch cut; one integral by Lewis (2001), eq. 3.11.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

PANELS = (0.0, 10.0, 60.0, 400.0)
"""The integrand falls at least like exp(-v u / s): 1e-10 of spot at the last for v above 0.05."""
NODES = 64


def _nodes() -> tuple[Array, Array]:
    """Gauss-Legendre on each panel."""
    x, w = np.polynomial.legendre.leggauss(NODES)  # type: ignore[no-untyped-call]
    pairs = list(pairwise(PANELS))
    points = [0.5 * (b - a) * x + 0.5 * (b + a) for a, b in pairs]
    weights = [0.5 * (b - a) * w for a, b in pairs]
    return np.concatenate(points), np.concatenate(weights)


@dataclass(frozen=True, slots=True)
class CallGreeks:
    """Value of calls and their derivatives in spot and in variance."""

    value: Array
    delta: Array
    by_variance: Array


@dataclass(frozen=True, slots=True)
class Heston:
    """The process: speed ``k``, long variance ``theta``, vol of variance ``s``, correlation."""

    k: float
    theta: float
    s: float
    rho: float

    def call(self, spot: Array, variance: Array, strike: float, years: float) -> CallGreeks:
        """Calls at matching ``spot`` and ``variance``, both of shape (n,)."""
        u, weight = _nodes()
        slope, level = self._exponents(u - 0.5j, years)
        power = 0.5 + 1j * u
        x = np.log(spot / strike)
        kernel = np.exp(power * x[:, None] + level + slope * variance[:, None])
        kernel *= weight / (u * u + 0.25) * strike / math.pi
        return CallGreeks(
            spot - kernel.real.sum(axis=1),
            1.0 - (kernel * power).real.sum(axis=1) / spot,
            -(kernel * slope).real.sum(axis=1),
        )

    def volatility_slope(self, variance: float) -> float:
        """Expected change of sqrt(v) that comes with a log-return of 1: rho s / (2 sqrt(v))."""
        return self.rho * self.s / (2.0 * math.sqrt(variance))

    def minimum_variance_delta(self, greeks: CallGreeks, spot: Array) -> Array:
        """Hedge ratio of least local variance: C_S + rho s / S C_v."""
        return np.asarray(greeks.delta + self.rho * self.s / spot * greeks.by_variance)

    def step(
        self, spot: Array, variance: Array, years: float, steps: int, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Spot and variance ``years`` later, by Euler steps with full truncation."""
        dt = years / steps
        logs, v = np.log(spot), variance.copy()
        for _ in range(steps):
            z, w = rng.standard_normal((2, len(v)))
            up = np.maximum(v, 0.0)
            vol = np.sqrt(up * dt)
            logs += vol * z - 0.5 * up * dt
            mixed = self.rho * z + math.sqrt(1.0 - self.rho**2) * w
            v += self.k * (self.theta - up) * dt + self.s * vol * mixed
        return np.exp(logs), np.maximum(v, 0.0)

    def _exponents(self, z: Complex, years: float) -> tuple[Complex, Complex]:
        """E exp(i z ln(S_T / S)) = exp(level + slope v): slope and level."""
        xi = self.k - self.rho * self.s * 1j * z
        d = np.sqrt(xi * xi + self.s**2 * (z * z + 1j * z))
        g = (xi - d) / (xi + d)
        decay = np.exp(-d * years)
        slope = (xi - d) / self.s**2 * (1.0 - decay) / (1.0 - g * decay)
        growth = (xi - d) * years - 2.0 * np.log((1.0 - g * decay) / (1.0 - g))
        return slope, self.k * self.theta / self.s**2 * growth
