"""A run on a forked chain's own contracts: a second Anvil with Uniswap v3 and a Chainlink feed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from amm_sim import assemble, scenario, tape
from amm_sim.assemble import Node
from amm_sim.chain import Anvil, Artifacts, Chain, Fork
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.rpc import RpcError
from amm_sim.chain.upstream import FILE, Upstream
from amm_sim.cli import cli
from amm_sim.errors import ChainError, ScenarioError, SetupError
from amm_sim.replay import replay
from amm_sim.tape import Tape

SMALL = Path(__file__).parents[1] / "engine" / "small.toml"
BORN = 1_500_000_000
SPOT = 1000
POOL_FEE = 0.0005
NOBODY = "0x" + "00" * 18 + "beef"


@dataclass
class Live:
    """The upstream: addresses as lower-case texts, and the block to fork at."""

    chain: Chain
    quote: str
    underlying: str
    factory: str
    pool: str
    feed: str
    block: int

    def changes(self, **more: Any) -> dict[str, Any]:
        return {
            "run.duration": 1800,
            "market.vol": 0.2,
            "protocol.policy": "threshold",
            "protocol.threshold.width": 0,
            "protocol.venue": "uniswap",
            "protocol.hedge.maxSlippage": 0.01,
            "protocol.uniswap.depthShare": 0.5,
            "protocol.uniswap.maxDeviation": 0.02,
            "fork.push_feed": self.feed,
            "fork.quote": self.quote,
            "fork.underlying": self.underlying,
            "fork.factory": self.factory,
            **more,
        }

    def node(self, cache: Path | None = None) -> Node:
        return Node(fork=Fork(self.chain.anvil.url, self.block, cache))

    def inverse(self, sqrt_price: int) -> float:
        """1 / sqrt(quote units per wei of underlying)."""
        first = int(self.underlying, 16) < int(self.quote, 16)
        return 2**96 / sqrt_price if first else sqrt_price / 2**96

    def liquidity(self) -> int:
        return int(self.chain.call(self.pool, "UniswapV3Pool", "liquidity"))

    def sqrt_price(self, chain: Chain) -> int:
        chain.codec.add(chain.artifacts["UniswapV3Pool"])
        slot = chain.call(self.pool, "UniswapV3Pool", "slot0")
        return int(slot["sqrtPriceX96"] if isinstance(slot, dict) else slot[0])


def grow(chain: Chain) -> Live:
    """Tokens, Uniswap v3 with a deep pool at 1,000, and a feed that stands at 987.65."""
    quote = chain.deploy("MockToken", "USD Coin", "USDC", 6)
    underlying = chain.deploy("MockToken", "Wrapped Ether", "WETH", 18)
    factory = chain.deploy("UniswapV3Factory")
    desk = chain.at(chain.deploy("UniswapDesk", quote, underlying, factory), "UniswapDesk")
    for token in (quote, underlying):
        chain.must(token, "MockToken", "mint", DEPLOYER, 10**26)
        chain.must(token, "MockToken", "approve", desk.address, 2**256 - 1)
    desk.must("provide", SPOT * 10**18, 3 * 10**18 // 2, 20_000_000 * 10**18)
    feed = chain.at(chain.deploy("MockAggregator", 8), "MockAggregator")
    feed.must("transmit", 98_765_000_000, BORN)
    pool = desk.call("POOL")
    return Live(chain, quote, underlying, factory, pool, feed.address, chain.block)


@pytest.fixture(scope="module")
def live(artifacts: Artifacts) -> Iterator[Live]:
    with Chain(Anvil(BORN, history=True), artifacts) as chain:
        yield grow(chain)


def test_run_on_a_fork_hedges_on_the_live_pool_at_the_shadowed_feeds_price(live: Live) -> None:
    """In one range of liquidity L, underlying moves 1 / sqrt(price) by (amount less fee) / L."""
    before = live.sqrt_price(live.chain)
    loaded = scenario.load(SMALL, live.changes())
    with assemble.prepare(loaded, node=live.node()) as prepared:
        book, chain = prepared.deployment.addresses, prepared.chain
        assert (book["push"], book["quote"]) == (live.feed.lower(), live.quote.lower())
        venue = prepared.deployment.at(chain, "venue")
        assert venue.call("POOL").lower() == live.pool.lower()
        assert live.sqrt_price(chain) == before
        simulation = prepared.simulation()
        traded = []
        while simulation.index < simulation.blocks:
            for result in simulation.step().results:
                traded += [e.args["size"] for e in result.events if e.name == "VenueTraded"]
        assert min(traded) < 0 < max(traded)
        assert simulation.view.hedge_size == pytest.approx(sum(traded) / 1e18)
        received = sum(-size * (1 - POOL_FEE) if size < 0 else -size for size in traded)
        moved = live.inverse(live.sqrt_price(chain)) - live.inverse(before)
        assert moved == pytest.approx(received / live.liquidity(), rel=1e-6)
        feed = chain.call(live.feed, "MockPushFeed", "latestRoundData")
        number, answer = list(feed.values() if isinstance(feed, dict) else feed)[:2]
        assert answer / 1e8 == pytest.approx(simulation.view.push_price)
        assert number == simulation.view.push_round > 2
    assert live.sqrt_price(live.chain) == before
    kept = live.chain.call(live.feed, "MockAggregator", "latestRoundData")
    assert 98_765_000_000 in list(kept.values() if isinstance(kept, dict) else kept)


def test_run_from_the_command_line_with_a_cache_then_without_a_network(
    live: Live, tmp_path: Path
) -> None:
    def run(url: str, out: Path) -> Mapping[str, Any]:
        words = ["run", SMALL, "--out", out, "--fork-url", url, "--fork-block", live.block]
        words += ["--fork-cache", tmp_path / "cache", "--set", f"fork.push_feed={live.feed}"]
        words += ["--set", "run.duration=300"]
        result = CliRunner().invoke(cli, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        found: Mapping[str, Any] = json.loads(result.output.strip().splitlines()[-1])
        return found

    online = run(live.chain.anvil.url, tmp_path / "online")
    offline = run("http://127.0.0.1:1", tmp_path / "offline")
    assert offline["digest"] == online["digest"]
    assert f"--fork-cache {tmp_path / 'cache'}" in online["reproduce"]
    words = ["--fork-url", "http://127.0.0.1:1", "--fork-cache", str(tmp_path / "cache")]
    again = CliRunner().invoke(cli, ["replay", str(tmp_path / "online"), *words])
    assert again.exit_code == 0, again.output
    assert online["digest"] in again.output
    refused = CliRunner().invoke(cli, ["shrink", str(tmp_path / "online")])
    assert refused.exit_code == 2
    assert "on a fork's own contracts" in refused.output


def test_replay_on_the_forks_own_contracts_sets_code_and_balances_again(
    live: Live, tmp_path: Path
) -> None:
    """Live tokens, pool and feed; without what was set, the first payment fails."""
    loaded = scenario.load(SMALL, live.changes(**{"run.duration": 900}))
    assemble.run(loaded, tmp_path, reproduce="x", node=live.node())
    recorded = tape.load(tmp_path)
    methods = {method for _, method, _ in recorded.manifest["changes"]}
    assert methods == {"anvil_setCode", "anvil_setStorageAt", "anvil_dealERC20"}
    verdict = replay(recorded)
    assert verdict.equal
    assert verdict.digest == recorded.manifest["digest"]
    assert verdict.transactions > 10
    poor = [each for each in recorded.manifest["changes"] if each[1] != "anvil_dealERC20"]
    with pytest.raises(ChainError, match="cannot be sent again"):
        replay(Tape({**recorded.manifest, "changes": poor}, recorded.tables))


def test_run_with_a_fork_block_without_a_url_is_one_line() -> None:
    result = CliRunner().invoke(cli, ["run", str(SMALL), "--fork-block", "3"])
    assert result.exit_code == 2
    assert "--fork-url" in result.output


def test_shadow_begins_with_the_live_round_and_keeps_the_address(live: Live) -> None:
    where = {"fork.url": live.chain.anvil.url, "fork.block": live.block}
    loaded = scenario.load(SMALL, {**where, "fork.push_feed": live.feed, "run.duration": 60})
    with assemble.prepare(loaded) as prepared:
        first = prepared.chain.call(live.feed, "MockPushFeed", "getRoundData", 1)
        assert list(first.values() if isinstance(first, dict) else first)[1:4] == [
            98_765_000_000,
            BORN,
            BORN,
        ]
        assert prepared.deployment.names["quote"] == "MockToken"
        assert prepared.deployment.live == {"push"}


def test_cache_second_run_needs_no_upstream_and_gives_the_same_digest(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    def digest(node: Node, changes: Mapping[str, Any]) -> str:
        loaded = scenario.load(SMALL, changes)
        with assemble.prepare(loaded, artifacts=artifacts, node=node) as prepared:
            simulation = prepared.simulation()
            simulation.run()
            return simulation.digest

    with Chain(Anvil(BORN, history=True), artifacts) as chain:
        there = grow(chain)
        changes, node = there.changes(**{"run.duration": 600}), there.node(tmp_path)
        plain = digest(there.node(), changes)
        assert digest(node, changes) == plain
    kept = (tmp_path / FILE).read_bytes()
    assert digest(node, changes) == plain
    assert (tmp_path / FILE).read_bytes() == kept
    with (
        Chain(Anvil(fork=node.fork), artifacts) as other,
        pytest.raises(RpcError, match="is not in"),
    ):
        other.rpc.call("eth_getBalance", NOBODY, "latest")


def test_cache_of_another_chain_is_refused(live: Live, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('[["eth_chainId",[]],"0x1"]\ntorn [')
    with pytest.raises(SetupError, match="is of chain 1, the node of 31337"):
        Upstream(live.chain.anvil.url, tmp_path)


def test_cache_without_a_pinned_block_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="--fork-block"):
        Fork("http://127.0.0.1:1", None, tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fork.push_feed": NOBODY}, "fork.push_feed = .*at this block there is none"),
        ({"fork.push_feed": "0x12"}, "fork.push_feed = '0x12': an address"),
        ({"fork.feed": "0x12"}, "fork.feed = .*unknown key"),
        ({"fork.quote": "UNDERLYING"}, "fork.quote = .*6 decimals, not 18"),
        ({"fork.quote": "FACTORY"}, "fork.quote = .*6 decimals, not None"),
        ({"fork.quote": None}, "fork.factory = .*quote and underlying as well"),
    ],
)
def test_prepare_wrong_contract_is_one_line(live: Live, changes: dict[str, Any], said: str) -> None:
    known = {"UNDERLYING": live.underlying, "FACTORY": live.factory}
    wanted = {key: known.get(value, value) for key, value in changes.items()}
    loaded = scenario.load(SMALL, {**live.changes(), **wanted})
    with pytest.raises(ScenarioError, match=said) as caught:
        assemble.prepare(loaded, node=live.node())
    assert "\n" not in str(caught.value)


def test_prepare_contracts_of_a_fork_without_a_fork_is_one_line(live: Live) -> None:
    with pytest.raises(ScenarioError, match=r"fork\.url = None"):
        assemble.prepare(scenario.load(SMALL, live.changes()))
