"""The blocks before a run's first: money, prices, boards; and boards that are listed later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import oracles
from amm_sim import market
from amm_sim.chain.client import DEPLOYER, Revert
from amm_sim.chain.deploy import give
from amm_sim.chain.orders import Transaction
from amm_sim.chain.pool import Block, Pool
from amm_sim.engine.actors import AGENT, Actor, address_of
from amm_sim.errors import ScenarioError
from amm_sim.scenario import Board, Scenario
from amm_sim.types import (
    ListBoard,
    Order,
    PokeOracle,
    PostVol,
    ProcessQueue,
    Read,
    Refresh,
    RequestDeposit,
    Seen,
    Truth,
)
from amm_sim.units import quantize, to_wad

FOUNDER = address_of("founder")
"""The silent first liquidity provider."""
SETTLE_IN = 7200
"""Seconds before the start at which the protocol is deployed, beyond the vault's deposit delay."""
UNLIMITED = 2**256 - 1
STRIKE_DIGITS = 4
"""Significant digits of a listed strike."""


@dataclass(frozen=True)
class Lister:
    """Lists boards that come after the start, each with a first slice of the outside surface."""

    boards: tuple[Board, ...]
    name: str = "lister"
    cadence: int = 60
    latency: int = 1
    capital: float = 0.0
    reads: frozenset[Read] = frozenset({Read.POOL, Read.TRUTH})

    def act(self, seen: Seen, rng: Any) -> list[Order]:  # noqa: ARG002
        """Boards whose time came since the last wake-up."""
        elapsed = seen.time - seen.start
        due = [b for b in self.boards if elapsed - self.cadence < b.listed <= elapsed]
        assert seen.truth is not None
        orders: list[Order] = []
        for board in due:
            orders += listing(board, seen.start, seen.pool.spot, seen.truth)
        return orders


def listing(board: Board, start: int, spot: float, truth: Truth) -> list[Order]:
    """A vol slice for the expiry and its listing, strikes tidy multiples of ``spot``."""
    expiry = start + board.expiry
    strikes = tuple(quantize(multiple * spot, STRIKE_DIGITS) for multiple in board.strikes)
    if list(strikes) != sorted(set(strikes)):
        raise ScenarioError(
            "boards.strikes", list(board.strikes), f"strikes that differ in {STRIKE_DIGITS} digits"
        )
    slices = [order for order in oracles.opening(truth, [expiry]) if isinstance(order, PostVol)]
    return [*slices, ListBoard(expiry, strikes)]


def deposit_delay(scenario: Scenario) -> int:
    """Seconds that a deposit waits, as far as the scenario states it."""
    vault = scenario.protocol.get("vault")
    delay = vault.get("depositDelay", 0) if isinstance(vault, Mapping) else 0
    return delay if isinstance(delay, int) and 0 <= delay <= 10**8 else 0


class Opening:
    """The blocks before the start."""

    def __init__(
        self, scenario: Scenario, pool: Pool, world: market.Path, actors: list[Actor]
    ) -> None:
        self.scenario, self.pool, self.actors = scenario, pool, actors
        self.truth = world.truth(0)
        self.start = scenario.run.start

    def play(self) -> None:
        """Money first, the founder's deposit, then prices, boards and a first observation."""
        self.pool.admit([DEPLOYER, FOUNDER, *(actor.address for actor in self.actors)])
        delay = deposit_delay(self.scenario)
        now = self.start - delay - SETTLE_IN // 2  # never the time that deploying took
        self._block(now + 1, self._money(self._gifts()))
        self._block(now + 2, self._placements())
        if self.scenario.pool.liquidity > 0:
            self._orders(now + 3, self._prices(now + 3))
            self._orders(now + 4, [RequestDeposit(self.scenario.pool.liquidity)], FOUNDER)
        at = self.start - 120
        self._orders(at, self._prices(at))
        self._orders(at + 10, [PokeOracle()])
        if self.scenario.pool.liquidity > 0:
            self._orders(at + 20, [ProcessQueue(1)])
        self._list(at + 30)
        at = self.start - 20
        self._orders(at, [*self._prices(at), PokeOracle(), *(Refresh(e) for e in self._expiries())])

    def _expiries(self) -> list[int]:
        return [self.start + board.expiry for board in self.scenario.boards if board.listed == 0]

    def _prices(self, at: int) -> list[Order]:
        return oracles.opening(replace(self.truth, time=at), self._expiries())

    def _list(self, at: int) -> None:
        for board in (b for b in self.scenario.boards if b.listed == 0):
            self._orders(at, [listing(board, self.start, self.truth.spot, self.truth)[-1]])
            at += 1

    def _gifts(self) -> list[tuple[str, str, int]]:
        """Role of a token, owner and units, of everything that somebody starts with."""
        capital = {
            actor.address: actor.agent.capital for actor in self.actors if actor.rank == AGENT
        }
        capital[FOUNDER] = self.scenario.pool.liquidity
        capital[DEPLOYER] = self.scenario.pool.insurance
        unit = self.pool.deployment.unit
        spot = [
            ("underlying", actor.address, to_wad(held)) for _, actor, held in self._spot_holders()
        ]
        return spot + [
            ("quote", address, to_wad(quantize(amount, 15)) // unit)
            for address, amount in capital.items()
            if amount > 0
        ]

    def _money(self, gifts: list[tuple[str, str, int]]) -> list[Transaction]:
        """Mints; balances of a fork's own tokens are set at once."""
        chain, deployment = self.pool.chain, self.pool.deployment
        for token, owner, units in gifts:
            if token in deployment.live:
                give(chain, deployment, token, owner, units)
        mint = self._function("quote", "mint")
        return [
            Transaction(DEPLOYER, deployment.addresses[token], mint(owner, units))
            for token, owner, units in gifts
            if token not in deployment.live
        ]

    def _placements(self) -> list[Transaction]:
        """Approvals of everybody, the insurance fund's endowment."""
        book = self.pool.deployment.addresses
        approve = self._function("quote", "approve")
        owners = [
            FOUNDER,
            DEPLOYER,
            *(actor.address for actor in self.actors if actor.rank == AGENT),
        ]
        calls = [
            Transaction(owner, book["quote"], approve(book[role], UNLIMITED))
            for owner in owners
            for role in self.pool.deployment.spenders
        ]
        for token, actor, _ in self._spot_holders():
            calls += [
                Transaction(actor.address, each, approve(book[role], UNLIMITED))
                for each in (token, book["quote"])
                for role in ("desk", "collateral", self.pool.deployment.venues.get("fillers", ""))
                if role in book
            ]
        if self.scenario.pool.insurance > 0:
            donate = self._function("insurance", "donate")
            amount = to_wad(quantize(self.scenario.pool.insurance, 15))
            calls.append(Transaction(DEPLOYER, book["insurance"], donate(amount)))
        return calls

    def _spot_holders(self) -> list[tuple[str, Actor, float]]:
        """The underlying's token and who starts with some; nobody where nothing takes it."""
        token = self.pool.deployment.addresses.get("underlying")
        if token is None:
            return []
        held = ((actor, getattr(actor.agent, "underlying", 0.0)) for actor in self.actors)
        return [(token, actor, amount) for actor, amount in held if amount > 0]

    def _function(self, role: str, name: str) -> Callable[..., bytes]:
        return self.pool.chain.function(self.pool.deployment.names[role], name).pack

    def _orders(self, at: int, orders: list[Order], sender: str = DEPLOYER) -> Block:
        encoded = [self.pool.encode(order, sender) for order in orders]
        return self._block(at, [transaction for transaction in encoded if transaction is not None])

    def _block(self, at: int, transactions: list[Transaction]) -> Block:
        block = self.pool.block(at, transactions, look=False)
        for transaction, result in zip(transactions, block.results, strict=True):
            if result.error is not None:
                selector = transaction.data[:4].hex()
                raise Revert(f"set-up transaction {selector} to {transaction.to}", result.error)
        return block
