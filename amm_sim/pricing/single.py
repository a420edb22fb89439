"""Black-76 of one option in plain floats, and of a board's strikes at once, for agents.

Some twenty times quicker than ``black76`` on one option; good to about 1e-15 of the forward, not in
relative terms.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

ROOT_2 = math.sqrt(2.0)
ROOT_2PI = math.sqrt(2.0 * math.pi)


def black(
    forward: float, strike: float, years: float, vol: float, is_call: bool
) -> tuple[float, float, float]:
    """Undiscounted Black-76 value, delta and vega of one contract (Black 1976), r = 0."""
    deviation = vol * math.sqrt(years)
    sign = 1.0 if is_call else -1.0
    if deviation <= 0.0:
        inside = sign * (forward - strike) > 0.0
        return max(sign * (forward - strike), 0.0), sign * inside, 0.0
    d1 = math.log(forward / strike) / deviation + deviation / 2.0
    first = 0.5 * math.erfc(-sign * d1 / ROOT_2)
    second = 0.5 * math.erfc(-sign * (d1 - deviation) / ROOT_2)
    vega = forward * math.sqrt(years) * math.exp(-d1 * d1 / 2.0) / ROOT_2PI
    return sign * (forward * first - strike * second), sign * first, vega


def both(
    forward: float, strike: float, years: float, vol: float
) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Value and delta of the call, the same of the put, and their vega: ``black`` to the bit."""
    deviation = vol * math.sqrt(years)
    if deviation <= 0.0:
        call, put = (
            black(forward, strike, years, vol, True),
            black(forward, strike, years, vol, False),
        )
        return call[:2], put[:2], 0.0
    d1 = math.log(forward / strike) / deviation + deviation / 2.0
    d2 = d1 - deviation
    up, down = 0.5 * math.erfc(-d1 / ROOT_2), 0.5 * math.erfc(d1 / ROOT_2)
    paid, kept = 0.5 * math.erfc(-d2 / ROOT_2), 0.5 * math.erfc(d2 / ROOT_2)
    vega = forward * math.sqrt(years) * math.exp(-d1 * d1 / 2.0) / ROOT_2PI
    return (forward * up - strike * paid, up), (strike * kept - forward * down, -down), vega


Numbers = npt.NDArray[np.float64]


def ladder(
    forward: float, strikes: Numbers, years: Numbers, vols: Numbers
) -> tuple[tuple[Numbers, Numbers], tuple[Numbers, Numbers], Numbers]:
    """``both`` of many options; vols above zero and time left are needed."""
    root = np.sqrt(years)
    deviation = vols * root
    d1 = np.log(forward / strikes) / deviation + deviation / 2.0
    d2 = d1 - deviation
    up, down, paid, kept = ndtr(d1), ndtr(-d1), ndtr(d2), ndtr(-d2)
    vega = forward * root / ROOT_2PI * np.exp(-d1 * d1 / 2.0)
    return (forward * up - strikes * paid, up), (strikes * kept - forward * down, -down), vega
