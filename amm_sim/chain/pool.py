"""The port to the pool: one ordered block at a time, one batched read after it.

A block is three requests over one connection: a batch of ``eth_sendTransaction`` whose gas price
encodes the rank (``--order fees`` keeps it, a batch alone does not), ``evm_mine`` by itself (inside
the batch it is a race), and the views that agents decide by. None waits for the answer of the one
before, but Anvil takes each up when it has given it: so no block is mined while a view is under
way. Over a second connection goes what the block holds, once it is mined. Over a third goes what
the pool was worth after an earlier block, which Anvil reckons while it executes the next
transactions, on another core. While Anvil mines, what happened is written down; while it computes
the views, results are decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amm_sim import types as t
from amm_sim.chain.client import Chain, Sent
from amm_sim.chain.codec import DecodedError, Event
from amm_sim.chain.deploy import Deployment
from amm_sim.chain.lens import GAS_LIMIT, Boards, Kept, Lens, Past, State
from amm_sim.chain.mined import Executed, asked, digest, executed
from amm_sim.chain.orders import Encoder, Transaction
from amm_sim.chain.records import EventRows, account_row, expiry_row, oracle_row, pool_row
from amm_sim.chain.rpc import Answers, Request, RpcError
from amm_sim.chain.views import account_view, expiry_view, pool_view

QUIET = ("push", "pull", "vol", "oracle", "breaker", "vault")
"""Roles whose transactions leave the boards as they are. The hedge's refresh what is stale."""

TARGETS: Mapping[tuple[str, str], Callable[[int], int]] = {
    ("market", "trade"): lambda series: series >> 16,
    ("market", "deposit"): lambda _: 0,
    ("market", "withdraw"): lambda _: 0,
    ("ledger", "refresh"): lambda expiry: expiry,
    ("hedge", "sync"): lambda _: 0,
    ("venue", "postIndex"): lambda _: 0,
    ("index", "postIndex"): lambda _: 0,
}
"""Calls that change one board or none: what its expiry is by the first argument."""

Looked = tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]
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
    look: Callable[[], Looked]
    """Waits for what was read."""
    late: Callable[[], Mapping[str, Mapping[str, Any]]]
    """Waits for the accounts that could wait; once, after the block that follows the next."""

    @cached_property
    def _read(self) -> Looked:
        return self.look()

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
        self.lens = Lens(chain, deployment.addresses["lens"])
        self._boards = Boards()
        self._expiry_views, self._expiry_rows = Kept(expiry_view), Kept(expiry_row)
        book = deployment.addresses
        self.quiet = frozenset(book[role] for role in QUIET if role in book)
        """Contracts whose transactions change no board."""
        self._targets = _targets(chain, deployment)
        self._beside, self._past = chain.beside(), chain.beside()
        self._last: Block | None = None
        self._mining = False
        self._pasts: deque[tuple[Past, Sequence[str]]] = deque()
        """Of the newest blocks, the head's last, with accounts that can wait: asked for when they
        are no longer the head's."""
        self.fees = _floats(chain, deployment, "market")
        self.auction = _floats(chain, deployment, "auction")
        self.margin = _floats(chain, deployment, "margin")
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
        late: Sequence[str] = (),
        look: bool = True,
        meanwhile: Callable[[], None] | None = None,
    ) -> Block:
        """Mines ``transactions`` in their order at ``time``; reads the pool and ``accounts``.

        ``late`` are accounts of the block before: what they were after it is read while the block
        after this one is mined. ``look=False`` reads nothing: before the pool has a price its
        statements may revert. ``meanwhile`` runs while Anvil works.

        Raises:
            ChainError: Anvil refused a transaction or changed the order.
        """
        answers = self.chain.rpc.ahead([self._submission(transactions)])
        self._finish_views()
        answers.ask([("evm_mine", [hex(time)])])
        self._mining = True
        reads = self._ask(answers, transactions, accounts) if look else None
        if meanwhile is not None:
            meanwhile()
        if late:
            self._pasts[-1] = (self._pasts[-1][0], late)
        hashes = answers.take() if transactions else []
        self._ask_past(1)  # Anvil mines by now: before, it would wait until this is answered
        _require_none_failed(hashes)
        _require_none_failed(answers.take())
        number, done = executed(hashes, self._beside.batch(asked(hashes)))
        self._mining = False
        if not look:
            self._boards.forget()
        past = Past(self._past, self.lens, number, self._is_early)
        if look:
            self._pasts.append((past, ()))
        if self.chain.journal is not None:
            self.chain.journal += [Sent(number, s.sender, s.to, s.data) for s in transactions]
        results = tuple(self._result(each) for each in done)
        self._last = Block(
            number=number,
            time=time,
            gas=sum(result.gas for result in results),
            results=results,
            transactions=transactions,
            executed=done,
            look=lambda: (
                ({"block": number}, {}) if reads is None else self._look(number, reads, past)
            ),
            late=past.accounts,
        )
        return self._last

    def _finish_views(self) -> None:
        """Takes in the last block's views: what is read next depends on what they say."""
        if self._last is not None:
            _ = self._last.pool

    def _ask_past(self, keep: int) -> None:
        """Asks about all blocks but the newest ``keep``."""
        while len(self._pasts) > keep:
            past, accounts = self._pasts.popleft()
            past.ask(accounts)

    def _is_early(self, block: int) -> bool:
        """Whether a block is the newest while another is mined on it."""
        return self._mining and self._last is not None and block >= self._last.number

    def _ask(
        self, answers: Answers, transactions: Sequence[Transaction], accounts: Sequence[str]
    ) -> Reads:
        """Asks for the views after a block of these transactions, right behind it."""
        for each in transactions:
            self._expect(each)
        boards = self._boards.asked(self.lens)
        answers.ask([self.lens.signals, *boards, *self.lens.accounts(accounts)])
        return Reads(answers, bool(boards), tuple(accounts))

    def _expect(self, transaction: Transaction) -> None:
        """What a transaction may do to the boards."""
        if transaction.to in self.quiet:
            return
        selector, word = transaction.data[:4], transaction.data[4:36]
        read = self._targets.get((transaction.to, selector))
        if read is None:
            self._boards.forget()
        elif expiry := read(int.from_bytes(word, "big")):
            self._boards.touch(expiry)

    def _look(self, number: int, reads: Reads, past: Past) -> Looked:
        lens = self.lens
        signals, *views = reads.answers.take()
        fresh = lens.boards_of(views.pop(0)) if reads.boards else ()
        known = {"block": number, **lens.signals_of(signals)}
        known["expiries"] = self._boards.stated(fresh, known["open"])
        states = lens.accounts_of(views)
        state = State(known, lens.stated, past.statement)
        return state, dict(zip(reads.accounts, states, strict=True))

    def observe(self) -> Mapping[str, Any]:
        """The exact state of the pool now."""
        lens = self.lens
        signals, boards, statement = self.chain.rpc.batch(
            [lens.signals, lens.boards(), lens.statement(self.chain.block)]
        )
        known = lens.signals_of(signals)
        expiries = Boards().stated(lens.boards_of(boards), known["open"])
        return {**known, "expiries": expiries, **lens.statement_of(statement)}

    def accounts(self, addresses: Sequence[str]) -> list[Mapping[str, Any]]:
        """Exact states of accounts now."""
        return self.lens.accounts_of(self.chain.rpc.batch(self.lens.accounts(addresses)))

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
        self._finish_views()
        self._ask_past(0)
        self._past.finish()
        self.chain.revert(token)
        self._boards.forget()
        self.resume(list(self._nonces))
        return self.chain.snapshot()

    # ------------------------------------------------------------------ views

    def pool_view(self, pool: Mapping[str, Any], gas_price: float) -> t.PoolView:
        """The exact snapshot as agents see it."""
        expiries = self._expiry_views(pool["expiries"])
        return pool_view(pool, gas_price, self.fees, self.auction, expiries)

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

    def expiry_rows(self, pool: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """One row for each listed expiry."""
        return self._expiry_rows(pool["expiries"])

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
class Reads:
    """Views that were asked for with a block."""

    answers: Answers
    boards: bool
    accounts: tuple[str, ...]


def _targets(chain: Chain, deployment: Deployment) -> dict[tuple[str, bytes], Callable[[int], int]]:
    """Contract and selector -> the expiry of the one board that a call changes, by its first word.

    0 = it changes none. What is not here may change any.
    """
    found: dict[tuple[str, bytes], Callable[[int], int]] = {}
    for (role, function), expiry in TARGETS.items():
        name = deployment.names.get(role, "")
        if name and chain.codec.has(name, function):
            to = deployment.addresses[role]
            found[to, chain.function(name, function).selector] = expiry
    return found


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
