"""Gas of what users and keepers do in the real protocol with base parameters; writes market.json.

Transactions as a public chain would charge them: 21,000, calldata, cold storage. The pool has three
expiries of 12 strikes, six of them traded; accounts trade for the second time.

    python benchmarks/bench_market.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amm_sim.chain import Anvil, Artifacts, Chain
from amm_sim.chain.client import DEPLOYER, Receipt
from amm_sim.chain.deploy import PULL_ID, Deployment, deploy_protocol
from amm_sim.scenario import load_protocol
from amm_sim.types import series_id
from amm_sim.units import WAD, to_wad

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path(__file__).with_name("market.json")
START = 1_600_000_000
ENOUGH = 10**30
STRIKES = [1400.0 + 100 * i for i in range(12)]
CHANGES = {"vault.depositDelay": 0, "oracle.jumpLimit": 0}
USERS = [f"0x{0xA000 + i:040x}" for i in range(12)]
LP, LONG, SHORT, BIDDER, *CROWD = USERS
CONTRACTS = (
    "OptionMarket",
    "TradeRules",
    "GreekLedger",
    "LedgerTrade",
    "LedgerRefresh",
    "VolSurface",
    "OracleGuard",
    "MarginEngine",
    "LiquidationAuction",
    "InsuranceFund",
    "LPVault",
    "HedgeManager",
    "HedgeRouter",
    "CircuitBreaker",
    "PoolLens",
)
QUEUE = 4
"""Withdrawals that are served in one call."""
TARGETS = {
    "trade, long": 180_000,
    "trade, short": 260_000,
    "margin of 1 leg": 80_000,
    "margin of 8 legs": 450_000,
    "auction bid": 280_000,
    "settlement of one position": 90_000,
    "LP queue item": 120_000,
    "LP queue item, alone": 120_000,
}


@dataclass(frozen=True)
class Pool:
    """A deployed protocol; every action is a block of its own."""

    chain: Chain
    deployment: Deployment

    def view(self, role: str, function: str, *args: Any) -> Any:
        """What a view answers now."""
        return self.deployment.at(self.chain, role).call(function, *args)

    def must(self, sender: str, role: str, function: str, *args: Any) -> Receipt:
        """A transaction that succeeds."""
        return self.deployment.at(self.chain, role).must(function, *args, sender=sender)

    def move_to(self, time: int, price: float) -> None:
        """Both feeds and the venue say ``price`` at ``time``; live boards are fresh."""
        self.chain.set_time(time)
        answer, now = round(price * 10**8), self.chain.time
        self.must(DEPLOYER, "push", "post", answer, now)
        self.must(DEPLOYER, "pull", "post", PULL_ID, answer, 0, -8, now)
        self.must(DEPLOYER, "venue", "postIndex", to_wad(price), WAD, True)
        for expiry in self.view("ledger", "expiries"):
            if expiry > now:
                self.must(DEPLOYER, "ledger", "refresh", expiry)

    def list(self, days: float) -> int:
        """A new board at 80 % volatility; its expiry."""
        expiry = self.chain.time + round(days * 86_400)
        flat = {"a": 64 * WAD // 100, "b": 0, "rho": 0, "m": 0, "sigma": WAD // 10}
        self.must(DEPLOYER, "vol", "post", expiry, flat, WAD)
        self.must(DEPLOYER, "market", "list", expiry, [to_wad(strike) for strike in STRIKES])
        return expiry


def world(chain: Chain) -> tuple[Pool, list[int]]:
    """Five million, three boards, trades in six strikes, a synced hedge."""
    tables = load_protocol(ROOT / "scenarios" / "base.toml", CHANGES)
    pool = Pool(chain, deploy_protocol(chain, tables))
    pool.move_to(chain.time, 2000.0)
    for user in USERS:
        pool.must(user, "quote", "mint", user, 10**15)
        for spender in ("vault", "market"):
            pool.must(user, "quote", "approve", pool.deployment.addresses[spender], ENOUGH)
    pool.must(LP, "vault", "requestDeposit", 5_000_000 * WAD)
    boards = [pool.list(days) for days in (7, 14, 28)]
    pool.must(DEPLOYER, "hedge", "sync")
    for user, money in [(LONG, 200_000), (SHORT, 200_000), (BIDDER, 500_000)]:
        pool.must(user, "market", "deposit", money * WAD)
    for user in CROWD:
        pool.must(user, "market", "deposit", 5_000 * WAD)
    for strike in range(4, 10):
        trade(pool, CROWD[0], boards[0], strike, 0.5)
    return pool, boards


def trade(pool: Pool, user: str, expiry: int, strike: int, size: float) -> int:
    """The first of its block, which notes the vols that others' liquidations go by."""
    pool.chain.advance(1)
    arguments = (series_id(expiry, strike, True), to_wad(size), ENOUGH)
    return pool.must(user, "market", "trade", *arguments).gas


def execution(pool: Pool, role: str, function: str, *args: object) -> int:
    """Gas of a view called in a transaction of its own, less what any transaction costs."""
    data = pool.chain.function(pool.deployment.names[role], function).pack(*args)
    request = {"to": pool.deployment.addresses[role], "data": "0x" + data.hex()}
    gas = int(pool.chain.rpc.call("eth_estimateGas", request), 16)
    return gas - 21_000 - sum(16 if byte else 4 for byte in data)


def trades(pool: Pool, boards: Sequence[int]) -> dict[str, int]:
    board = boards[0]
    trade(pool, LONG, board, 6, 1)
    trade(pool, SHORT, board, 6, -1)
    return {
        "trade, long": trade(pool, LONG, board, 6, 1),
        "trade, short": trade(pool, SHORT, board, 6, -1),
        "trade, close long": trade(pool, LONG, board, 6, -0.5),
        "trade, close short": trade(pool, SHORT, board, 6, 0.5),
        "deposit": pool.must(LONG, "market", "deposit", WAD).gas,
        "withdraw beside shorts": pool.must(SHORT, "market", "withdraw", WAD).gas,
    }


def margins(pool: Pool, boards: Sequence[int]) -> dict[str, int]:
    legs = [
        {"id": series_id(boards[0], strike, is_call), "size": sign * WAD}
        for strike, sign in ((4, -1), (5, 1), (6, -1), (7, 1))
        for is_call in (True, False)
    ]
    return {
        f"margin of {name}": execution(pool, "margin", "marginFor", few, 100 * WAD, 0, 2000 * WAD)
        for name, few in (("1 leg", legs[:1]), ("8 legs", legs))
    }


def views(pool: Pool, _: Sequence[int]) -> dict[str, int]:
    """What off-chain readers ask every block."""
    asked: dict[str, tuple[object, ...]] = {"signals": (), "statement": (), "boards": ([],)}
    return {
        f"pool {view}": pool.must(DEPLOYER, "lens", view, *arguments).gas - 21_000
        for view, arguments in asked.items()
    }


def queue(pool: Pool, _: Sequence[int]) -> dict[str, int]:
    """Withdrawals of several LPs, one by itself and some served together."""
    users = CROWD[: QUEUE + 1]
    for user in users:
        pool.must(user, "vault", "requestDeposit", 10_000 * WAD)
    for user in users:
        pool.must(user, "vault", "requestWithdrawal", 1_000 * WAD)
    pool.move_to(pool.chain.time + 259_200, 2000.0)
    alone, served = (pool.must(DEPLOYER, "vault", "process", n) for n in (1, QUEUE))
    assert len(served.named("WithdrawalProcessed")) == QUEUE
    return {"LP queue item": served.gas // QUEUE, "LP queue item, alone": alone.gas}


def auction(pool: Pool, boards: Sequence[int]) -> dict[str, int]:
    """A short of ten calls in one leg, bid for once."""
    victim = CROWD[1]
    trade(pool, victim, boards[0], 8, -10)
    spot = 2200.0
    while not pool.view("margin", "liquidatable", victim)["below"]:
        spot += 20
        pool.move_to(pool.chain.time + 10, spot)
    start = pool.must(DEPLOYER, "auction", "start", victim)
    nonce = pool.view("auction", "auctionOf", victim)["nonce"]
    pool.chain.advance(300)
    bid = pool.must(BIDDER, "auction", "bid", victim, WAD, ENOUGH, nonce)
    return {"auction start": start.gas, "auction bid": bid.gas}


def settlement(pool: Pool, boards: Sequence[int]) -> dict[str, int]:
    """Eight more holders of one long call each; what an account more adds to a sweep."""
    board = boards[1]
    pool.move_to(pool.chain.time + 10, 2100.0)
    for user in CROWD:
        trade(pool, user, board, 6, 0.5)
    pool.move_to(board, 2600.0)
    first = pool.view("push", "latestRound")
    settle = pool.must(DEPLOYER, "market", "settleExpiry", board, first)
    sweep = pool.must(DEPLOYER, "market", "sweep", board, 1000)
    return {
        "settle an expiry": settle.gas,
        "settlement of one position": sweep.gas // len(CROWD),
    }


LIVES = ((trades, margins, views, auction, settlement), (queue,))
"""Parts that share a world, in order."""


def measure() -> dict[str, Any]:
    artifacts = Artifacts()
    gas: dict[str, int] = {}
    for life in LIVES:
        with Chain(Anvil(START), artifacts) as chain:
            pool, boards = world(chain)
            for part in life:
                gas |= part(pool, boards)
    sizes = {name: artifacts[name].size for name in CONTRACTS}
    return {"gas": gas, "targets": TARGETS, "bytes": sizes}


def main() -> None:
    """Prints the table and writes market.json."""
    result = measure()
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    for name, used in result["gas"].items():
        target = TARGETS.get(name)
        print(f"{name:28} {used:>9,}" + (f"   target {target:,}" if target else ""))
    for name, size in result["bytes"].items():
        print(f"{name:28} {size:>9,} bytes")


if __name__ == "__main__":
    main()
