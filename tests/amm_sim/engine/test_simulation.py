"""The run loop on the real protocol: order, records, digests, paths, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from amm_sim import assemble, scenario, tape
from amm_sim.chain.mined import require_order
from amm_sim.engine.actors import address_of
from amm_sim.errors import ChainError
from amm_sim.prepared import Prepared
from amm_sim.tape import Tape
from amm_sim.types import Outcome, PokeOracle, Status, Trade

SMALL = Path(__file__).with_name("small.toml")
START = 1_609_718_400


@pytest.fixture(scope="module")
def prepared() -> Iterator[Prepared]:
    with assemble.prepare(scenario.load(SMALL)) as made:
        yield made


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Tape:
    folder = tmp_path_factory.mktemp("run")
    assemble.run(scenario.load(SMALL), folder, reproduce="amm-sim run small.toml --seed 5")
    return tape.load(folder)


def test_run_records_every_block_with_its_time(recorded: Tape) -> None:
    blocks = recorded.table("blocks")
    assert blocks["time"].to_list() == [START + 60 * i for i in range(121)]
    first = blocks["block"][0]
    assert blocks["block"].to_list() == list(range(first, first + 121))
    assert recorded.table("pool")["time"].to_list() == blocks["time"].to_list()
    assert recorded.table("market")["time"].to_list() == blocks["time"].to_list()


def test_run_counts_agree_between_tables_and_manifest(recorded: Tape) -> None:
    txs, blocks = recorded.table("txs"), recorded.table("blocks")
    assert len(txs) == blocks["transactions"].sum() == recorded.manifest["transactions"] > 300
    assert txs["tx"].to_list() == list(range(1, len(txs) + 1))
    assert blocks["refused"].sum() == len(txs.filter(pl.col("status") == "refused"))
    assert recorded.manifest["state"] == "complete"
    assert len(recorded.manifest["digests"]) == 2
    assert recorded.manifest["digest"] == blocks["digest"][-1]


def test_run_records_every_kind_of_actor(recorded: Tape) -> None:
    kinds = set(recorded.table("txs")["kind"].to_list())
    assert kinds == {
        "push",
        "pull",
        "vol",
        "venue",
        "lister",
        "keeper",
        "retail",
        "short_seller",
        "lp_loyal",
    }
    agents = recorded.table("agents")
    assert set(agents["kind"].to_list()) == kinds
    paid = dict(zip(agents["agent"], agents["gas_paid"], strict=True))
    assert paid["keeper"] > 0.0


def test_run_later_board_is_listed_in_its_block(recorded: Tape) -> None:
    listed = recorded.event("expiry_listed")
    assert listed is not None
    assert listed["expiry"].to_list() == [START + 1_209_600]
    assert listed["time"].to_list() == [START + 1800 + 60]
    counts = recorded.table("expiries").group_by("time").len().sort("time")["len"].to_list()
    assert counts == [1] * 31 + [2] * 90


def test_run_trades_move_exactly_what_events_say(recorded: Tape) -> None:
    traded = recorded.event("traded")
    assert traded is not None
    fills = recorded.table("txs").filter(
        (pl.col("order") == "Trade") & (pl.col("status") == "filled")
    )
    assert traded["tx"].to_list() == fills["tx"].to_list()
    for size, arguments in zip(traded["size"], fills["args"], strict=True):
        assert Decimal(str(json.loads(arguments)["size"])) == size


def test_run_oracle_table_states_what_the_feeds_posted(recorded: Tape) -> None:
    """The push feed's posts, by their own arguments, against what the table says it holds."""
    oracle, txs = recorded.table("oracle"), recorded.table("txs")
    assert oracle["time"].to_list() == recorded.table("blocks")["time"].to_list()
    posts = txs.filter((pl.col("order") == "PostPush") & (pl.col("status") == "filled"))
    assert len(posts) > 1
    held = dict(zip(oracle["block"], oracle["push_price"], strict=True))
    for block, arguments in zip(posts["block"], posts["args"], strict=True):
        assert held[block] == Decimal(repr(json.loads(arguments)["price"]))
    assert oracle["price"].to_list() == recorded.table("pool")["spot"].to_list()
    assert oracle["push_round"].is_sorted()


def test_run_accounts_table_shows_what_trades_left(recorded: Tape) -> None:
    accounts, traded = recorded.table("accounts"), recorded.event("traded")
    assert traded is not None
    addresses = dict(recorded.table("agents").select("address", "agent").iter_rows())
    assert all(addresses[a] == n for a, n in accounts.select("address", "agent").iter_rows())
    sums: dict[tuple[str, int], Decimal] = {}
    for account, series, size in traded.select("account", "id", "size").iter_rows():
        sums[account, series] = sums.get((account, series), Decimal(0)) + size
    last = accounts.group_by("address", maintain_order=True).last()
    shown = {
        (address, series): size
        for address, many, sizes in last.select("address", "series", "sizes").iter_rows()
        for series, size in zip(many, sizes, strict=True)
    }
    known = set(last["address"].to_list())
    assert shown == {key: float(s) for key, s in sums.items() if s and key[0] in known}
    assert shown


def test_run_tables_are_of_the_deployed_contracts_alone(recorded: Tape) -> None:
    assert "event_traded" in recorded.tables
    assert "event_bad_debt" in recorded.tables  # empty here
    assert not {"event_bought", "event_sold_back", "event_provided"} & set(recorded.tables)


def test_run_parameters_are_read_from_the_chain(recorded: Tape) -> None:
    parameters = recorded.manifest["parameters"]
    assert parameters["market"]["premiumFee"] == "0.005"
    assert parameters["oracle"]["pushHeartbeat"] == 3600
    assert {
        "pricing",
        "margin",
        "auction",
        "insurance",
        "vault",
        "hedge",
        "breaker",
        "band",
        "perp",
    } <= set(parameters)
    assert recorded.manifest["tables"]["run"]["seed"] == 5


def test_run_refusals_carry_name_and_numbers(prepared: Prepared) -> None:
    for simulation in prepared.paths([5]):
        keeper = next(a for a in simulation.actors if a.name == "keeper")
        expiry = START + 604_800
        series = expiry << 16 | 2 << 8 | 1
        transaction = prepared.pool.encode(Trade(series, 1.0, 1.0), keeper.address)
        assert transaction is not None
        block = prepared.pool.block(START + 60, [transaction])
        error = block.results[0].error
        assert error is not None
        assert error.name == "LimitExceeded"
        assert error.floats["limit"] == 1.0
        assert error.floats["cash"] > 1.0


def test_block_many_senders_keeps_the_given_order(prepared: Prepared) -> None:
    for simulation in prepared.paths([5]):
        poke = [prepared.pool.encode(PokeOracle(), address_of(f"x{i % 40}")) for i in range(200)]
        transactions = [t for t in poke if t is not None]
        block = prepared.pool.block(simulation.head.time + 60, transactions)
        assert len(block.results) == 200  # the port itself raises if the order differs


def test_block_mined_elsewhere_is_noticed(prepared: Prepared) -> None:
    for simulation in prepared.paths([5]):
        poke = prepared.pool.encode(PokeOracle(), address_of("x"))
        assert poke is not None
        hashes = prepared.chain.rpc.strict(prepared.pool._submission([poke]))
        prepared.chain.mine(simulation.head.time + 60)
        prepared.chain.mine(simulation.head.time + 120)
        header = prepared.chain.rpc.call("eth_getBlockByNumber", "latest", False)
        with pytest.raises(ChainError, match="1 of 1 are missing"):
            require_order(hashes, header)


def test_paths_from_one_baseline_repeat_to_the_bit(prepared: Prepared) -> None:
    digests: list[str] = []
    for simulation in prepared.paths([5, 6, 5]):
        for _ in range(20):
            simulation.step()
        digests.append(simulation.digest)
    assert digests[0] == digests[2] != digests[1]


def test_step_delivers_outcomes_to_their_sender_once(prepared: Prepared) -> None:
    for simulation in prepared.paths([5]):
        push = next(a for a in simulation.actors if a.kind == "push")
        simulation.step()
        outcomes: list[Outcome] = list(push.inbox)
        assert [outcome.status for outcome in outcomes] in ([], [Status.FILLED])
        pull = next(a for a in simulation.actors if a.kind == "pull")
        assert [(o.status, o.delay, o.events[0]["event"]) for o in pull.inbox] == [
            (Status.FILLED, 60, "PriceFeedUpdate")
        ]
        simulation.step()
        assert len(pull.inbox) == 1


CHILD = """
import sys
from pathlib import Path
from amm_sim import assemble, scenario
loaded = scenario.load(Path(sys.argv[1]), {"run.duration": 1800})
with assemble.prepare(loaded) as prepared:
    simulation = prepared.simulation()
    simulation.run()
    print(simulation.digest)
"""


def test_same_seed_in_three_processes_gives_one_digest() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(SMALL)],
            stdout=subprocess.PIPE,
            text=True,
            env=_environment(i),
        )
        for i in range(3)
    ]
    digests = {child.communicate(timeout=120)[0].strip() for child in children}
    assert len(digests) == 1
    assert len(digests.pop()) == 64


def _environment(hash_seed: int) -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": str(hash_seed + 1)}


def test_interrupt_leaves_a_readable_partial_run(tmp_path: Path) -> None:
    def interrupt(progress: object) -> None:
        if getattr(progress, "done", 0) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assemble.run(scenario.load(SMALL), tmp_path, reproduce="x", on_block=interrupt)
    partial = tape.load(tmp_path)
    assert partial.manifest["state"] == "interrupted"
    assert partial.manifest["blocks"] == 7
    assert len(partial.table("blocks")) == 8
    assert len(partial.table("txs")) == partial.manifest["transactions"]


def test_anvil_killed_in_the_middle_is_a_chain_error_and_loses_nothing(tmp_path: Path) -> None:
    prepared: list[Prepared] = []

    def kill(progress: object) -> None:
        if getattr(progress, "done", 0) == 5:
            os.kill(prepared[0].chain.anvil.pid, signal.SIGKILL)

    with pytest.raises(ChainError, match="is gone"):
        assemble.run(
            scenario.load(SMALL), tmp_path, reproduce="x", on_start=prepared.append, on_block=kill
        )
    partial = tape.load(tmp_path)
    assert partial.manifest["state"] == "failed"
    assert len(partial.table("blocks")) == len(partial.table("market")) == 6
    assert len(partial.table("txs")) == partial.manifest["transactions"]
    assert len(partial.table("pool")) in (4, 5)  # what it was worth in the end nobody said


KILLED = """
import os, signal, sys
from pathlib import Path
from amm_sim import assemble, scenario
from amm_sim.engine import recorder
recorder.CHUNK = 4
def show(prepared):
    print(prepared.chain.anvil.pid, flush=True)
def kill(progress):
    if progress.done == 10:
        os.kill(os.getpid(), signal.SIGKILL)
loaded = scenario.load(Path(sys.argv[1]))
assemble.run(loaded, Path(sys.argv[2]), reproduce="x", on_start=show, on_block=kill)
"""


def test_kill_9_leaves_the_recorded_blocks_and_no_anvil(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(SMALL), str(tmp_path)]
    child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert child.returncode == -signal.SIGKILL
    partial = tape.load(tmp_path)
    assert partial.manifest["state"] == "running"
    assert len(partial.table("blocks")) == 4  # the second part was not whole yet
    assert len(partial.table("txs")) == partial.table("blocks")["transactions"].sum()
    if sys.platform == "linux":
        assert _gone(int(child.stdout))


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_snapshot_equals_the_contracts_own_views(prepared: Prepared) -> None:
    for simulation in prepared.paths([5]):
        for _ in range(30):
            simulation.step()
        state, chain = simulation.head.pool, prepared.chain
        vault = prepared.deployment.at(chain, "vault")
        assert state["sharePrice"] == vault.call("sharePrice") != 10**18
        assert state["nav"] == vault.call("navParts")
        assert state["solvency"] == vault.call("solvency")
        assert state["freeLiquidity"] == vault.call("freeLiquidity") > 0
        assert state["mode"] == prepared.deployment.at(chain, "breaker").call("mode")
        traders = [a.address for a in simulation.actors if a.kind == "retail"]
        for account, seen in zip(traders, prepared.pool.accounts(traders), strict=True):
            below, margin = (
                prepared.deployment.at(chain, "margin").call("liquidatable", account).values()
            )
            assert (seen["liquidatable"], seen["margin"]) == (below, margin)
            assert seen["legs"] == prepared.deployment.at(chain, "market").call("legsOf", account)


def test_accounts_read_only_when_touched_hold_what_the_chain_says(prepared: Prepared) -> None:
    for simulation in prepared.paths([5]):
        owners = [a.address for a in simulation.actors if a.kind in ("retail", "short_seller")]
        for _ in range(60):
            simulation.step()
            for state in prepared.pool.accounts(owners):
                fresh = prepared.pool.account_view(state)
                known = simulation._watch.view(fresh.address)
                if known is not None:
                    assert known.legs == fresh.legs
                    assert (known.balance, known.wallet) == (fresh.balance, fresh.wallet)
        assert all(simulation._watch.view(address) for address in owners)
