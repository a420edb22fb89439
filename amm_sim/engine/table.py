"""Rows that wait to become a frame: kept as they come, turned into columns together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from amm_sim.tape import EXACT

Rows = list[Mapping[str, Any]]
WHOLE = pl.Decimal(38, 0)
"""Integers of more than 64 bits that are no fixed-point numbers."""
LARGEST = 10**38
ONE = pl.lit(Decimal(10**18), dtype=EXACT)


class Table:
    """Rows of one table.

    Args:
        name: of the table.
        schema: its columns; exact ones take 18-decimal integers.
    """

    def __init__(self, name: str, schema: Mapping[str, Any]) -> None:
        self.name = name
        self.schema = dict(schema)
        self._rows: Rows = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row."""
        self._rows.append(row)

    def take(self) -> Rows:
        """The waiting rows, which are forgotten."""
        rows, self._rows = self._rows, []
        return rows

    def give_back(self, rows: Rows) -> None:
        """Rows that could not be written wait again, before what came later."""
        self._rows = rows + self._rows

    def frame(self, rows: Rows) -> pl.DataFrame:
        """Rows as columns."""
        columns = [
            column(name, [row[name] for row in rows], kind) for name, kind in self.schema.items()
        ]
        return pl.DataFrame(columns)


def column(name: str, values: list[Any], kind: Any) -> pl.Series:
    """A column; integers of exact and whole ones keep every digit, null beyond 38."""
    if kind not in (EXACT, WHOLE):
        return pl.Series(name, values, dtype=kind)
    whole = pl.Series(name, list(_held(values)), dtype=pl.Int128).cast(WHOLE)
    return whole if kind == WHOLE else whole.to_frame().select(pl.col(name) / ONE).to_series()


def _held(values: Iterable[int | None]) -> Iterable[int | None]:
    return (v if v is not None and -LARGEST < v < LARGEST else None for v in values)
