"""The inventory fee in floats: what moves the pool's delta pays the change of a potential.

Phi(delta) = rate B phi(delta / B) with phi(x) = x^2 / 2 up to 1, then |x| - 1/2; rate = h S. Arrays
run over independent cycles.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def potential(delta: Floats, band: Floats) -> Floats:
    """Phi / rate, in underlying; a band of zero gives |delta|."""
    size = np.abs(delta)
    inside = np.divide(size * size, 2.0 * band, out=np.zeros_like(size), where=band > 0.0)
    return np.where(size > band, size - band / 2.0, inside)


def charge(before: Floats, after: Floats, band: Floats, share: float, paid: Floats) -> Floats:
    """Fee (+) or rebate (-) of a trade, by unit of rate; ``paid``: the most that comes back."""
    change = potential(after, band) - potential(before, band)
    return np.where(change > 0.0, change, -np.minimum(share * -change, paid))
