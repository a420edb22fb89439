"""The Anvil process: recipe, set-up errors, forks, nothing left behind."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from amm_sim import assemble, scenario
from amm_sim.assemble import Node
from amm_sim.chain import Anvil, Artifacts, Chain, Fork
from amm_sim.chain import anvil as module
from amm_sim.errors import ChainError, SetupError

SMALL = Path(__file__).parents[1] / "engine" / "small.toml"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stop_ends_the_process_and_removes_its_state() -> None:
    anvil = Anvil(1_600_000_000)
    pid, folder = anvil.pid, Path(anvil._folder)
    assert alive(pid)
    anvil.stop()
    anvil.stop()
    assert not alive(pid)
    assert not folder.exists()


def test_context_left_by_an_exception_stops_the_process() -> None:
    anvil = Anvil()
    pid = anvil.pid
    with pytest.raises(ZeroDivisionError), anvil:
        _ = 1 // 0
    assert not alive(pid)


def test_start_binary_missing_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.ENVIRONMENT, str(tmp_path / "none"))
    with pytest.raises(SetupError, match="not an executable file"):
        Anvil()
    monkeypatch.delenv(module.ENVIRONMENT)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match="is missing: run `make setup`"):
        Anvil()


def test_start_other_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "anvil"
    fake.write_text("#!/bin/sh\necho 'anvil Version: 0.2.0-stable'\n")
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv(module.ENVIRONMENT, str(fake))
    with pytest.raises(SetupError, match=r"is Anvil 0\.2\.0: 1\.7\.1 is needed"):
        Anvil()


def test_start_port_in_use_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port} is in use"):
            Anvil(port=port)


def test_start_unreachable_fork_says_so() -> None:
    with pytest.raises(SetupError, match="did not start"):
        Anvil(fork=Fork("http://127.0.0.1:1"))


def test_call_to_a_killed_node_is_a_chain_error() -> None:
    anvil = Anvil()
    rpc = anvil.connect()
    anvil.stop()
    with pytest.raises(ChainError, match="is gone"):
        rpc.call("eth_blockNumber")


def test_blocks_stay_flat_and_small_over_a_thousand() -> None:
    with Anvil(1_600_000_000) as anvil:
        rpc = anvil.connect()
        for index in range(1, 1001):
            rpc.call("evm_mine", hex(1_600_000_000 + index))
        assert int(rpc.call("eth_blockNumber"), 16) == 1000
        assert anvil.resident_megabytes() < 200
        rpc.close()


# ------------------------------------------------ forks: a second Anvil plays the upstream


def test_fork_sees_the_upstream_and_changes_only_itself(artifacts: Artifacts) -> None:
    holder = "0x" + "ab" * 20
    with Chain(Anvil(1_600_000_000, history=True), artifacts) as upstream:
        token = upstream.at(upstream.deploy("MockToken", "Dollar", "USD", 6), "MockToken")
        token.must("mint", holder, 500)
        pinned = upstream.block
        token.must("mint", holder, 11)
        with Chain(Anvil(fork=Fork(upstream.anvil.url, pinned)), artifacts) as fork:
            shadow = fork.at(token.address, "MockToken")
            assert shadow.call("balanceOf", holder) == 500
            shadow.must("mint", holder, 7)
            assert shadow.call("balanceOf", holder) == 507
        assert token.call("balanceOf", holder) == 511


def test_run_on_a_fork_deploys_on_top_and_gives_the_digest_of_a_plain_chain() -> None:
    loaded = scenario.load(SMALL, {"run.duration": 300})
    with assemble.prepare(loaded) as plain:
        alone = plain.simulation()
        alone.run()
    with Anvil(1_500_000_000) as upstream:
        rpc = upstream.connect()
        rpc.call("evm_mine", hex(1_500_000_100))
        with assemble.prepare(loaded, node=Node(fork=Fork(upstream.url, 1))) as forked:
            simulation = forked.simulation()
            simulation.run()
            assert simulation.head.number > alone.head.number
        rpc.close()
    assert simulation.digest == alone.digest


def test_run_before_the_forks_head_is_refused() -> None:
    loaded = scenario.load(SMALL, {"run.duration": 300})
    with (
        Anvil(1_700_000_000) as upstream,
        pytest.raises(scenario.ScenarioError, match=r"run\.start .*fork's head"),
    ):
        assemble.prepare(loaded, node=Node(fork=Fork(upstream.url)))
