"""What is read of a pool: signals, boards and accounts at once, the statement when it is wanted.

Valuing the whole book takes the chain longer than everything else that is read. Few agents need it
to decide, so nobody waits for it: it is asked of the block's own state when somebody looks, else
two blocks later, while the chain executes transactions; by then it is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from amm_sim.chain.client import GAS, Chain
from amm_sim.chain.codec import Function
from amm_sim.chain.rpc import Answers, Request, Rpc, RpcError
from amm_sim.errors import ChainError

GAS_LIMIT = hex(GAS)
TOGETHER = 4
"""Accounts in one view: more of them share what a call reads once, fewer leave Anvil's threads more
to do side by side."""

Value = TypeVar("Value")
Exact = Mapping[str, Any]
"""A decoded struct: integers as the chain has them."""


class State(Mapping[str, Any]):
    """The exact state of the pool after a block.

    Args:
        known: signals and boards.
        names: fields of the statement.
        rest: waits for the statement.
    """

    def __init__(
        self, known: dict[str, Any], names: Sequence[str], rest: Callable[[], Exact]
    ) -> None:
        self._known, self._names, self._rest = known, names, rest

    def __getitem__(self, key: str) -> Any:
        known = self._known
        if key not in known and key in self._names:
            known.update(self._rest())
        return known[key]

    def __iter__(self) -> Iterator[str]:
        yield from dict.fromkeys([*self._known, *self._names])

    def __len__(self) -> int:
        return len({*self._known, *self._names})


class Lens:
    """A deployed ``IPoolLens``: what to ask of it, and what its answers say."""

    def __init__(self, chain: Chain, address: str, name: str = "PoolLens") -> None:
        self._codec, self._address = chain.codec, address
        self._signals, self._statement, self._boards, self._accounts = (
            chain.function(name, view) for view in ("signals", "statement", "boards", "accounts")
        )
        self.signals = self._request(self._signals.pack())
        self.stated = tuple(field for field, _ in self._statement.output.fields)
        """Fields of the statement."""

    def statement(self, block: int) -> Request:
        """What the pool was worth after a block."""
        return self._request(self._statement.pack(), hex(block))

    def boards(self, expiries: Iterable[int] = ()) -> Request:
        """A view of these boards; of all where none is named."""
        return self._request(self._boards.pack(list(expiries)))

    def accounts(self, addresses: Sequence[str], block: str = "latest") -> list[Request]:
        """A view for every few accounts: Anvil works on a batch in parallel."""
        parts = [addresses[i : i + TOGETHER] for i in range(0, len(addresses), TOGETHER)]
        return [self._request(self._accounts.pack(list(part)), block) for part in parts]

    def signals_of(self, answer: Any) -> dict[str, Any]:
        """Decoded signals.

        Raises:
            ChainError: the view failed.
        """
        found: dict[str, Any] = self._unpack(self._signals, answer)
        return found

    def statement_of(self, answer: Any) -> Exact:
        """The decoded statement, likewise."""
        found: Exact = self._unpack(self._statement, answer)
        return found

    def boards_of(self, answer: Any) -> list[dict[str, Any]]:
        """Decoded boards, likewise."""
        found: list[dict[str, Any]] = self._unpack(self._boards, answer)
        return found

    def accounts_of(self, answers: Sequence[Any]) -> list[Exact]:
        """Decoded accounts, likewise."""
        return [state for each in answers for state in self._unpack(self._accounts, each)]

    def _request(self, data: bytes, block: str = "latest") -> Request:
        call = {"to": self._address, "data": "0x" + data.hex(), "gas": GAS_LIMIT}
        return "eth_call", [call, block]

    def _unpack(self, view: Function, answer: Any) -> Any:
        if not isinstance(answer, RpcError):
            return view.unpack(bytes.fromhex(answer[2:]))
        said = answer.message
        if answer.data:
            said = str(self._codec.error(bytes.fromhex(answer.data[2:])))
        raise ChainError(f"PoolLens.{view.name} failed: {said}")


class Past:
    """What is read of one block's state later, once: the statement, and accounts that can wait.

    The node tells a past block's state while it executes the next transactions, but must not be
    asked about its newest block while it mines: it would answer from the block to come.

    Args:
        rpc: a connection of its own.
        lens: what to ask.
        block: after which.
        early: whether it is too early to ask about a block.
    """

    def __init__(self, rpc: Rpc, lens: Lens, block: int, early: Callable[[int], bool]) -> None:
        self._rpc, self._lens, self._block, self._early = rpc, lens, block, early
        self._statement: Answers | None = None
        self._accounts: Answers | None = None
        self._asked: tuple[str, ...] = ()

    def ask(self, accounts: Sequence[str] = ()) -> None:
        """Asks what nobody has asked yet, and for these accounts."""
        if self._statement is None:
            self._require_late()
            self._statement = self._rpc.ahead([[self._lens.statement(self._block)]])
        if accounts:
            self._require_late()
            self._asked = tuple(accounts)
            self._accounts = self._rpc.ahead([self._lens.accounts(accounts, hex(self._block))])

    def statement(self) -> Exact:
        """The statement; waits for it.

        Raises:
            ChainError: the view failed, or the node no longer knows that block's state.
        """
        self.ask()
        assert self._statement is not None
        return self._lens.statement_of(self._statement.take()[0])

    def accounts(self) -> dict[str, Exact]:
        """The accounts that were asked for, likewise."""
        answers, self._accounts = self._accounts, None
        states = [] if answers is None else self._lens.accounts_of(answers.take())
        return dict(zip(self._asked, states, strict=True)) if answers is not None else {}

    def _require_late(self) -> None:
        if self._early(self._block):
            raise ChainError(f"block {self._block} was asked about while the next is mined")


class Kept(Generic[Value]):
    """What was made of every board of a list, as long as it is the same board."""

    def __init__(self, make: Callable[[Any], Value]) -> None:
        self._make = make
        self._source: Sequence[Any] = ()
        self._made: tuple[Value, ...] = ()

    def __call__(self, source: Sequence[Any]) -> tuple[Value, ...]:
        """Made now or kept from the last time."""
        if source is not self._source:
            pairs = zip(self._source, self._made, strict=True)
            kept = {id(board): made for board, made in pairs}
            self._made = tuple(
                kept[id(board)] if id(board) in kept else self._make(board) for board in source
            )
            self._source = source
        return self._made


class Boards:
    """The boards as they were last read: they change in transactions only.

    Which of them take new positions also depends on the time: that comes with the signals.
    """

    def __init__(self) -> None:
        self._listed: dict[int, dict[str, Any]] = {}
        self._touched: set[int] = set()
        self._open = -1
        self._stated: list[dict[str, Any]] = []

    def forget(self) -> None:
        """Anything may have changed."""
        self._listed.clear()

    def touch(self, expiry: int) -> None:
        """What may have is this board."""
        self._touched.add(expiry)
        if expiry not in self._listed:
            self.forget()

    def asked(self, lens: Lens) -> list[Request]:
        """What to read: nothing where nothing may have changed."""
        if self._listed and not self._touched:
            return []
        return [lens.boards(sorted(self._touched) if self._listed else ())]

    def stated(self, fresh: Sequence[dict[str, Any]], bits: int) -> list[dict[str, Any]]:
        """All boards with ``open``, after those that were asked for came in.

        The same list as before where nothing changed, the same board where it did not.
        """
        self._listed.update((board["expiry"], board) for board in fresh)
        self._touched.clear()
        if fresh or bits != self._open:
            before = {board["expiry"]: board for board in self._stated}
            read = {board["expiry"] for board in fresh}
            self._open, self._stated = bits, []
            for i, (expiry, board) in enumerate(self._listed.items()):
                known, is_open = before.get(expiry), bool(bits >> i & 1)
                if known is None or expiry in read or known["open"] != is_open:
                    known = {**board, "open": is_open}
                self._stated.append(known)
        return self._stated
