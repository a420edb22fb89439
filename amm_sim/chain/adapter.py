"""Somebody else's options pool behind the engine's port; docs/port.md says how to write one.

An ``Adapter`` states what the engine cannot know: which contracts there are, which function an
order is, what an event is called on the tape. State is read through a lens contract of the
adapter's own that implements ``IPoolLens``, so that agents, recorder and analyzers need nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from amm_sim.chain.client import DEPLOYER, Chain
from amm_sim.chain.codec import Event, EventType
from amm_sim.chain.deploy import LISTER, Deployment
from amm_sim.chain.mined import Executed
from amm_sim.chain.orders import IN_THE_NAME_OF, Transaction
from amm_sim.chain.pool import Pool, Reads, Result
from amm_sim.chain.rpc import Answers
from amm_sim.chain.values import from_decimals
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.types import Order

Tables = Mapping[str, Any]
Arguments = Callable[[Mapping[str, str], Tables], tuple[Any, ...]]
"""Addresses by role so far and [protocol.*] -> constructor arguments; a table becomes a struct."""
Call = tuple[Any, ...]
"""Role of the contract, function, arguments: exact integers of the foreign ABI."""
Named = tuple[str, Mapping[str, Any]]
"""An event of the tape and its arguments, 18-decimal integers; what is left out is zero."""
NEEDED = ("quote", "lens")


@dataclass(frozen=True)
class Adapter:
    """How a foreign pool runs here."""

    contracts: Mapping[str, tuple[str, Arguments]]
    """Role -> name of the compiled contract and its arguments, in order of deployment.

    ``quote`` is a token with an open ``mint``, ``lens`` an IPoolLens.
    """
    orders: Mapping[type[Order], Callable[[Any], Call | None]]
    """What an order is here; orders that are not named, or give None, are dropped."""
    events: Mapping[str, Callable[[Mapping[str, Any]], Named]] = field(default_factory=dict)
    """Foreign event -> the tape's; others keep their names and have tables of their own."""
    spenders: tuple[str, ...] = ()
    """Roles that may take quote from agents and liquidity providers."""
    fees: Callable[[Tables], Mapping[str, float]] = lambda _: {}
    """From [protocol.*]: what agents reckon fees from, by the names of MarketParams."""
    quote_decimals: int = 6

    def deploy(self, chain: Chain, tables: Tables) -> Deployment:
        """Deploys every contract with the parameters of ``[protocol.*]``.

        Raises:
            ScenarioError: a table does not fit a struct. Revert: a constructor refused.
        """
        addresses: dict[str, str] = {"lister": LISTER, "guardian": DEPLOYER}
        for role, (name, arguments) in self.contracts.items():
            given = arguments(addresses, tables)
            kinds = chain.constructor(name).inputs.fields
            exact = [
                from_decimals(kind, value, f"protocol.{role}") if kind.kind == "tuple" else value
                for (_, kind), value in zip(kinds, given, strict=True)
            ]
            addresses[role] = chain.deploy(name, *exact)
        names = {role: name for role, (name, _) in self.contracts.items()}
        missing = [role for role in NEEDED if role not in names]
        if missing:
            raise ChainError(f"the adapter names no contract for the role {missing[0]}")
        return Deployment(addresses, names, self.quote_decimals, spenders=self.spenders)

    def open(self, chain: Chain, tables: Tables) -> AdaptedPool:
        """The deployed pool as the engine sees it."""
        return AdaptedPool(chain, self.deploy(chain, tables), self, tables)


class AdaptedPool(Pool):
    """A foreign pool: blocks as ever, orders and events through the adapter."""

    def __init__(
        self, chain: Chain, deployment: Deployment, adapter: Adapter, tables: Tables
    ) -> None:
        super().__init__(chain, deployment)
        self._adapter = adapter
        self.encode = self._transaction  # type: ignore[assignment]
        self.fees = dict(adapter.fees(tables))
        self._types = {event.name: event for event in chain.codec.events}

    def _transaction(self, order: Order, sender: str) -> Transaction | None:
        plan = self._adapter.orders.get(type(order))
        call = plan(order) if plan is not None else None
        if call is None:
            return None
        role, name, *arguments = call
        book, names = self.deployment.addresses, self.deployment.names
        pack = self.chain.function(names[role], name).pack
        whose = book.get(IN_THE_NAME_OF.get(type(order), ""), sender)
        return Transaction(whose, book[role], pack(*arguments))

    def _ask(
        self, answers: Answers, transactions: Sequence[Transaction], accounts: Sequence[str]
    ) -> Reads:
        self._boards.forget()  # they may move by themselves
        return super()._ask(answers, transactions, accounts)

    def _result(self, done: Executed) -> Result:
        result = super()._result(done)
        return replace(result, events=tuple(self._translated(event) for event in result.events))

    def _translated(self, event: Event) -> Event:
        translate = self._adapter.events.get(event.name)
        if translate is None:
            return event
        name, args = translate(event.args)
        kind = self._types.get(name)
        if kind is None:
            raise ScenarioError(f"adapter.events.{event.name}", name, "an event of the tape")
        return Event(name, event.address, _filled(kind, args), event.index, kind)


def _filled(kind: EventType, args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in the order of the ABI; structs are given flat or whole, the rest is zero."""
    return {name: _value(child, args.get(name)) for name, child in kind.inputs.fields}


def _value(kind: Any, value: Any) -> Any:
    if kind.kind == "tuple":
        given = value or {}
        return {name: _value(child, given.get(name)) for name, child in kind.fields}
    return 0 if value is None else value
