"""The port to the pool: one ordered block at a time, one batched read after it.

A block is four requests over one connection: a batch of ``eth_sendTransaction`` whose gas price
encodes the rank (``--order fees`` keeps it, a batch alone does not), ``evm_mine`` by itself (inside
the batch it is a race), what the block holds, and one batch with every view that agents and the
recorder need. None waits for the answer of the one before, but Anvil takes each up when it has
given it: while it computes the views, results are decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amm_sim import types as t
from amm_sim.chain.client import GAS, Chain, Sent
from amm_sim.chain.codec import DecodedError, Event
from amm_sim.chain.deploy import Deployment
from amm_sim.chain.mined import Executed, asked, digest, executed
from amm_sim.chain.orders import Encoder, Transaction
from amm_sim.chain.records import EventRows, account_row, expiry_row, oracle_row, pool_row
from amm_sim.chain.rpc import Answers, Request, RpcError
from amm_sim.chain.views import account_view, pool_view
from amm_sim.errors import ChainError

GAS_LIMIT = hex(GAS)
TOGETHER = 4
"""Accounts in one view: more of them share what a call reads once, fewer leave Anvil's threads more
to do side by side."""


State = tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]
"""Exact state of the pool, and of accounts by address."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one transaction. ``error`` is None when it succeeded."""

    gas: int
    events: tuple[Event, ...]
    error: DecodedError | None


@dataclass(frozen=True)
class Block:
    """A mined block with what is read after it. Values are exact."""

    number: int
    time: int
    gas: int
    results: tuple[Result, ...]
    transactions: Sequence[Transaction]
    executed: Sequence[Executed]
    state: Callable[[], State]
    """Waits for what was read: the pool, and accounts by address."""

    @cached_property
    def _read(self) -> State:
        return self.state()

    @property
    def pool(self) -> Mapping[str, Any]:
        """The pool after the block; only its height when nothing was read."""
        return self._read[0]

    @property
    def accounts(self) -> Mapping[str, Mapping[str, Any]]:
        """The accounts that were asked for."""
        return self._read[1]

    @property
    def digest(self) -> bytes:
        """sha256 of senders, calldata, results and logs in order; no wall time, no process."""
        errors = [None if r.error is None else (r.error.name, r.error.args) for r in self.results]
        return digest(self.time, self.transactions, self.executed, errors)


class Pool:
    """The deployed protocol as the engine sees it."""

    def __init__(self, chain: Chain, deployment: Deployment) -> None:
        self.chain = chain
        self.deployment = deployment
        self.encode = Encoder(chain.codec, deployment)
        self._nonces: dict[str, int] = {}
        self._lens = deployment.addresses["lens"]
        self._snapshot = chain.function("PoolLens", "snapshot")
        self._accounts = chain.function("PoolLens", "accounts")
        self._snapshot_data = "0x" + self._snapshot.pack().hex()
        self.fees = _floats(chain, deployment, "market")
        self.auction = _floats(chain, deployment, "auction")
        self._events = EventRows(chain.codec)

    # ------------------------------------------------------------------ blocks

    def admit(self, addresses: Sequence[str]) -> None:
        """Lets addresses send: native money for the rank-coded gas price, and their nonces."""
        self.chain.fund(addresses)
        self.resume(addresses)

    def resume(self, addresses: Sequence[str]) -> None:
        """Reads nonces afresh: after a snapshot was restored."""
        counts = self.chain.rpc.strict(
            [("eth_getTransactionCount", [a, "latest"]) for a in addresses]
        )
        self._nonces.update({a: int(count, 16) for a, count in zip(addresses, counts, strict=True)})

    def block(
        self,
        time: int,
        transactions: Sequence[Transaction],
        accounts: Sequence[str] = (),
        *,
        look: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> Block:
        """Mines ``transactions`` in their order at ``time``; reads the pool and ``accounts``.

        ``look=False`` reads nothing: before the pool has a price its statements may revert.
        ``meanwhile`` runs while Anvil works.

        Raises:
            ChainError: Anvil refused a transaction or changed the order.
        """
        mine: Request = ("evm_mine", [hex(time)])
        answers = self.chain.rpc.ahead([self._submission(transactions), [mine]])
        hashes = answers.take() if transactions else []
        _require_none_failed(hashes)
        answers.ask(asked(hashes))
        answers.ask(self._reads(accounts) if look else [])
        if meanwhile is not None:
            meanwhile()
        _require_none_failed(answers.take())
        number, done = executed(hashes, answers.take())
        if self.chain.journal is not None:
            self.chain.journal += [Sent(number, s.sender, s.to, s.data) for s in transactions]
        reads = _Reads(answers, tuple(accounts) if look else None)
        results = tuple(self._result(each) for each in done)
        return Block(
            number=number,
            time=time,
            gas=sum(result.gas for result in results),
            results=results,
            transactions=transactions,
            executed=done,
            state=lambda: self._state(number, reads),
        )

    def _state(self, number: int, reads: _Reads) -> State:
        if reads.accounts is None:
            return {"block": number}, {}
        pool, states = self._unpack(reads.answers.take())
        return {"block": number, **pool}, dict(zip(reads.accounts, states, strict=True))

    def observe(self) -> Mapping[str, Any]:
        """The exact state of the pool now."""
        return self._unpack(self.chain.rpc.batch([self._view(self._snapshot_data)]))[0]

    def accounts(self, addresses: Sequence[str]) -> list[Mapping[str, Any]]:
        """Exact states of accounts now."""
        return self._states(self.chain.rpc.batch(self._account_reads(addresses)))

    def _submission(self, transactions: Sequence[Transaction]) -> list[Request]:
        requests: list[Request] = []
        rank = len(transactions)
        for transaction in transactions:
            nonce = self._nonces.get(transaction.sender)
            if nonce is None:
                self.admit([transaction.sender])
                nonce = self._nonces[transaction.sender]
            self._nonces[transaction.sender] = nonce + 1
            requests.append(("eth_sendTransaction", [_request(transaction, nonce, rank)]))
            rank -= 1
        return requests

    def _reads(self, accounts: Sequence[str]) -> list[Request]:
        return [self._view(self._snapshot_data), *self._account_reads(accounts)]

    def _account_reads(self, accounts: Sequence[str]) -> list[Request]:
        """A view for every few accounts: Anvil works on a batch in parallel."""
        parts = [accounts[i : i + TOGETHER] for i in range(0, len(accounts), TOGETHER)]
        return [self._view("0x" + self._accounts.pack(list(part)).hex()) for part in parts]

    def _view(self, data: str) -> Request:
        return "eth_call", [{"to": self._lens, "data": data, "gas": GAS_LIMIT}, "latest"]

    def _unpack(self, views: Sequence[Any]) -> tuple[dict[str, Any], list[Mapping[str, Any]]]:
        pool: dict[str, Any] = self._snapshot.unpack(self._answer(views[0], "snapshot"))
        return pool, self._states(views[1:])

    def _states(self, answers: Sequence[Any]) -> list[Mapping[str, Any]]:
        unpack = self._accounts.unpack
        return [state for each in answers for state in unpack(self._answer(each, "accounts"))]

    def _answer(self, answer: Any, view: str) -> bytes:
        if isinstance(answer, RpcError):
            raise ChainError(f"PoolLens.{view} failed: {self._say(answer)}")
        return bytes.fromhex(answer[2:])

    def _say(self, answer: RpcError) -> str:
        return (
            str(self.chain.codec.error(bytes.fromhex(answer.data[2:])))
            if answer.data
            else answer.message
        )

    def _result(self, done: Executed) -> Result:
        if not done.ok:
            return Result(done.gas, (), self.chain.codec.error(done.returned))
        decoded = (self.chain.codec.event(log) for log in done.logs)
        return Result(done.gas, tuple(event for event in decoded if event is not None), None)

    # ------------------------------------------------------------------ paths

    def save(self) -> str:
        """A snapshot to come back to."""
        return self.chain.snapshot()

    def restore(self, token: str) -> str:
        """Back to a snapshot, which stays valid under the returned token."""
        self.chain.revert(token)
        self.resume(list(self._nonces))
        return self.chain.snapshot()

    # ------------------------------------------------------------------ views

    def pool_view(self, pool: Mapping[str, Any], gas_price: float) -> t.PoolView:
        """The exact snapshot as agents see it."""
        return pool_view(pool, gas_price, self.fees, self.auction)

    def account_view(self, state: Mapping[str, Any]) -> t.AccountView:
        """An exact account as agents see it."""
        return account_view(state)

    # ------------------------------------------------------------------ records

    def pool_row(self, pool: Mapping[str, Any]) -> dict[str, Any]:
        """The pool's row of the tape."""
        return pool_row(pool)

    def oracle_row(self, pool: Mapping[str, Any]) -> dict[str, Any]:
        """The oracle's row."""
        return oracle_row(pool)

    def expiry_rows(self, pool: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One row for each listed expiry."""
        return [expiry_row(state) for state in pool["expiries"]]

    def account_row(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """An account's row."""
        return account_row(state)

    def call_row(self, transaction: Transaction) -> dict[str, Any]:
        """What was sent, so that it can be sent again without its sender."""
        return {"sender": transaction.sender, "to": transaction.to, "data": transaction.data}

    def event_schemas(self) -> Mapping[str, Mapping[str, Any]]:
        """Columns of every event table."""
        return self._events.schemas

    @property
    def own_events(self) -> frozenset[str]:
        """Events that contracts of this deployment declare, as in ``event_schemas``."""
        return self._events.of(self.deployment.names.values(), self.chain.artifacts)

    def event_row(self, event: Event) -> tuple[str, dict[str, Any]]:
        """Table and values of an event."""
        return self._events.row(event)


@dataclass(frozen=True, slots=True)
class _Reads:
    """Views that were asked for with a block; no accounts: none were."""

    answers: Answers
    accounts: tuple[str, ...] | None


def _floats(chain: Chain, deployment: Deployment, role: str) -> dict[str, float]:
    """Parameters of a role; none where a pool has no such contract."""
    if role not in deployment.names:
        return {}
    values: dict[str, float] = deployment.at(chain, role).call("params", floats=True)
    return values


def _request(transaction: Transaction, nonce: int, rank: int) -> dict[str, str]:
    return {
        "from": transaction.sender,
        "to": transaction.to,
        "data": "0x" + transaction.data.hex(),
        "gas": GAS_LIMIT,
        "gasPrice": hex(rank),
        "nonce": hex(nonce),
    }


def _require_none_failed(answers: Sequence[Any]) -> None:
    for answer in answers:
        if isinstance(answer, RpcError):
            raise answer
