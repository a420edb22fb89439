"""The constants of contracts/libraries/Black76.sol: fitted, packed, checked.

    python tools/black76_coefficients.py        check the coefficients; print them as Solidity
    python tools/black76_coefficients.py fit    fit again (10 s), write black76_coefficients.json

Three rational approximations P/Q are minimax (Remez exchange; Cody, Fraser and Hart, Numer. Math.
12, 1968) in mpmath. Two are written in t = 1 - u, where all their coefficients are positive, so
that numerator and denominator can share a machine word: `Kernel.words`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mpmath import (
    atanh,
    binomial,
    erfc,
    exp,
    log,
    lu_solve,
    matrix,
    mp,
    mpf,
    nint,
    nstr,
    pi,
    sqrt,
    tanh,
)

mp.dps = 60
HERE = Path(__file__).parent
COEFFICIENTS = HERE / "black76_coefficients.json"
YEAR = 31_536_000

Function = Callable[[mpf], mpf]


def polynomial(coefficients: list[mpf], x: mpf) -> mpf:
    """Value at ``x``; lowest power first."""
    value = mpf(0)
    for c in reversed(coefficients):
        value = value * x + c
    return value


# ------------------------------------------------------------------ what is approximated


def mills(x: mpf) -> mpf:
    """R(x) = N(-x) exp(x^2/2)."""
    return erfc(x / sqrt(2)) * exp(x * x / 2) / 2


def mills_in_u(u: mpf) -> mpf:
    """R(x) / t for t = 1 - u = 2/(2 + x)."""
    return mills(2 * u / (1 - u)) / (1 - u)


def mills_weight(u: mpf) -> mpf:
    """Tolerated relative error: 1e-16 of a probability in the middle, 1e-11 of R in the tail."""
    tail = erfc(2 * u / (1 - u) / sqrt(2)) / 2
    return min(mpf("1e-16") / tail, mpf("1e-11"))


def atanh_over_w(z: mpf) -> mpf:
    """atanh(w)/w for z = w^2."""
    return 1 + z / 3 if z < mpf(10) ** -30 else atanh(sqrt(z)) / sqrt(z)


def tanh_over_r(z: mpf) -> mpf:
    """tanh(r ln2/2)/r for z = r^2; 2^-r = (1 - r h)/(1 + r h) with this h."""
    half = log(2) / 2
    return half - half**3 * z / 3 if z < mpf(10) ** -30 else tanh(sqrt(z) * half) / sqrt(z)


# ------------------------------------------------------------------ the fit


@dataclass(frozen=True)
class Target:
    """A function on [0, end], its relative tolerance, degree of P and Q; whether to use 1 - u."""

    function: Function
    weight: Function
    end: mpf
    degree: int
    in_complement: bool


TARGETS = {
    "MILLS": Target(mills_in_u, mills_weight, mpf(12) / 14, 8, True),  # x up to 12
    "ATANH": Target(atanh_over_w, lambda _: mpf(1), mpf(1) / 9, 4, True),  # ratios up to 2
    "EXP": Target(tanh_over_r, lambda _: mpf(1), mpf(1) / 4, 2, False),
}


@dataclass(frozen=True)
class Kernel:
    """P/Q and its largest weighted relative error; coefficients in decimal, lowest power first."""

    p: list[str]
    q: list[str]
    error: str

    def words(self) -> list[int]:
        """One word per power: P's coefficient in the upper, Q's in the lower 128 bits, Q64."""
        return [q64(mpf(p)) << 128 | q64(mpf(q)) for p, q in zip(self.p, self.q, strict=True)]


@dataclass(frozen=True)
class Samples:
    """The grid on which errors are watched, with the function and the weight there."""

    x: list[mpf]
    f: list[mpf]
    w: list[mpf]


def fit(target: Target, points: int = 600) -> Kernel:
    """Minimax P/Q with Q(0) = 1 by exchange of extrema on a Chebyshev grid."""
    x = [target.end / 2 * (1 - mp.cos(pi * i / points)) for i in range(points + 1)]
    grid = Samples(x, [target.function(a) for a in x], [target.weight(a) for a in x])
    size = 2 * target.degree + 2
    extrema = [round(points * i / (size - 1)) for i in range(size)]
    best: tuple[mpf, list[mpf], list[mpf]] | None = None
    for _ in range(12):
        p, q, level = levelled(grid, extrema, target.degree)
        errors = [
            (polynomial(p, a) / polynomial(q, a) / f - 1) / w
            for a, f, w in zip(grid.x, grid.f, grid.w, strict=True)
        ]
        largest = max(abs(e) for e in errors)
        if best is None or largest < best[0]:
            best = (largest, p, q)
        extrema = alternating(errors, size)
        if largest < abs(level) * mpf("1.001") or len(extrema) < size:
            break
    assert best is not None
    rewrite = complement if target.in_complement else list
    return Kernel(decimals(rewrite(best[1])), decimals(rewrite(best[2])), nstr(best[0], 5))


def levelled(grid: Samples, at: list[int], degree: int) -> tuple[list[mpf], list[mpf], mpf]:
    """P, Q and E such that P/Q = f (1 +- E w), signs alternating over ``at``; E Q by iteration."""
    size = len(at)
    level = mpf(0)
    for _ in range(40):
        a, b = matrix(size, size), matrix(size, 1)
        for row, i in enumerate(at):
            sign = (-1) ** row
            powers = [grid.x[i] ** j for j in range(degree + 1)]
            for j in range(degree + 1):
                a[row, j] = powers[j] / grid.f[i]
            for j in range(1, degree + 1):
                a[row, degree + j] = -(1 + sign * level * grid.w[i]) * powers[j]
            a[row, size - 1] = -sign * grid.w[i]
            b[row] = 1
        solution = lu_solve(a, b)
        previous, level = level, solution[size - 1]
        if abs(level - previous) <= abs(level) * mpf(10) ** -9:
            break
    p = [solution[j] for j in range(degree + 1)]
    q = [mpf(1)] + [solution[degree + j] for j in range(1, degree + 1)]
    return p, q, level


def alternating(errors: list[mpf], count: int) -> list[int]:
    """The largest error of each run of equal sign; ``count`` of them, small neighbours dropped."""
    extrema, current = [], 0
    for i in range(1, len(errors)):
        if (errors[i] > 0) != (errors[current] > 0):
            extrema.append(current)
            current = i
        elif abs(errors[i]) > abs(errors[current]):
            current = i
    extrema.append(current)
    size = [abs(errors[i]) for i in extrema]
    while len(extrema) > count + 1:  # a pair of neighbours, so that signs still alternate
        i = min(range(len(extrema) - 1), key=lambda k: max(size[k], size[k + 1]))
        del extrema[i : i + 2], size[i : i + 2]
    if len(extrema) > count:
        del extrema[0 if size[0] < size[-1] else -1]
    return extrema


def complement(coefficients: list[mpf]) -> list[mpf]:
    """The same polynomial in 1 - u."""
    return [
        (-1) ** k * sum((a * binomial(j, k) for j, a in enumerate(coefficients) if j >= k), mpf(0))
        for k in range(len(coefficients))
    ]


def decimals(coefficients: list[mpf]) -> list[str]:
    return [nstr(c, 40) for c in coefficients]


# ------------------------------------------------------------------ the constants


def q64(x: mpf) -> int:
    return int(nint(x * mpf(2) ** 64))


def load() -> dict[str, Kernel]:
    return {name: Kernel(**entry) for name, entry in json.loads(COEFFICIENTS.read_text()).items()}


def constants(kernels: dict[str, Kernel]) -> dict[str, int]:
    """Every fitted or transcendental constant of Black76.sol by name."""
    found = {
        "LN2_Q96": int(nint(log(2) * mpf(2) ** 96)),
        "HALF_PER_LN2_Q90": int(nint(mpf(2) ** 90 / (2 * log(2)))),
        "VARIANCE_Q16": int(nint(mpf(2) ** 208 / (mpf(10) ** 36 * YEAR))),
        "SECOND_Q192": int(nint(mpf(2) ** 192 / YEAR)),
        "DENSITY": int(nint(mpf(10) ** 18 / sqrt(2 * pi))),
        "DECAY_Q64": q64(YEAR / (2 * sqrt(2 * pi))),
        "ATANH_MAX_Q63": 2**63 // 9,
    }
    for name in ("MILLS", "ATANH"):
        found |= {f"{name}_{i}": word for i, word in enumerate(kernels[name].words())}
    p, q = ([mpf(c) for c in side] for side in (kernels["EXP"].p, kernels["EXP"].q))
    found |= {f"EXP_P{i}": q64(c / q[2]) for i, c in enumerate(p)}
    found |= {f"EXP_Q{i}": q64(c / q[2]) for i, c in enumerate(q[:2])}
    return found


def largest_error(name: str, kernel: Kernel, points: int = 400) -> mpf:
    """Largest weighted relative error with packed coefficients, between the fit's own points."""
    target = TARGETS[name]
    p = [mpf(c) for c in kernel.p]
    q = [mpf(c) for c in kernel.q]
    if target.in_complement:
        p = [mpf(word >> 128) for word in kernel.words()]
        q = [mpf(word % 2**128) for word in kernel.words()]
    worst = mpf(0)
    for i in range(points):
        u = target.end * (i + mpf("0.37")) / points
        x = 1 - u if target.in_complement else u
        relative = polynomial(p, x) / polynomial(q, x) / target.function(u) - 1
        worst = max(worst, abs(relative) / target.weight(u))
    return worst


def main(arguments: list[str]) -> int:
    if arguments == ["fit"]:
        fitted = {name: asdict(fit(target)) for name, target in TARGETS.items()}
        COEFFICIENTS.write_text(json.dumps(fitted, indent=1) + "\n")
    kernels = load()
    for name, kernel in kernels.items():
        print(f"// {name}: fitted {kernel.error}, packed {nstr(largest_error(name, kernel), 5)}")
    for name, value in constants(kernels).items():
        print(f"uint256 private constant {name} = {value:#x};")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
