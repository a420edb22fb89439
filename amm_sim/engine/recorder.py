"""Writes a run as it happens: Parquet parts every few hundred blocks, one table each at the end.

Whatever ends a run, the parts written so far can be read: ``tape.load`` joins them. Fixed-point
numbers stay exact; one beyond 20 digits before the point (only "unlimited" is) becomes null.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from amm_sim.errors import SetupError
from amm_sim.tape import EXACT, TABLES

PARTS = "parts"
CHUNK = 240
"""Blocks between two writes."""
LARGEST = 10**38


WHOLE = pl.Decimal(38, 0)
"""Integers of more than 64 bits that are no fixed-point numbers."""


def to_whole(value: int) -> Decimal | None:
    """The Decimal of a whole number of any size; None beyond 38 digits."""
    return Decimal(value) if -LARGEST < value < LARGEST else None


def to_exact(value: int) -> Decimal | None:
    """The Decimal of an 18-decimal integer; None beyond 38 digits."""
    if -LARGEST < value < LARGEST:
        return Decimal(value).scaleb(-18)
    return None


class Table:
    """Columns that wait to be written."""

    def __init__(self, name: str, schema: Mapping[str, Any]) -> None:
        self.name = name
        self.schema = dict(schema)
        self._decimal = [{EXACT: to_exact, WHOLE: to_whole}.get(kind) for kind in schema.values()]
        self._columns: list[list[Any]] = [[] for _ in schema]
        self.written = 0

    def __len__(self) -> int:
        return len(self._columns[0])

    def add(self, row: Mapping[str, Any]) -> None:
        """Appends a row; exact columns take 18-decimal integers."""
        for name, decimal, column in zip(self.schema, self._decimal, self._columns, strict=True):
            value = row[name]
            column.append(value if decimal is None or value is None else decimal(value))

    def frame(self) -> pl.DataFrame:
        """What waits, and forgets it."""
        waiting = self.waiting()
        self.forget()
        return waiting

    def waiting(self) -> pl.DataFrame:
        """What waits."""
        data = dict(zip(self.schema, self._columns, strict=True))
        return pl.DataFrame(data, schema=self.schema)

    def forget(self) -> None:
        """What waited is written."""
        self._columns = [[] for _ in self.schema]


class Recorder:
    """Tables of one run in one folder.

    Raises:
        SetupError: the folder cannot be written.
    """

    def __init__(self, folder: Path, events: Mapping[str, Mapping[str, Any]]) -> None:
        self.folder = folder
        schemas = {**TABLES, **{f"event_{name}": columns for name, columns in events.items()}}
        self.tables = {name: Table(name, schema) for name, schema in schemas.items()}
        self._blocks = 0
        self._part = 0
        try:
            _empty(folder)
            (folder / PARTS).mkdir(parents=True)
        except OSError as error:
            raise SetupError(f"{folder} cannot be written: {error.strerror or error}") from error

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Appends a row."""
        self.tables[table].add(row)

    def end_block(self) -> None:
        """Marks a block's end; every few hundred blocks what waits goes to disk."""
        self._blocks += 1
        if self._blocks % CHUNK == 0:
            self.flush()

    def flush(self) -> None:
        """Writes what waits; a table that cannot be written keeps no other from it.

        Raises:
            SetupError: the first table that could not be written; its rows still wait.
        """
        self._part += 1
        failures: list[SetupError] = []
        for table in self.tables.values():
            if len(table):
                part = self.folder / PARTS / f"{table.name}-{self._part:05d}.parquet"
                try:
                    self._write(table.waiting(), part)
                except SetupError as error:
                    failures.append(error)
                    continue
                table.forget()
                table.written += 1
        if failures:
            raise failures[0]

    def manifest(self, content: Mapping[str, Any]) -> None:
        """Writes manifest.json; again replaces it as a whole."""
        draft = self.folder / "manifest.json.part"
        try:
            draft.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
            draft.replace(self.folder / "manifest.json")
        except OSError as error:
            raise SetupError(
                f"{self.folder} cannot be written: {error.strerror or error}"
            ) from error

    def close(self) -> None:
        """Joins the parts to one file for each table, also for those without a row."""
        self.flush()
        for name, table in self.tables.items():
            parts = sorted((self.folder / PARTS).glob(f"{name}-?????.parquet"))
            frame = (
                pl.concat([pl.read_parquet(p) for p in parts])
                if parts
                else pl.DataFrame(schema=table.schema)
            )
            self._write(frame, self.folder / f"{name}.parquet")
        shutil.rmtree(self.folder / PARTS)

    def _write(self, frame: pl.DataFrame, path: Path) -> None:
        """The whole file or nothing: a kill in the middle leaves what was there."""
        draft = path.with_suffix(".draft")
        try:
            frame.write_parquet(draft)
            draft.replace(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            draft.unlink(missing_ok=True)
            said = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise SetupError(f"{path} cannot be written: {said}") from error


def _empty(folder: Path) -> None:
    """Removes an earlier run's files; anything else in the folder stays."""
    shutil.rmtree(folder / PARTS, ignore_errors=True)
    for name in ("manifest.json", "eval.json", "report.html"):
        (folder / name).unlink(missing_ok=True)
    for path in (*folder.glob("*.parquet"), *folder.glob("*.draft")):
        path.unlink()
