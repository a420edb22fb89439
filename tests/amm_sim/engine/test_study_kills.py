"""Studies whose parent, worker or user ends them: nothing is lost, nothing runs twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from amm_sim.engine.ledger import DONE, encode, read
from amm_sim.types import PathResult

CHILD = Path(__file__).with_name("study_child.py")


def keys(path: Path) -> Counter:
    return Counter(
        json.loads(line)["point"] + str(json.loads(line)["seed"]) for line in path.open()
    )


def child(folder: Path, paths: int, mode: str = "plain") -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(folder), str(paths), mode]
    environment = {**os.environ, "PYTHONPATH": str(CHILD.parents[3])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def lines(folder: Path) -> int:
    path = folder / "ledger.jsonl"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def workers(folder: Path) -> list[int]:
    return [int(p.name.partition("-")[2]) for p in folder.glob("worker-*")]


def test_parent_killed_9_loses_nothing_and_its_workers_leave(tmp_path: Path) -> None:
    running = child(tmp_path, 60)
    assert wait_for(lambda: lines(tmp_path) >= 15)
    running.send_signal(signal.SIGKILL)
    running.wait(30)
    before = lines(tmp_path)
    assert before < 120
    assert wait_for(lambda: not any(map(alive, workers(tmp_path))))
    with (tmp_path / "ledger.jsonl").open("ab") as file:
        file.write(encode(PathResult("a", 60, DONE, digest="d"))[:25])  # torn
    out, _ = child(tmp_path, 60).communicate(timeout=120)
    assert out.split() == [str(before), str(120 - before), "0", "0"]
    known = read(tmp_path / "ledger.jsonl")
    assert sorted(known.results) == sorted(itertools.product("ab", range(1, 61)))
    assert known.skipped == 1
    written = (tmp_path / "ledger.jsonl").read_bytes().split(b"\n")
    parsed = [json.loads(line)["seed"] for line in written if line.endswith(b"}")]
    assert len(parsed) == 120


def test_worker_killed_9_is_replaced_and_its_path_runs_again(tmp_path: Path) -> None:
    out, _ = child(tmp_path, 10, "once").communicate(timeout=120)
    assert out.split() == ["0", "20", "0", "1"]
    assert set(keys(tmp_path / "ledger.jsonl").values()) == {1}


def test_interrupt_keeps_what_is_done_and_can_be_resumed(tmp_path: Path) -> None:
    running = child(tmp_path, 60)
    assert wait_for(lambda: lines(tmp_path) >= 5)
    running.send_signal(signal.SIGINT)
    assert running.wait(30) == 130
    before = lines(tmp_path)
    assert 5 <= before < 120
    assert not any(map(alive, workers(tmp_path)))
    out, _ = child(tmp_path, 60).communicate(timeout=120)
    assert out.split() == [str(before), str(120 - before), "0", "0"]
    assert set(keys(tmp_path / "ledger.jsonl").values()) == {1}
