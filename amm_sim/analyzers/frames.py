"""Columns of a tape as numpy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from amm_sim.tape import Tape

Floats = npt.NDArray[np.float64]


def floats(frame: pl.DataFrame, column: str) -> Floats:
    """A column as float64."""
    return frame[column].cast(pl.Float64).to_numpy().astype(np.float64)


def latest(known: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Index of the last of ``known`` (ascending) at or before each time; the first before that."""
    return np.maximum(np.searchsorted(known, times, side="right") - 1, 0)


def event_sum(tape: Tape, event: str, column: str) -> float:
    """Sum of an event's column over the run; 0 when it was never emitted."""
    frame = tape.event(event)
    return 0.0 if frame is None else float(floats(frame, column).sum())


def event_by_block(tape: Tape, event: str, column: str, blocks: npt.NDArray[np.int64]) -> Floats:
    """An event's column summed per block of ``blocks`` (ascending).

    Rows of other blocks are left out.
    """
    total = np.zeros(len(blocks))
    frame = tape.event(event)
    if frame is None or len(blocks) == 0:
        return total
    at = np.searchsorted(blocks, frame["block"].to_numpy())
    values = floats(frame, column)
    inside = at < len(blocks)
    inside[inside] &= blocks[at[inside]] == frame["block"].to_numpy()[inside]
    np.add.at(total, at[inside], values[inside])
    return total


def event_count(tape: Tape, event: str) -> int:
    """How often an event was emitted."""
    frame = tape.event(event)
    return 0 if frame is None else len(frame)


def hours(tape: Tape) -> Floats:
    """Hours since the first block, one per block."""
    time = tape.table("pool")["time"].to_numpy().astype(np.float64)
    return (time - time[0]) / 3600.0 if len(time) else time
