"""The recorder: declared schemas, exact numbers, nothing lost when a run ends early."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from amm_sim import tape
from amm_sim.engine.recorder import CHUNK, Recorder
from amm_sim.engine.table import WHOLE, column
from amm_sim.errors import SetupError

EVENTS = {"moved": {"block": pl.Int64, "amount": tape.EXACT, "units": pl.Decimal(38, 0)}}


def zero_row(table: str) -> dict[str, Any]:
    def zero(kind: Any) -> Any:
        if kind == pl.String:
            return ""
        return [] if isinstance(kind, pl.List) else kind == pl.Boolean and False

    return {name: zero(kind) for name, kind in tape.TABLES[table].items()}


def test_close_empty_run_writes_every_declared_column(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", EVENTS)
    recorder.manifest({"seed": 1})
    recorder.close()
    loaded = tape.load(tmp_path / "run")
    assert set(loaded.tables) == {*tape.TABLES, "event_moved"}
    for name, schema in tape.TABLES.items():
        assert dict(loaded.tables[name].schema) == schema
    assert loaded.manifest == {"seed": 1}


def test_close_undeclared_event_has_a_table_only_if_it_came(tmp_path: Path) -> None:
    columns = {"block": pl.Int64}
    events = {"declared": columns, "came": columns, "never": columns}
    recorder = Recorder(tmp_path / "run", events, declared=["declared"])
    recorder.manifest({})
    recorder.add("event_came", {"block": 3})
    recorder.close()
    loaded = tape.load(tmp_path / "run")
    assert set(loaded.tables) == {*tape.TABLES, "event_declared", "event_came"}
    assert loaded.tables["event_came"]["block"].to_list() == [3]


def test_add_wads_stay_exact_to_the_wei(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", EVENTS)
    recorder.manifest({})
    amounts = [1, -(10**37 + 1), 123_456_789_000_000_000_000_000_001, 2**255]
    for amount in amounts:
        recorder.add("event_moved", {"block": 1, "amount": amount, "units": 7})
    recorder.close()
    found = tape.load(tmp_path / "run").tables["event_moved"]["amount"].to_list()
    assert [str(each) for each in found[:3]] == [
        "1E-18",
        "-10000000000000000000.000000000000000001",
        "123456789.000000000000000001",
    ]
    assert found[3] is None
    assert tape.load(tmp_path / "run").tables["event_moved"]["units"].to_list() == [Decimal(7)] * 4


def test_parts_of_a_killed_run_are_read(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", EVENTS)
    recorder.manifest({"state": "running"})
    for block in range(2 * CHUNK + 7):
        recorder.add("blocks", {**zero_row("blocks"), "block": block})
        recorder.end_block()
    loaded = tape.load(tmp_path / "run")
    assert loaded.tables["blocks"]["block"].to_list() == list(range(2 * CHUNK))
    recorder.close()
    whole = tape.load(tmp_path / "run")
    assert whole.tables["blocks"]["block"].to_list() == list(range(2 * CHUNK + 7))


@pytest.mark.parametrize("blocks", [CHUNK, CHUNK + 1, CHUNK + 2, 2 * CHUNK + 1])
def test_part_that_a_kill_left_unfinished_does_not_count(tmp_path: Path, blocks: int) -> None:
    """Every table of a killed run ends with the same block, wherever the kill came."""
    recorder = Recorder(tmp_path / "run", {f"e{i}": {"block": pl.Int64} for i in range(5)})
    recorder.manifest({})
    for block in range(blocks):
        recorder.add("blocks", {**zero_row("blocks"), "block": block})
        for name in range(5):
            recorder.add(f"event_e{name}", {"block": block})
        recorder.end_block()
    loaded = tape.load(tmp_path / "run")
    assert {len(table) for table in loaded.tables.values()} <= {(blocks - 2) // CHUNK * CHUNK}


def test_part_leaves_a_few_tables_a_block_and_whole(tmp_path: Path) -> None:
    """Whatever block a kill comes after: a part that is there has all of its rows."""
    events = {f"e{i}": {"block": pl.Int64} for i in range(9)}
    recorder = Recorder(tmp_path / "run", events)
    recorder.manifest({})
    counts = []
    for block in range(CHUNK + 9):
        for name in events:
            recorder.add(f"event_{name}", {"block": block})
        recorder.end_block()
        parts = list((tmp_path / "run" / "parts").glob("*.parquet"))
        assert all(len(pl.read_parquet(part)) == CHUNK for part in parts[-2:])
        counts.append(len(parts))
    assert counts[CHUNK - 2 :] == [0, 2, 4, 6, 8, 9, 9, 9, 9, 9, 9]
    recorder.close()
    found = tape.load(tmp_path / "run").tables["event_e8"]["block"].to_list()
    assert found == list(range(CHUNK + 9))


def test_part_table_that_cannot_be_written_keeps_no_other_from_it(tmp_path: Path) -> None:
    columns = {"block": pl.Int64}
    recorder = Recorder(tmp_path / "run", {"a": columns, "b": columns})
    recorder.manifest({})
    blocked = tmp_path / "run" / "parts" / "event_a-00001.parquet"
    blocked.mkdir()
    recorder.add("event_a", {"block": 1})
    recorder.add("event_b", {"block": 2})
    with pytest.raises(SetupError, match="event_a-00001"):
        recorder.flush()
    blocked.rmdir()
    recorder.add("event_a", {"block": 3})
    recorder.close()
    loaded = tape.load(tmp_path / "run")
    assert loaded.tables["event_a"]["block"].to_list() == [1, 3]
    assert loaded.tables["event_b"]["block"].to_list() == [2]


def test_new_run_in_an_old_folder_leaves_nothing_of_the_old_one(tmp_path: Path) -> None:
    first = Recorder(tmp_path, EVENTS)
    first.add("event_moved", {"block": 1, "amount": 5, "units": None})
    first.manifest({"seed": 1})
    first.close()
    (tmp_path / "notes.txt").write_text("mine")
    second = Recorder(tmp_path, EVENTS)
    second.manifest({"seed": 2})
    second.close()
    assert tape.load(tmp_path).tables["event_moved"].is_empty()
    assert json.loads((tmp_path / "manifest.json").read_text()) == {"seed": 2}
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folder_that_is_a_file_is_a_setup_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be written"):
        Recorder(tmp_path / "file", EVENTS)


@pytest.mark.parametrize("digits", [1, 18, 19, 28, 29, 37, 38])
@pytest.mark.parametrize("sign", [1, -1])
def test_exact_column_keeps_every_digit(digits: int, sign: int) -> None:
    """As texts: Decimals in Python's usual context have 28 digits, which is not enough."""
    number = sign * int(("1234567890" * 4)[:digits])
    padded = f"{abs(number):019d}"
    text = f"{'-' if sign < 0 else ''}{padded[:-18]}.{padded[-18:]}"
    assert column("x", [number], tape.EXACT).cast(pl.String).to_list() == [text]
    assert column("x", [number], WHOLE).cast(pl.String).to_list() == [str(number)]


def test_exact_column_beyond_38_digits_is_null() -> None:
    values = [10**38 - 1, 10**38, -(10**38), 2**255, None]
    found = column("x", values, tape.EXACT)
    assert found.is_null().to_list() == [False, True, True, True, True]
