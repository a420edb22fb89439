"""The ledger of a study: one JSON line for each path, appended and synced, never rewritten.

Whatever ends a study, the lines that were written count: a torn line is skipped, its path runs
again. Ledgers of several machines are merged by concatenation; of equal paths the first counts, and
a path that is done counts before one that failed. Equal paths with unequal digests are conflicts:
then something else than the seed decided.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from amm_sim.errors import SetupError
from amm_sim.types import PathResult

DONE, FAILED = "done", "failed"


@dataclass
class Paths:
    """What a ledger says: a result for each path, lines that could not be read, conflicts."""

    results: dict[tuple[str, int], PathResult] = field(default_factory=dict)
    skipped: int = 0
    conflicts: list[tuple[str, int]] = field(default_factory=list)

    def take(self, result: PathResult) -> bool:
        """Takes a result in; False when the path was known already."""
        old = self.results.get(result.key)
        if old is None or (old.status != DONE and result.status == DONE):
            self.results[result.key] = result
            return True
        if old.status == result.status == DONE and old.digest != result.digest:
            self.conflicts.append(result.key)
        return False


def read(path: Path) -> Paths:
    """A ledger's paths; a missing file has none."""
    paths = Paths()
    if path.is_file():
        for line in path.read_bytes().split(b"\n"):
            if not line.strip():
                continue
            result = _result(line)
            if result is None:
                paths.skipped += 1
            else:
                paths.take(result)
    return paths


def _result(line: bytes) -> PathResult | None:
    try:
        return PathResult(**json.loads(line))
    except (ValueError, TypeError):
        return None


class Ledger:
    """An open ledger; one process at a time.

    Raises:
        SetupError: the folder cannot be written, or another process writes this ledger.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        except OSError as error:
            raise SetupError(f"{path} cannot be written: {error.strerror or error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise SetupError(f"{path} is being written by another study: wait for it") from None
        self.path = path
        self.paths = read(path)
        if not _ends_with_a_line(path):
            self._write(b"\n")

    def add(self, result: PathResult) -> bool:
        """Writes a result to the disk; False when the path was known already.

        Raises:
            SetupError: the disk is full or the folder is gone; what was written stays.
        """
        if not self.paths.take(result):
            return False
        self._write(encode(result))
        return True

    def done(self, point: str, seed: int) -> bool:
        """Whether a path needs no further run."""
        known = self.paths.results.get((point, seed))
        return known is not None and known.status == DONE

    def of(self, point: str, seeds: Iterable[int]) -> list[PathResult]:
        """Results of a point by seed, as far as there are any."""
        found = (self.paths.results.get((point, seed)) for seed in seeds)
        return [result for result in found if result is not None]

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SetupError(f"{self.path} cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Lets others write."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def encode(result: PathResult) -> bytes:
    """A result's line."""
    content: Mapping[str, Any] = asdict(result)
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
