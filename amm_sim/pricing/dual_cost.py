"""The pool's convex cost function in floats: the twin of the contract's, for agents and studies.

C(q) = max over |u| <= limit of [ sum q_i P_i(u) - V u^2 / 2 ] with P_i the Black-76 call at vol
anchor_i + u weight_i, and limit = min(max_shift, least anchor / 2, 5 - largest anchor). A trade
costs the rise of C; a put costs size (K - F) more than the call. Net positions are traders', calls
plus puts per strike, + long. Arrays of books have the strikes on their last axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amm_sim.pricing.black76 import greeks, price

Array = npt.NDArray[np.float64]

HIGHEST_VOL = 5.0
"""Largest vol that the contracts price."""
SCAN = 32
"""Pieces of the clamp that are searched: the objective of a large book may have several maxima."""
HALVINGS = 55


@dataclass(frozen=True)
class Board:
    """One expiry: ``strikes``, ``anchors``, ``weights`` of equal length; V in quote per vol^2."""

    strikes: Array
    anchors: Array
    weights: Array
    impact: float
    max_shift: float

    @property
    def limit(self) -> float:
        """Largest |u|; at 0, or without impact, trades do not move vols."""
        room = min(self.max_shift, self.anchors.min() / 2, HIGHEST_VOL - self.anchors.max())
        return float(max(0.0, room)) if self.impact > 0.0 else 0.0

    def vols(self, shift: float | Array) -> Array:
        """Vol of each strike; ``shift`` of shape (...) gives (..., strikes)."""
        vol: Array = self.anchors + np.asarray(shift)[..., None] * self.weights
        return vol


def weight(log_moneyness: float | Array, width: float) -> Array:
    """How much of the shift a strike takes: 1 / (1 + (k / width)^2)."""
    return np.asarray(1.0 / (1.0 + (np.asarray(log_moneyness) / width) ** 2))


def objective(board: Board, net: Array, spot: float, years: float, shift: float | Array) -> Array:
    """Sum of q P(u) less V u^2 / 2, of calls; ``net`` (..., strikes) and ``shift`` broadcast."""
    shift = np.asarray(shift, dtype=np.float64)
    calls, _, _ = price(spot, board.strikes, years, board.vols(shift))
    value: Array = np.sum(net * calls, axis=-1) - board.impact * shift**2 / 2
    return value


def slope(board: Board, net: Array, spot: float, years: float, shift: float | Array) -> Array:
    """Derivative of the objective by the shift."""
    shift = np.asarray(shift, dtype=np.float64)
    vega = greeks(spot, board.strikes, years, board.vols(shift)).vega
    value: Array = np.sum(net * board.weights * vega, axis=-1) - board.impact * shift
    return value


def optimal_shift(board: Board, net: Array, spot: float, years: float) -> Array:
    """The maximising shift of each book; ``net`` (..., strikes) gives (...)."""
    net = np.asarray(net, dtype=np.float64)
    limit = board.limit
    if limit == 0.0 or years <= 0.0:
        return np.zeros(net.shape[:-1])
    grid = np.linspace(-limit, limit, SCAN + 1)
    best = np.argmax(objective(board, net[..., None, :], spot, years, grid), axis=-1)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, SCAN)]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        rises = slope(board, net, spot, years, middle) > 0.0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.asarray((low + high) / 2)


def cost(board: Board, net: Array, spot: float, years: float) -> Array:
    """C(q) of each book, as calls; a book's puts add sum of put position (K - F)."""
    return objective(board, net, spot, years, optimal_shift(board, net, spot, years))


def trade_cost(
    board: Board, net: Array, option: tuple[int, bool], size: float, spot: float, years: float
) -> float:
    """What buying ``size`` (negative: selling) of ``option`` costs before fees, in quote.

    ``option`` is the index of its strike and whether it is a call.
    """
    strike, is_call = option
    after = np.array(net, dtype=np.float64)
    after[strike] += size
    both = cost(board, np.stack([np.asarray(net, dtype=np.float64), after]), spot, years)
    parity = 0.0 if is_call else size * (float(board.strikes[strike]) - spot)
    return float(both[1] - both[0]) + parity
