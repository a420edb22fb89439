"""A recorder in memory: a study writes a path's tables only where it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amm_sim.engine.recorder import Recorder, Schemas
from amm_sim.engine.table import Table
from amm_sim.tape import TABLES, Tape


class MemoryRecorder(Recorder):
    """Tables of one path. Nothing reaches the disk before ``save``."""

    def __init__(self, events: Schemas) -> None:
        self._events = {f"event_{name}": columns for name, columns in events.items()}
        self.tables = {name: Table(name, schema) for name, schema in TABLES.items()}

    def end_block(self) -> None:
        """Nothing to do."""

    def tape(self, manifest: Mapping[str, Any]) -> Tape:
        """Everything recorded, once: the recorder is empty afterwards."""
        filled = {name: table for name, table in self.tables.items() if len(table)}
        return Tape(manifest, {name: table.frame(table.take()) for name, table in filled.items()})


def save(tape: Tape, folder: Path) -> None:
    """Writes a tape as a folder that ``tape.load`` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in tape.tables.items():
        frame.write_parquet(folder / f"{name}.parquet")
    (folder / "manifest.json").write_text(json.dumps(tape.manifest, indent=2) + "\n")
