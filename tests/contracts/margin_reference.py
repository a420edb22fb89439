"""The margin rules in float, independent of the contracts: Black-76 by the normal law from SciPy.

The reference knows the specification only: Black-76 written out with the normal distribution
function, a list of states, a maximum, floors and the full cover. Volatilities are the ledger's;
they have their own tests. All accounts at once: ten thousand take a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

SPOTS = (0.80, 0.865, 0.93, 1.0, 1.07, 1.135, 1.20)
NODES = ((0.7, 1), (0.85, 1), (1.0, 1), (1.15, 1), (1.3, 1), (0.85, -1), (1.0, -1), (1.15, -1))
"""Stress nodes: spot multiple, vol up or down."""
NOW = 3 * SPOTS.index(1.0)


@dataclass(frozen=True)
class Leg:
    """``size`` contracts (+ long) of a call or put; ``left`` in years."""

    expiry: int
    left: float
    strike: float
    vol: float
    is_call: bool
    size: float


class Book:
    """Legs of many accounts in columns, sorted by account and expiry."""

    def __init__(self, accounts: Sequence[Sequence[Leg]], spots: Sequence[float]) -> None:
        rows = sorted(
            ((i, leg) for i, legs in enumerate(accounts) for leg in legs),
            key=lambda row: (row[0], row[1].expiry),
        )
        self.account = np.array([i for i, _ in rows])
        self.spot = np.array([spots[i] for i, _ in rows])
        self.strike = np.array([leg.strike for _, leg in rows])
        self.left = np.array([leg.left for _, leg in rows])
        self.vol = np.array([leg.vol for _, leg in rows])
        self.is_call = np.array([leg.is_call for _, leg in rows])
        self.size = np.array([leg.size for _, leg in rows])
        keys = [(i, leg.expiry) for i, leg in rows]
        self.starts = np.array([k for k, key in enumerate(keys) if k == 0 or keys[k - 1] != key])
        self.owner = self.account[self.starts]
        """Account of each group of legs of one expiry."""

    def of_groups(self, column: Floats) -> Floats:
        """Sum over the legs of each account and expiry."""
        return np.asarray(np.add.reduceat(column, self.starts))

    def debt(self, multiple: float, vol: Floats) -> Floats:
        """What each group's legs owe at ``multiple`` of spot; the put by its own formula."""
        spot = self.spot * multiple
        total = vol * np.sqrt(self.left)
        d1 = np.log(spot / self.strike) / total + total / 2
        call = spot * ndtr(d1) - self.strike * ndtr(d1 - total)
        put = self.strike * ndtr(total - d1) - spot * ndtr(-d1)
        return self.of_groups(-self.size * np.where(self.is_call, call, put))

    def payoff(self, at: Floats) -> Floats:
        """What each group's legs owe if they expire at these spots, one for each group."""
        ends = np.repeat(at, np.diff(np.append(self.starts, len(self.size))))
        away = np.where(self.is_call, ends - self.strike, self.strike - ends)
        return self.of_groups(-self.size * np.maximum(away, 0.0))

    def shocked(self, up: float, down: float, floor: float) -> tuple[Floats, Floats]:
        """Vols after the up and the down shock: shock * (30 d / left)^p, at least a day left."""
        days = np.maximum(self.left * 365, 1.0)
        scale = (30 / days) ** np.where(days < 30, 0.30, 0.13)
        fall = np.minimum(down * scale, 0.95)
        return np.maximum(self.vol, floor) * (1 + up * scale), self.vol * (1 - fall)


def covers(book: Book, units: Sequence[float], haircut: float) -> Floats:
    """Underlying behind each group: calls sold net in full, the rest of it behind the first."""
    sold = np.maximum(-book.of_groups(book.size * book.is_call), 0.0)
    left = np.array(units, dtype=np.float64)
    found = np.zeros(len(sold))
    for k, owner in enumerate(book.owner):
        found[k] = min(left[owner], sold[k])
        left[owner] -= found[k]
    first = np.append(True, book.owner[1:] != book.owner[:-1])
    found[first] += left[book.owner[first]] * (1.0 - haircut)
    return found


def margins(
    accounts: Sequence[Sequence[Leg]],
    spots: Sequence[float],
    p: Mapping[str, float],
    units: Sequence[float] | None = None,
) -> Floats:
    """(mark, initial, buffer, maintenance, credit) of each account, a row each."""
    book = Book(accounts, spots)
    cover = covers(book, units or [0.0] * len(accounts), p["haircut"])
    held = cover * book.spot[book.starts]
    up, down = book.shocked(p["volUp"], p["volDown"], p["volUpFloor"])
    states = [book.debt(m, vols) - m * held for m in SPOTS for vols in (book.vol, up, down)]
    mark = states[NOW]
    tails = [
        p[f"{t}Weight"] * (book.debt(p[t], up) - p[t] * held - mark) for t in ("tailDown", "tailUp")
    ]
    loss = np.maximum(np.max([s - mark for s in states] + tails, axis=0), 0.0)
    short = np.minimum(book.size, 0.0)
    sold = -book.of_groups(short) * book.spot[book.starts]
    charge = p["positionCharge"] * book.of_groups((book.size < 0).astype(np.float64))

    def share(kind: str) -> Floats:
        risk = p[f"{kind}Factor"] * loss + p[f"{kind}Spot"] * sold
        return np.asarray(np.maximum(risk, p[f"{kind}Floor"] * sold) + charge)

    intrinsic_debt = book.payoff(book.spot[book.starts]) - held
    maintenance = np.maximum(share("maintenance"), intrinsic_debt - mark)
    buffer = maintenance * (1 + p["buffer"])
    initial = np.maximum(share("initial"), buffer)
    calls = book.of_groups(book.size * book.is_call) + cover
    room = np.where(calls >= -1e-9, _most(book, cover) - mark, np.inf)
    needs = [np.minimum(x, np.maximum(room, 0.0)) for x in (initial, buffer, maintenance)]
    count = len(accounts)
    columns = (mark + held, *needs, held)
    out = np.array([np.bincount(book.owner, x, count) for x in columns]).T
    has_short = np.bincount(book.account, short, count) < 0
    out[:, 1:4] *= has_short[:, None]
    return np.asarray(out)


def _most(book: Book, cover: Floats) -> Floats:
    """The most that each group can owe at expiry beyond its cover: at zero or at a strike."""
    counts = np.diff(np.append(book.starts, len(book.size)))
    most = book.payoff(np.zeros(len(counts)))
    for k in range(int(counts.max())):
        corner = book.strike[book.starts + np.minimum(k, counts - 1)]
        most = np.maximum(most, book.payoff(corner) - cover * corner)
    return np.asarray(most)


def intrinsic(accounts: Sequence[Sequence[Leg]], spots: Sequence[float]) -> Floats:
    """What each account's legs would owe if they expired now."""
    book = Book(accounts, spots)
    return np.bincount(book.owner, book.payoff(book.spot[book.starts]), len(accounts))


def exposures(
    accounts: Sequence[Sequence[Leg]],
    spots: Sequence[float],
    balance: float,
    pledged: Sequence[float] | None = None,
) -> Floats:
    """Debt beyond the collateral, now and at the stress nodes (shocks +0.5, -0.3, floor 0.4).

    ``pledged`` is underlying less the haircut.
    """
    book = Book(accounts, spots)
    up, down = book.shocked(0.5, 0.3, 0.4)
    states = [book.debt(1.0, book.vol)]
    states += [book.debt(m, up if way > 0 else down) for m, way in NODES]
    count = len(accounts)
    total = np.array([np.bincount(book.owner, state, count) for state in states]).T
    worth = np.array(pledged or [0.0] * count) * np.array(spots)
    total -= worth[:, None] * np.array([1.0, *(m for m, _ in NODES)])
    has_short = np.bincount(book.account, np.minimum(book.size, 0.0), count) < 0
    return np.asarray(np.maximum(total - balance, 0.0) * has_short[:, None])
