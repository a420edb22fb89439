"""Runs sent again from their records, and the first difference of two."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from amm_sim import assemble, scenario, tape
from amm_sim.cli import cli
from amm_sim.divergence import diverge
from amm_sim.errors import ScenarioError
from amm_sim.replay import replay, script
from amm_sim.tape import Tape

SMALL = Path(__file__).parent / "engine" / "small.toml"
SHORT = {"run.duration": 1200}


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def recorded(folder: Path, **changes: object) -> Path:
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    assemble.run(scenario.load(SMALL, {**SHORT, **keys}), folder, reproduce="x")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("run"))


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def altered(folder: Path, table: str, frame: pl.DataFrame) -> None:
    frame.write_parquet(folder / f"{table}.parquet")


def trade_of(loaded: Tape, order: str = "Trade") -> int:
    found = loaded.table("txs").filter((pl.col("order") == order) & (pl.col("status") == "filled"))
    return int(found["tx"][len(found) // 2])


def test_replay_without_agents_gives_every_digest(run: Path) -> None:
    result = invoke("replay", run)
    assert result.exit_code == 0, result.output
    loaded = tape.load(run)
    assert loaded.manifest["digest"] in result.output
    assert f"{len(loaded.table('txs'))} transactions" in result.output


def test_replay_needs_only_the_records(run: Path) -> None:
    """No scenario: a manifest whose tables are empty replays as well."""
    loaded = tape.load(run)
    manifest = {**loaded.manifest, "tables": {}, "seed": None}
    assert replay(Tape(manifest, loaded.tables)).digest == loaded.manifest["digest"]


def test_replay_altered_calldata_names_block_and_transaction(copy: Path) -> None:
    loaded = tape.load(copy)
    calls, victim = loaded.table("calls"), trade_of(loaded)
    size = pl.col("data").map_elements(_double_the_size, return_dtype=pl.Binary)
    changed = calls.with_columns(pl.when(pl.col("tx") == victim).then(size).otherwise("data"))
    altered(copy, "calls", changed)
    result = invoke("replay", copy)
    assert result.exit_code == 1
    block = loaded.table("txs").filter(pl.col("tx") == victim)["block"][0]
    assert f"differs in block {block} " in result.output
    assert f"tx {victim}: " in result.output


def _double_the_size(data: bytes) -> bytes:
    size = int.from_bytes(data[36:68], "big", signed=True)
    return data[:36] + (2 * size).to_bytes(32, "big", signed=True) + data[68:]


def test_replay_without_recorded_transactions_says_so(copy: Path) -> None:
    altered(copy, "calls", tape.load(copy).table("calls").clear())
    result = invoke("replay", copy)
    assert result.exit_code == 2
    assert "without recorded transactions: run it again" in result.output


def test_replay_of_an_interrupted_run_goes_as_far_as_its_records(tmp_path: Path) -> None:
    def interrupt(progress: object) -> None:
        if getattr(progress, "done", 0) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assemble.run(scenario.load(SMALL), tmp_path, reproduce="x", on_block=interrupt)
    verdict = replay(tape.load(tmp_path))
    assert verdict.equal
    assert verdict.blocks == 10


def test_diff_of_a_run_with_itself_is_empty(run: Path) -> None:
    result = invoke("diff", run, run)
    assert result.exit_code == 0
    assert result.output.strip() == f"equal: {len(tape.load(run).table('blocks'))} blocks"


def test_diff_other_parameter_names_trade_and_variable(run: Path, tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", protocol__market__premiumFee=0.02)
    found = diverge(tape.load(run), tape.load(other))
    assert any(line.startswith("parameters.market.premiumFee: ") for line in found.inputs)
    assert found.left is not None
    assert found.right is not None
    assert "Trade" in found.left.order
    assert found.before == ()
    names = {f"{change.contract}.{change.variable}" for change in found.after}
    assert f"OptionMarket._accounts[{found.left.agent}].balance" in names
    assert {"LPVault.cash", "OptionMarket._vaults", "OptionMarket._insurers"} <= names


def test_diff_other_seed_names_the_first_block(run: Path, tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", run__seed=6, run__duration=120)
    result = invoke("diff", run, other)
    assert result.exit_code == 1
    assert "seed: 5 | 6" in result.output
    assert "equal for 1 blocks" in result.output
    assert "PerpVenue.market.index" in result.output
    assert "differed before" not in result.output


def test_diff_altered_outcome_without_other_calls_shows_both(run: Path, copy: Path) -> None:
    """As of two machines of which one computes otherwise: equal calls, another digest and gas."""
    loaded = tape.load(copy)
    victim = trade_of(loaded)
    txs, blocks = loaded.table("txs"), loaded.table("blocks")
    block = txs.filter(pl.col("tx") == victim)["block"][0]
    gas = pl.when(pl.col("tx") == victim).then(pl.col("gas") + 1).otherwise("gas")
    altered(copy, "txs", txs.with_columns(gas.alias("gas")))
    digest = pl.when(pl.col("block") >= block).then(pl.lit("00")).otherwise("digest")
    altered(copy, "blocks", blocks.with_columns(digest.alias("digest")))
    found = diverge(tape.load(run), tape.load(copy), storage=False)
    assert found.block == block
    assert found.left is not None
    assert found.left.tx == victim
    assert found.difference.startswith("gas ")


def test_diff_shorter_run_ends_first(run: Path, tmp_path: Path) -> None:
    other = recorded(tmp_path / "other", run__duration=300)
    found = diverge(tape.load(run), tape.load(other), storage=False)
    assert found.difference == "21 blocks | 6 blocks"
    assert found.equal_blocks == 6


def test_script_counts_every_transaction_once(run: Path) -> None:
    loaded = tape.load(run)
    what = script(loaded)
    sent = [call.tx for step in what.steps for call in step.calls]
    dropped = loaded.table("txs").filter(pl.col("status") == "dropped")["tx"].to_list()
    assert sorted([*sent, *dropped]) == loaded.table("txs")["tx"].to_list()
    assert sum(not call.to for step in what.setup for call in step.calls) >= 18


def test_script_of_a_study_path_without_addresses_is_refused() -> None:
    with pytest.raises(ScenarioError, match="run it again"):
        script(Tape({"scenario": "x"}))
