"""A crash shrunk to the transactions that make it, on the contracts and as a Foundry test."""

from __future__ import annotations

import os
import subprocess
from itertools import groupby
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from amm_sim import assemble, foundry, scenario, tape
from amm_sim.chain.artifacts import ROOT, Artifacts
from amm_sim.chain.codec import Codec
from amm_sim.cli import cli
from amm_sim.conditions import condition
from amm_sim.errors import ScenarioError
from amm_sim.replay import Script, Stage, script
from amm_sim.shrink import Item, Shrunk, shrink
from amm_sim.tape import Tape

CRASH = Path(__file__).with_name("crash.toml")
FORGE = ROOT / "node_modules" / ".bin" / "forge"


def invoke(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("crash")
    assemble.run(scenario.load(CRASH), made, reproduce="amm-sim run crash.toml")
    return made


@pytest.fixture(scope="module")
def crash(folder: Path) -> Tape:
    return tape.load(folder)


@pytest.fixture(scope="module")
def shrunk(crash: Tape) -> Shrunk:
    return shrink(crash, "insolvent", seconds=120)


class World:
    """The deployed contracts and nothing else, to play lists on and ask them by name."""

    def __init__(self, run: Tape) -> None:
        what = script(run)
        creations = tuple(step for step in what.setup if not step.calls[0].to)
        self.stage = Stage(Script(run, creations, ()))
        self.stage.pool.admit(what.senders)
        self.base = self.stage.pool.save()

    def scale(self, items: list[Item], end: int) -> int:
        self.base = self.stage.pool.restore(self.base)
        for time, group in groupby(items, key=lambda item: item.time):
            self.stage.play(time, [item.call for item in group])
        if items[-1].time < end:
            self.stage.play(end, [])
        vault = self.stage.script.deployment.at(self.stage.chain, "vault")
        return int(vault.call("solvency")["scale"])


def test_shrink_keeps_only_what_insolvency_needs(crash: Tape, shrunk: Shrunk) -> None:
    assert shrunk.minimal
    assert len(shrunk.items) < 40 < shrunk.original
    agents = {item.agent for item in shrunk.items}
    assert any(agent.startswith("buyer") for agent in agents)
    assert "pull" in agents  # somebody must tell the pool that spot rose
    stage = World(crash)
    with stage.stage:
        assert stage.scale(list(shrunk.items), shrunk.end) < 10**18


def test_shrink_result_is_solvent_without_any_one_of_the_trades(
    crash: Tape, shrunk: Shrunk
) -> None:
    world = World(crash)
    trades = [i for i, item in enumerate(shrunk.items) if item.label.startswith("Trade")]
    assert trades
    with world.stage:
        for place in trades:
            fewer = [item for i, item in enumerate(shrunk.items) if i != place]
            assert world.scale(fewer, shrunk.end) == 10**18


def test_shrink_event_ends_with_the_transaction_that_emits_it(crash: Tape) -> None:
    found = shrink(crash, "event:Insolvent", seconds=20)
    labels = [item.label.split(" ")[0] for item in found.items]
    assert labels[-1] == "PokeBreaker"
    assert "Trade" in labels


def test_shrink_command_writes_a_test_and_how_to_run_it(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "Nav.t.sol"
    result = invoke("shrink", folder, "--until", "nav < 40000", "--seconds", 3, "--out", out)
    assert result.exit_code == 0, result.output
    assert f"--match-path {out}" in result.output
    text = out.read_text()
    assert "contract CrashNav40000 {" in text
    assert "40000000000000000000000" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("T-1", "something that happened in this run"),
        ("nav < -1e30", "something that happened in this run"),
        ("navv < 0", "COLUMN < NUMBER"),
        ("nav", "COLUMN < NUMBER"),
        ("event:Nothing", "event:NAME with one of"),
    ],
)
def test_shrink_what_never_happened_is_one_line(folder: Path, text: str, said: str) -> None:
    result = invoke("shrink", folder, "--until", text)
    assert result.exit_code == 2
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_condition_first_block_is_the_tables_first(crash: Tape) -> None:
    what, codec = script(crash), Codec(Artifacts())
    scale = [float(value) for value in crash.table("pool")["scale"]]
    index = next(i for i, value in enumerate(scale) if value < 1)
    assert condition("insolvent", what, codec).first(what) == index
    with pytest.raises(ScenarioError):
        condition("spot <> 1", what, codec)


def test_condition_reads_the_column_that_it_names(crash: Tape) -> None:
    """Words of the lens against the recorded table, at the run's last block."""
    what, codec = script(crash), Codec(Artifacts())
    columns = [c for c in tape.POOL if c not in ("block", "time", "hedge_due")]
    readings = [condition(f"{c} < 0", what, codec).comparisons[0].left for c in columns]
    with Stage(what) as stage:
        for step in what.steps:
            stage.play(step.time, step.calls)
        asked = [{"to": r.to, "data": "0x" + r.data.hex(), "gas": "0x3938700"} for r in readings]
        answers = stage.chain.rpc.strict([("eth_call", [each, "latest"]) for each in asked])
    for column, reading, said in zip(columns, readings, answers, strict=True):
        answer = bytes.fromhex(said[2:])
        word = answer[32 * reading.word : 32 * reading.word + 32]
        recorded = crash.table("pool")[column][-1]
        unit = 1 if isinstance(recorded, int) else 10**18
        assert int.from_bytes(word, "big", signed=True) == int(recorded * unit), column


@pytest.mark.slow
def test_written_test_fails_with_the_reason_under_forge(shrunk: Shrunk, tmp_path: Path) -> None:
    target = tmp_path / "Crash.t.sol"
    target.write_text(foundry.render(shrunk))
    done = subprocess.run(
        [str(FORGE), "test", "--gas-limit", "9000000000000000", "--match-path", str(target)],
        cwd=ROOT,
        env={**os.environ, "FOUNDRY_TEST": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    said = done.stdout + done.stderr  # npm's wrapper swallows the exit code
    assert '[FAIL: Broken("scale < 1", ' in done.stdout, said
    assert "test_never_insolvent" in done.stdout
