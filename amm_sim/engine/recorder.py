"""Writes a run as it happens: Parquet parts every few hundred blocks, one table each at the end.

Whatever ends a run, the parts written so far can be read: ``tape.load`` joins them. Fixed-point
numbers stay exact; one beyond 20 digits before the point (only "unlimited" is) becomes null.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from amm_sim.engine.table import Rows, Table
from amm_sim.errors import SetupError
from amm_sim.tape import TABLES

PARTS = "parts"
LAST = "blocks"
"""The last table of a part: with it the part is whole (``tape.files``)."""
CHUNK = 240
"""Blocks of a part."""
AT_ONCE = 2
"""Tables of a part that are written with one block."""


Schemas = Mapping[str, Mapping[str, Any]]


class Recorder:
    """Tables of one run in one folder.

    Args:
        folder: what an earlier run left in it goes.
        events: columns of every event that may come.
        declared: events that have a table even if none comes; all by default.

    Raises:
        SetupError: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, events: Schemas, declared: Collection[str] | None = None
    ) -> None:
        self.folder = folder
        self._events = {f"event_{name}": columns for name, columns in events.items()}
        always = events if declared is None else declared
        schemas = {**TABLES, **{(key := f"event_{name}"): self._events[key] for name in always}}
        self.tables = {name: Table(name, schema) for name, schema in sorted(schemas.items())}
        self._blocks = 0
        self._part = 0
        self._leaving: deque[tuple[Table, Rows, Path]] = deque()
        """What of a part is not written yet."""
        self._failure: SetupError | None = None
        try:
            _empty(folder)
            (folder / PARTS).mkdir(parents=True)
        except OSError as error:
            raise SetupError(f"{folder} cannot be written: {error.strerror or error}") from error

    def add(self, table: str, row: Mapping[str, Any]) -> None:
        """Appends a row."""
        found = self.tables.get(table)
        if found is None:
            found = self.tables[table] = Table(table, self._events[table])
        found.add(row)

    def end_block(self) -> None:
        """Marks a block's end; every few hundred blocks what waits goes to disk.

        A table or two with each of the blocks that follow, so that no block waits long.

        Raises:
            SetupError: a table could not be written; its rows wait again.
        """
        self._blocks += 1
        if self._blocks % CHUNK == 0:
            self._begin_part()
        self._write_some(AT_ONCE)

    def flush(self) -> None:
        """Writes all that waits; a table that cannot be written keeps no other from it.

        Raises:
            SetupError: the first table that could not be written; its rows still wait.
        """
        self._begin_part()
        self._write_some(len(self._leaving))

    def _begin_part(self) -> None:
        self._write_some(len(self._leaving))
        self._part += 1
        for table in sorted(self.tables.values(), key=lambda each: each.name == LAST):
            if len(table):
                path = self.folder / PARTS / f"{table.name}-{self._part:05d}.parquet"
                self._leaving.append((table, table.take(), path))

    def _write_some(self, count: int) -> None:
        """The next tables of the part; what failed is said when nothing of it is left."""
        if not self._leaving:
            return
        for _ in range(min(count, len(self._leaving))):
            table, rows, path = self._leaving.popleft()
            try:
                self._write(table.frame(rows), path)
            except SetupError as error:
                table.give_back(rows)
                self._failure = self._failure or error
        failure = self._failure
        if failure is not None and not self._leaving:
            self._failure = None
            raise failure

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
