"""What breaks around a run: a clear line, and nothing that was recorded is lost.

A killed Anvil and a killed run are in engine/test_simulation.py, killed workers in test_study.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from amm_sim import assemble, scenario, tape
from amm_sim.cli import cli
from amm_sim.engine import simulation
from amm_sim.errors import ChainError
from amm_sim.prepared import Prepared

SMALL = Path(__file__).parent / "engine" / "small.toml"
SHORT = {"run.duration": 1200}


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assemble.run(scenario.load(SMALL, SHORT), folder, reproduce="x")
    return folder


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


FULL = """
import resource, sys
from amm_sim.engine import recorder
from amm_sim.cli import cli
recorder.CHUNK = 10
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
cli(["run", sys.argv[1], "--out", sys.argv[2]])
"""


def full_disk(folder: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """A run for which no file may grow beyond ``limit`` bytes: writes fail as on a full disk."""
    words = [sys.executable, "-c", FULL, str(SMALL), str(folder), str(limit)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_full_disk_is_one_line_and_keeps_every_table_that_fitted(tmp_path: Path) -> None:
    done = full_disk(tmp_path, 20_000)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    partial = tape.load(tmp_path)
    assert partial.manifest["state"] in ("running", "failed")
    blocks, txs = partial.table("blocks"), partial.table("txs")
    assert len(blocks) >= 10
    assert len(txs) == blocks["transactions"].sum()
    assert not list(tmp_path.rglob("*.draft"))


def test_full_disk_at_the_report_keeps_the_run(tmp_path: Path) -> None:
    done = full_disk(tmp_path, 200_000)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path} cannot be written: File too large\n"
    assert tape.load(tmp_path).manifest["state"] == "complete"
    assert invoke("report", tmp_path).exit_code == 0


def test_corrupt_table_is_named_and_the_rest_can_be_read(copy: Path) -> None:
    broken = copy / "event_traded.parquet"
    broken.write_bytes(broken.read_bytes()[:-20])
    result = invoke("report", copy)
    assert result.exit_code == 2
    assert str(broken) in result.output
    assert "remove it to read the rest" in result.output
    assert len(result.output.strip().splitlines()) == 1
    broken.unlink()
    assert invoke("report", copy).exit_code == 0
    assert invoke("replay", copy).exit_code == 0


def test_kill_while_tables_are_joined_leaves_the_parts(copy: Path) -> None:
    """As after a kill -9 in Recorder.close: some tables are joined, one is a draft."""
    whole = tape.load(copy)
    txs = whole.table("txs")
    (copy / "parts").mkdir()
    for number, piece in enumerate((txs[:50], txs[50:])):
        piece.write_parquet(copy / "parts" / f"txs-0000{number + 1}.parquet")
    (copy / "txs.parquet").rename(copy / "txs.draft")
    (copy / "txs.draft").write_bytes(b"PAR1")
    assert tape.load(copy).table("txs").equals(txs)


def test_hung_anvil_in_a_run_is_a_chain_error_and_loses_nothing(tmp_path: Path) -> None:
    prepared: list[Prepared] = []

    def hang(progress: object) -> None:
        if getattr(progress, "done", 0) == 5:
            chain = prepared[0].chain
            for connection in (chain.rpc, *chain._others):
                connection._socket.settimeout(0.5)
            os.kill(chain.anvil.pid, signal.SIGSTOP)

    with pytest.raises(ChainError, match="hangs"):
        assemble.run(
            scenario.load(SMALL), tmp_path, reproduce="x", on_start=prepared.append, on_block=hang
        )
    partial = tape.load(tmp_path)
    assert partial.manifest["state"] == "failed"
    assert len(partial.table("blocks")) == 6
    assert len(partial.table("txs")) == partial.table("blocks")["transactions"].sum()


@pytest.mark.parametrize("jump", [86_400, -3_600])
def test_clock_jump_changes_nothing_but_the_wall_time(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """Anvil's clock and the machine's jump in the middle: blocks have the times they are given."""
    prepared: list[Prepared] = []
    offset = 0.0
    steady = time.perf_counter
    monkeypatch.setattr(simulation.wall, "perf_counter", lambda: steady() + offset)

    def leap(progress: object) -> None:
        nonlocal offset
        if getattr(progress, "done", 0) == 7:
            offset = jump
            rpc = prepared[0].chain.rpc
            now = int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
            rpc.call("evm_increaseTime", hex(jump)) if jump > 0 else rpc.call("anvil_setTime", now)

    assemble.run(
        scenario.load(SMALL, SHORT),
        tmp_path,
        reproduce="x",
        on_start=prepared.append,
        on_block=leap,
    )
    there, here = tape.load(run), tape.load(tmp_path)
    assert here.manifest["digest"] == there.manifest["digest"]
    assert here.table("pool").select(pl.col("time")).equals(there.table("pool").select("time"))
