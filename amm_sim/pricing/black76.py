"""Black (1976) prices and Greeks in floats: the reference for contracts and analyzers.

Undiscounted, on a forward. Arguments broadcast against each other: forward and strike above 0 in
quote, time in years, volatility annualised (0.8 = 80 %). At zero time or volatility a price is
intrinsic and every Greek but delta is 0.

With h = |ln(F/K)|/s, s = vol sqrt(T) and R(x) = N(-x) exp(x^2/2), the out-of-the-money option is
worth sqrt(F K) exp(-(h^2 + s^2/4)/2) (R(h - s/2) - R(h + s/2)), which keeps its relative accuracy
in the tail (compare Jäckel 2015, "Let's be rational"); the other one follows by parity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, ndtr

Array = npt.NDArray[np.float64]
Real = float | Array

INV_ROOT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
SERIES_BELOW = 0.03
"""Half total volatility below which R(h - t) - R(h + t) comes from its Taylor series."""
ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Greeks:
    """Values and Greeks of one contract; vega per 1.00 of volatility, theta per year."""

    call: Array
    put: Array
    call_delta: Array
    """The put's is lower by 1."""
    gamma: Array
    vega: Array
    theta: Array
    vanna: Array
    """d delta / d vol."""
    volga: Array
    """d vega / d vol."""


def price(F: Real, K: Real, T: Real, vol: Real) -> tuple[Array, Array, Array]:
    """Call, put and the call's delta N(d1); good to 1e-12 of the price down to 1e-30 F."""
    F, K, s = _arrays(F, K, T, vol)
    otm = _out_of_the_money(F, K, s)
    call = np.where(F > K, otm + (F - K), otm)
    put = np.where(F > K, otm, otm + (K - F))
    return call, put, _delta(F, K, s)


def greeks(F: Real, K: Real, T: Real, vol: Real) -> Greeks:
    """Values and all Greeks."""
    call, put, delta = price(F, K, T, vol)
    F, K, s = _arrays(F, K, T, vol)
    live = s > 0.0
    sigma = np.where(live, np.broadcast_to(np.asarray(vol, dtype=np.float64), s.shape), 1.0)
    years = np.where(live, np.broadcast_to(np.asarray(T, dtype=np.float64), s.shape), 1.0)
    safe = np.where(live, s, 1.0)
    d1 = _log_ratio(F, K) / safe + safe / 2.0
    d2 = d1 - safe
    density = np.where(live, np.exp(-d1 * d1 / 2.0) * INV_ROOT_2PI, 0.0)
    vega_ = F * density * safe / sigma
    return Greeks(
        call=call,
        put=put,
        call_delta=delta,
        gamma=density / (F * safe),
        vega=vega_,
        theta=-F * density * safe / (2.0 * years),
        vanna=-density * d2 / sigma,
        volga=vega_ * d1 * d2 / sigma,
    )


def vega(F: Real, K: Real, T: Real, vol: Real) -> Array:
    """Change of value per 1.00 of volatility."""
    F, K, s = _arrays(F, K, T, vol)
    safe = np.where(s > 0.0, s, 1.0)
    d1 = _log_ratio(F, K) / safe + safe / 2.0
    root = np.sqrt(np.broadcast_to(np.asarray(T, dtype=np.float64), s.shape))
    return np.where(s > 0.0, F * root * np.exp(-d1 * d1 / 2.0) * INV_ROOT_2PI, 0.0)


def implied_vol(
    value: Real, F: Real, K: Real, T: Real, is_call: bool | npt.NDArray[np.bool_]
) -> Array:
    """Volatility at which an option is worth ``value``, for T > 0.

    0 at intrinsic value, NaN outside the no-arbitrage bounds. Newton steps on the logarithm of the
    out-of-the-money price, inside a bracket that bisection shrinks. The value of an option deep in
    the money does not hold the digits of its time value.
    """
    value, F, K, T, call = np.broadcast_arrays(value, F, K, T, is_call)
    F, K = F.astype(np.float64), K.astype(np.float64)
    otm = value - np.where(call, np.maximum(F - K, 0.0), np.maximum(K - F, 0.0))
    inside = (otm > 0.0) & (otm < np.minimum(F, K))
    total = _implied_total(np.where(inside, otm, 0.1 * np.minimum(F, K)), F, K)
    return np.where(inside, total / np.sqrt(T), np.where(otm == 0.0, 0.0, np.nan))


def _implied_total(otm: Array, F: Array, K: Array) -> Array:
    """Total volatility of an out-of-the-money price strictly between 0 and min(F, K)."""
    low, high = np.full_like(otm, 1e-10), np.full_like(otm, 60.0)
    s: Array = np.clip(np.sqrt(2.0 * np.abs(_log_ratio(F, K))), 0.05, 5.0)  # where the price bends
    for _ in range(ITERATIONS):
        model = _out_of_the_money(F, K, s)
        above = model > otm
        low, high = np.where(above, low, s), np.where(above, s, high)
        slope = F * np.exp(-((_log_ratio(F, K) / s + s / 2.0) ** 2) / 2.0) * INV_ROOT_2PI
        with np.errstate(all="ignore"):
            step = s - model * np.log(model / otm) / slope
        new = np.where((step > low) & (step < high), step, np.sqrt(low * high))
        if np.all(np.abs(new - s) <= 4e-15 * s):
            break
        s = new
    return s


def _arrays(F: Real, K: Real, T: Real, vol: Real) -> tuple[Array, Array, Array]:
    """Forward, strike and total volatility of one shape."""
    s = np.asarray(vol, dtype=np.float64) * np.sqrt(np.asarray(T, dtype=np.float64))
    forward, strike, total = np.broadcast_arrays(F, K, s)
    return forward.astype(np.float64), strike.astype(np.float64), total


def _log_ratio(F: Array, K: Array) -> Array:
    """ln(F/K) to its last digits, also close to the money, where F - K is exact."""
    near = np.abs(F - K) < 0.5 * K
    return np.where(near, np.log1p(np.where(near, F - K, 0.0) / K), np.log(F / K))


def _delta(F: Array, K: Array, s: Array) -> Array:
    safe = np.where(s > 0.0, s, 1.0)
    delta: Array = np.where(s > 0.0, ndtr(_log_ratio(F, K) / safe + safe / 2.0), F > K)
    return delta


def _out_of_the_money(F: Array, K: Array, s: Array) -> Array:
    """Value of the option that is out of the money."""
    live = s > 0.0
    t = np.where(live, s, 1.0) / 2.0
    h = np.abs(_log_ratio(F, K)) / (2.0 * t)
    direct = _tail(h - t) - _tail(h + t)
    difference = np.where(t < SERIES_BELOW, _tail_series(h, t), direct)
    with np.errstate(invalid="ignore"):
        otm = np.sqrt(F) * np.sqrt(K) * np.exp(-(h * h + t * t) / 2.0) * difference
    bounded = np.clip(np.nan_to_num(otm, nan=0.0), 0.0, np.minimum(F, K))
    return np.where(live, bounded, 0.0)


def _tail(x: Array) -> Array:
    """R(x) = N(-x) exp(x^2/2)."""
    return np.asarray(erfcx(x / math.sqrt(2.0)) / 2.0, dtype=np.float64)


def _tail_series(h: Array, t: Array) -> Array:
    """R(h - t) - R(h + t) for small t by odd derivatives.

    R' = h R - 1/sqrt(2 pi), then R^(n+1) = h R^(n) + n R^(n-1).
    """
    even, odd = _tail(h), h * _tail(h) - INV_ROOT_2PI
    total, power = np.zeros_like(h), 2.0 * t
    for n in (1, 3, 5, 7):
        total = total - odd * power
        even = h * odd + n * even
        odd = h * even + (n + 1) * odd
        power = power * t * t / ((n + 1) * (n + 2))
    return total
