"""Clearing payments of a financial network in exact rationals (Eisenberg and Noe 2001)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def clearing(owed: Sequence[Sequence[Fraction]], outside: Sequence[Fraction]) -> list[Fraction]:
    """What each node pays in all, by the fictitious default algorithm.

    ``owed[i][j]`` is what i owes j, ``outside[i]`` the money of i from outside. Nodes that cannot
    pay everybody pay all they have, in proportion to what they owe.
    """
    nodes = range(len(owed))
    due = [sum(row, Fraction()) for row in owed]
    share = [[o / d if d else Fraction() for o in row] for row, d in zip(owed, due, strict=True)]
    failed: list[int] = []
    while True:
        paid = list(due)
        solved = _solve(failed, due, share, outside)
        for node, amount in zip(failed, solved, strict=True):
            paid[node] = amount
        income = [outside[j] + sum(paid[i] * share[i][j] for i in nodes) for j in nodes]
        now = [i for i in nodes if income[i] < due[i]]
        if now == failed:
            return paid
        failed = now


def _solve(
    failed: Sequence[int],
    due: Sequence[Fraction],
    share: Sequence[Sequence[Fraction]],
    outside: Sequence[Fraction],
) -> list[Fraction]:
    """Payments of the nodes that pay all their income, the others paying in full."""
    others = [i for i in range(len(due)) if i not in failed]
    rows = [
        [Fraction(i == j) - share[j][i] for j in failed]
        + [outside[i] + sum((due[k] * share[k][i] for k in others), Fraction())]
        for i in failed
    ]
    for k in range(len(rows)):  # Gauss and Jordan
        pivot = next(r for r in range(k, len(rows)) if rows[r][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for r in range(len(rows)):
            if r != k and rows[r][k]:
                rows[r] = [x - rows[r][k] * y for x, y in zip(rows[r], rows[k], strict=True)]
    return [row[-1] for row in rows]
