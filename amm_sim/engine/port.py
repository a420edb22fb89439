"""What the engine needs of a chain with a pool.

``amm_sim.chain.pool.Pool`` is this protocol's; ``amm_sim.chain.adapter`` lets somebody else's pool
in (docs/port.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from amm_sim.types import AccountView, Order, PoolView


class Refusal(Protocol):
    """A decoded revert: exact arguments and the same with floats."""

    @property
    def name(self) -> str:
        """Of the custom error."""
        ...

    @property
    def args(self) -> dict[str, Any]:
        """Exact arguments."""
        ...

    @property
    def floats(self) -> dict[str, Any]:
        """Arguments with fixed-point numbers as floats."""
        ...


class Log(Protocol):
    """A decoded event: exact arguments and the same with floats."""

    @property
    def name(self) -> str:
        """Of the event."""
        ...

    @property
    def address(self) -> str:
        """Of the contract."""
        ...

    @property
    def args(self) -> dict[str, Any]:
        """Exact arguments."""
        ...

    @property
    def index(self) -> int:
        """Place in the block."""
        ...

    @property
    def floats(self) -> dict[str, Any]:
        """Arguments with fixed-point numbers as floats."""
        ...


class Outcome(Protocol):
    """A transaction's result."""

    @property
    def gas(self) -> int:
        """Gas used."""
        ...

    @property
    def events(self) -> Sequence[Log]:
        """Its events, in order."""
        ...

    @property
    def error(self) -> Refusal | None:
        """None when it succeeded."""
        ...


class Mined(Protocol):
    """A block with what was read after it."""

    @property
    def number(self) -> int:
        """Height."""
        ...

    @property
    def time(self) -> int:
        """Timestamp."""
        ...

    @property
    def gas(self) -> int:
        """Gas used by all transactions."""
        ...

    @property
    def results(self) -> Sequence[Outcome]:
        """One for each transaction, in order."""
        ...

    @property
    def digest(self) -> bytes:
        """Of everything that happened in the block."""
        ...

    @property
    def pool(self) -> Mapping[str, Any]:
        """Exact state of the pool after the block."""
        ...

    @property
    def accounts(self) -> Mapping[str, Mapping[str, Any]]:
        """Exact states of the accounts that were asked for."""
        ...

    @property
    def late(self) -> Callable[[], Mapping[str, Mapping[str, Any]]]:
        """Exact states of those that could wait; to be called once, after two more blocks."""
        ...


class Port(Protocol):
    """Drives a pool block by block."""

    @property
    def encode(self) -> Callable[[Order, str], Any]:
        """Order and sender -> a transaction, or None when this pool has no such action."""
        ...

    @property
    def margin(self) -> Mapping[str, float]:
        """MarginParams as floats; empty where the pool's margin follows other rules."""
        ...

    def admit(self, addresses: Sequence[str]) -> None:
        """Lets addresses send transactions."""
        ...

    def block(
        self,
        time: int,
        transactions: Sequence[Any],
        accounts: Sequence[str] = (),
        *,
        late: Sequence[str] = (),
        meanwhile: Callable[[], None] | None = None,
    ) -> Mined:
        """Mines ``transactions`` in exactly their order at ``time``; reads pool and accounts.

        ``late``: accounts whose state after the block before this one is known two blocks later.
        ``meanwhile`` runs while the chain works; it may look at what earlier calls returned.
        """
        ...

    def accounts(self, addresses: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        """Exact states of accounts after the last block."""
        ...

    def pool_view(self, pool: Mapping[str, Any], gas_price: float) -> PoolView:
        """An exact state as agents see it."""
        ...

    def account_view(self, state: Mapping[str, Any]) -> AccountView:
        """An exact account as agents see it."""
        ...

    def pool_row(self, pool: Mapping[str, Any]) -> dict[str, Any]:
        """The pool's row of the tape; fixed-point numbers as 18-decimal integers."""
        ...

    def oracle_row(self, pool: Mapping[str, Any]) -> dict[str, Any]:
        """The oracle's row, likewise."""
        ...

    def expiry_rows(self, pool: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """One row for each listed expiry, likewise."""
        ...

    def account_row(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """An account's row, likewise."""
        ...

    def call_row(self, transaction: Any) -> Mapping[str, Any]:
        """A transaction's sender, to and data: what a replay sends again."""
        ...

    def event_schemas(self) -> Mapping[str, Mapping[str, Any]]:
        """Columns of every event table, by event name."""
        ...

    @property
    def own_events(self) -> Collection[str]:
        """Those that this pool's contracts declare: their tables are there even when empty."""
        ...

    def event_row(self, event: Any) -> tuple[str, dict[str, Any]]:
        """Event name as in ``event_schemas`` and a new row of its own values."""
        ...
