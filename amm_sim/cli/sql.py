"""``amm-sim sql``: questions to the tables of a run or study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("query", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    help="table on a terminal, csv elsewhere, by default.",
)
def sql(folder: Path, query: str | None, form: str | None) -> None:
    """Ask the run or study in FOLDER by SQL (DuckDB's); without QUERY list its tables.

    Each table of the run is a view: blocks, txs, calls, pool, expiries, market, agents, and one for
    each event, such as event_traded. A study has one view, paths. docs/tables.md lists the columns.

    \b
    Examples:
      amm-sim sql runs/calm
      amm-sim sql runs/calm "select agent, error, count(*) from txs group by all order by 3 desc"
      amm-sim sql runs/calm "select min(nav), max(spot) from pool" --format json
      amm-sim sql runs/study "select point, count(*), count(insolvent_after) from paths group by 1"
    """
    import polars as pl

    from amm_sim.data import Run

    run = Run(folder)
    try:
        frame = run.sql(
            query or "select view_name, column_count from duckdb_views() where not internal"
        )
    finally:
        run.close()
    form = form or ("table" if sys.stdout.isatty() else "csv")
    if form == "csv":
        click.echo(_flat(frame).write_csv(), nl=False)
    elif form == "json":
        click.echo(_flat(frame).write_ndjson(), nl=False)
    else:
        with pl.Config(tbl_rows=100, tbl_cols=40, fmt_str_lengths=60):
            click.echo(str(frame))


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Numbers as plain as CSV and JSON want them; lists and bytes as texts."""
    import polars as pl

    texts = [
        pl.col(name).map_elements(_text, return_dtype=pl.String)
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.List | pl.Struct | pl.Binary | pl.Object)
    ]
    decimals = [
        pl.col(name).cast(pl.Float64)
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Decimal)
    ]
    return frame.with_columns(texts + decimals)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value.to_list() if hasattr(value, "to_list") else value)
