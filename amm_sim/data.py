"""Runs and studies as tables and as SQL: one view for each table, straight over the files.

    run = amm_sim.open_run("runs/calm")
    run["pool"]                                             # a polars frame
    run.sql("select agent, count(*) n from txs group by agent order by n desc")

docs/tables.md lists every table with its columns.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from amm_sim.errors import ScenarioError
from amm_sim.tape import Tape, files, load

LEDGER, STUDY = "ledger.jsonl", "study.json"
TYPES: Mapping[str, Any] = {
    "BOOLEAN": pl.Boolean,
    "TINYINT": pl.Int64,
    "INTEGER": pl.Int64,
    "BIGINT": pl.Int64,
    "HUGEINT": pl.Decimal(38, 0),
    "FLOAT": pl.Float64,
    "DOUBLE": pl.Float64,
    "VARCHAR": pl.String,
    "BLOB": pl.Binary,
}


class Run:
    """A run's folder, or a study's: its manifest, its tables, and SQL over them.

    Raises:
        ScenarioError: not a folder that `amm-sim run` or `amm-sim sweep` has written.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.is_study = (self.folder / LEDGER).is_file()
        if not self.is_study and not (self.folder / "manifest.json").is_file():
            what = "a folder that `amm-sim run` or `amm-sim sweep` has written"
            raise ScenarioError(str(folder), "no manifest.json", what)

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """How it was made; of a study, its settings."""
        name = STUDY if self.is_study else "manifest.json"
        path = self.folder / name
        content: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
        return content

    @property
    def tables(self) -> list[str]:
        """Names of the tables; of a study, ``paths``."""
        return ["paths"] if self.is_study else sorted(files(self.folder))

    def __getitem__(self, name: str) -> pl.DataFrame:
        if self.is_study:
            return self.sql(f'select * from "{name}"')
        return self.tape.table(name)

    @property
    def tape(self) -> Tape:
        """Everything, as analyzers read it."""
        return load(self.folder)

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """DuckDB with one view for each table."""
        made = duckdb.connect()
        if self.is_study:
            made.execute(f"create view paths as select * from {_lines(self.folder / LEDGER)}")
            return made
        for name, paths in files(self.folder).items():
            listed = ", ".join(_quoted(path) for path in paths)
            made.execute(f'create view "{name}" as select * from read_parquet([{listed}])')
        return made

    def sql(self, query: str) -> pl.DataFrame:
        """A query's result.

        Raises:
            ScenarioError: what DuckDB has against it.
        """
        try:
            result: Any = self.connection.sql(query)
            if result is None:
                return pl.DataFrame()
            columns = [(name, str(kind)) for name, kind, *_ in result.description]
            rows = result.fetchall()
        except duckdb.Error as error:
            said = str(error).strip().splitlines()[0]
            known = ", ".join(t for t in self.tables if not t.startswith("event_"))
            raise ScenarioError("sql", query, f"{said} (tables: {known}, event_…)") from None
        return pl.DataFrame(rows, schema=[(n, _type(k)) for n, k in columns], orient="row")

    def close(self) -> None:
        """Ends the connection."""
        if "connection" in self.__dict__:
            self.connection.close()
            del self.__dict__["connection"]

    def __repr__(self) -> str:
        tables = ", ".join(t for t in self.tables if not t.startswith("event_"))
        return f"Run({str(self.folder)!r}: {tables})"


def open_run(folder: Path | str) -> Run:
    """The run or study in ``folder``."""
    return Run(folder)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _lines(path: Path) -> str:
    """A ledger; a torn last line does not count."""
    options = "format = 'newline_delimited', ignore_errors = true, sample_size = -1"
    return f"read_json({_quoted(path)}, {options}) where point is not null"


def _type(kind: str) -> Any:
    """The polars type of a DuckDB type; None lets polars find out."""
    if kind.endswith("[]"):
        inner = _type(kind[:-2])
        return None if inner is None else pl.List(inner)
    if kind.startswith("DECIMAL"):
        precision, scale = kind.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return TYPES.get(kind)
