"""Books that lose more between the stress nodes than at any of them, found by linear programming.

The ledger's stress vector values a book at eight states. For a state between them the worst book is
the solution of a linear program: NAV is linear in positions and the lowest node is a minimum of
linear functions. The largest excess, lowest node less NAV at the state, is thus a maximum over all
books, not a sample. Two programs: a book of one contract gross, without any limit (what an option
can hide, as a share of spot), and books within the limits on trades (gamma, vega, curvature, shift,
hedge, stress floor; as a multiple of NAV). Boards are finer than the ledger allows, which can only
raise it. Each with the nodes bare and with `pricing.stressGap` taken off every option that the pool
is net long of (docs/decisions/0011): with it nothing may be left.

    python benchmarks/bench_stress.py

Writes stress.json. Unit: NAV = 1, spot = 1.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from amm_sim.pricing.black76 import greeks, price
from amm_sim.pricing.dual_cost import weight

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("stress.json")
Array = npt.NDArray[np.float64]
STRIKES = np.exp(np.linspace(np.log(0.6), np.log(1.6), 41))
DAYS = (0.25, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 365.0, 730.0)
VOLS = (0.4, 0.8, 1.5)
NODES = ((0.7, 1), (0.85, 1), (1.0, 1), (1.15, 1), (1.3, 1), (0.85, 0), (1.0, 0), (1.15, 0))
"""Spot and vol of the ledger's nodes; vol 1 = up, 0 = down."""


@dataclass(frozen=True)
class Limits:
    """Of the scenario's base parameters, shares of NAV."""

    gamma: float
    vega: float
    curvature: float
    floor: float
    delta: float
    shift: float
    gap: float

    @classmethod
    def base(cls) -> Limits:
        """As they stand in scenarios/base.toml."""
        p = tomllib.loads((ROOT / "scenarios" / "base.toml").read_text())["protocol"]
        return cls(
            gap=p["pricing"]["stressGap"],
            gamma=100 * p["market"]["gammaLimit"],
            vega=100 * p["market"]["vegaLimit"],
            curvature=p["pricing"]["curvatureLimit"] * p["pricing"]["impact"],
            floor=p["market"]["stressFloor"],
            delta=p["band"]["maxBand"] + p["hedge"]["gateSlack"],
            shift=p["pricing"]["maxShift"] * p["pricing"]["impact"],
        )


@dataclass(frozen=True)
class Board:
    """One expiry of calls at a flat vol."""

    years: float
    vol: float

    def shocked(self, up: float) -> float:
        """Vol between the down shock (0) and the up shock (1)."""
        days = max(self.years * 365, 1.0)
        scale = (30 / days) ** (0.3 if days < 30 else 0.13)
        high = max(self.vol, 0.4) * (1 + 0.5 * scale)
        low = self.vol * (1 - min(0.3 * scale, 0.95))
        return float(low + up * (high - low))

    def gain(self, spot: float, up: float) -> Array:
        """Of a call of each strike from now to a state."""
        now, _, _ = price(1.0, STRIKES, self.years, self.vol)
        then, _, _ = price(spot, STRIKES, self.years, self.shocked(up))
        return np.asarray(then - now)

    def curvature(self) -> tuple[Array, Array]:
        """The ledger's bounds of w^2 volga over the clamp, of a contract bought and sold."""
        w = weight(np.log(STRIKES), 0.6)
        reach = min(0.25, self.vol / 2)
        root = np.sqrt(self.years)
        s = np.linspace(self.vol - reach, self.vol + reach, 41)[:, None] * root
        y = (np.log(STRIKES) / s) ** 2
        unit = w**2 * root**2 / np.sqrt(2 * np.pi) * np.sqrt(STRIKES)
        bought = unit * (y * np.exp(-y / 2) / s).max(axis=0)
        sold = unit * (s * np.exp(-(s**2) / 8) / 4).max(axis=0)
        return bought, sold


def states() -> list[tuple[float, float]]:
    """Between the nodes: vol up over the whole range of spot, any vol over the inner one."""
    outer = [(float(s), 1.0) for s in np.linspace(0.7, 1.3, 25)]
    return outer + [
        (float(s), u) for s in np.linspace(0.85, 1.15, 13) for u in np.linspace(0, 1, 5)
    ]


@dataclass
class Program:
    """Rows of A x <= b; x: bought, sold, linear part, lowest node."""

    rows: list[Array]
    most: list[float]

    def add(self, bought: Array, sold: Array, line: float, lowest: float, most: float) -> None:
        """One row."""
        self.rows.append(np.concatenate([bought, sold, [line, lowest]]))
        self.most.append(most)

    def both(self, q: Array, most: float, line: float = 0.0) -> None:
        """|q x + line| <= most."""
        self.add(q, -q, line, 0.0, most)
        self.add(-q, q, -line, 0.0, most)

    def best(self, board: Board, state: tuple[float, float]) -> float:
        """Lowest node less NAV at the state, at most."""
        gain = board.gain(*state)
        aim = np.concatenate([-gain, gain, [state[0] - 1, -1.0]])  # minimise NAV - lowest
        bounds = [(0, None)] * (2 * len(STRIKES)) + [(None, None)] * 2
        found = linprog(aim, np.array(self.rows), self.most, bounds=bounds, method="highs")
        return float(-found.fun)


def nodes(board: Board, gap: float) -> Program:
    """Lowest <= gain at each node, less ``gap`` for each option that the pool is net long of."""
    program = Program([], [])
    for spot, up in NODES:
        gain = board.gain(spot, up)
        program.add(gain, -gain + gap, -(spot - 1), 1.0, 0.0)
    return program


def one_contract(board: Board, gap: float) -> Program:
    """Positions add up to one contract."""
    program, ones = nodes(board, gap), np.ones(len(STRIKES))
    program.add(ones, ones, 0.0, 0.0, 1.0)
    return program


def within_limits(board: Board, gap: float) -> Program:
    """What the trade limits leave."""
    program, limits = nodes(board, gap), Limits.base()
    g, w = greeks(1.0, STRIKES, board.years, board.vol), weight(np.log(STRIKES), 0.6)
    zero = np.zeros(len(STRIKES))
    program.add(zero, zero, 0.0, -1.0, 1.0 - limits.floor)
    program.both(g.gamma, limits.gamma)
    program.both(g.vega, limits.vega)
    program.both(g.vega * w, limits.shift)
    program.both(g.call_delta, limits.delta, -1.0)
    program.add(*board.curvature(), 0.0, 0.0, limits.curvature)
    return program


def worst(make: Callable[[Board, float], Program], days: float, gap: float) -> float:
    """Over vols and states."""
    boards = [Board(days / 365, vol) for vol in VOLS]
    programs = [(board, make(board, gap)) for board in boards]
    return max(program.best(board, state) for board, program in programs for state in states())


def main() -> None:
    gap, rows = Limits.base().gap, {}
    for days in DAYS:
        rows[str(days)] = found = {
            "per contract and spot": worst(one_contract, days, 0.0),
            "the same, with the gap": worst(one_contract, days, gap),
            "of NAV within limits": worst(within_limits, days, 0.0),
            "with the gap": worst(within_limits, days, gap),
        }
        found.update({name: round(x, 6) + 0.0 for name, x in found.items()})  # no -0.0
        line = "".join(f"{name} {x:.4f}   " for name, x in found.items())
        print(f"{days:6.2f} days: {line}", flush=True)
    result = {"stressGap": gap, "largest excess by days to expiry": rows}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
