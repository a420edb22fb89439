"""Deploys the protocol: addresses are predicted, so that constructors know each other.

A table of a scenario becomes the struct of the same name; its keys, types and missing keys are
checked against the ABI, its values by the contract's own constructor. What a run records are the
parameters read back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from amm_sim.chain import fork, roles
from amm_sim.chain.abi import FIXED, AbiType
from amm_sim.chain.client import DEPLOYER, Chain, Contract, Revert
from amm_sim.chain.codec import DecodedError
from amm_sim.chain.fork import Existing
from amm_sim.chain.roles import CORE, INDEXED, SPOT, TABLE_OF
from amm_sim.chain.values import from_decimals
from amm_sim.errors import ChainError, ScenarioError
from amm_sim.units import exact

PULL_ID = bytes.fromhex("ff61491a931112ddf1bd8147cd1b641375f79f5825126d665480874634fd0ace")
"""Pyth's identifier of ETH/USD."""
PUSH_DECIMALS = 8
LISTER = DEPLOYER
GUARDIAN = "0x00000000000000000000000000000000000d0003"
NOBODY = "0x" + "00" * 20
ENDOWMENT = 10**12
"""Quote with which a mock venue can pay profits and lend; a millionth of it in underlying."""


@dataclass(frozen=True)
class Deployment:
    """The deployed protocol. ``addresses`` and ``names`` are by role."""

    addresses: Mapping[str, str]
    names: Mapping[str, str]
    quote_decimals: int
    deployer: str = DEPLOYER
    venues: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Name of a hedge venue -> its role: the router's venues, or the only one."""
    spenders: tuple[str, ...] = ("market", "vault", "insurance")
    """Roles that may take quote from agents and liquidity providers."""
    live: frozenset[str] = frozenset()
    """Roles that a fork's own contracts fill."""

    @property
    def book(self) -> dict[str, str]:
        """The struct Addresses."""
        taken = {key: self.addresses.get(key, NOBODY) for key in ("underlying", "collateral")}
        return taken | {key: self.addresses[key] for key in ("quote", *CORE, "lister", "guardian")}

    @property
    def unit(self) -> int:
        """Wads in one unit of the quote token."""
        return int(10 ** (18 - self.quote_decimals))

    def at(self, chain: Chain, role: str) -> Contract:
        """A handle of one contract by role."""
        return chain.at(self.addresses[role], self.names[role])


def create_address(sender: str, nonce: int) -> str:
    """The address of the contract that ``sender`` creates with its transaction ``nonce``."""
    body = b"\x94" + bytes.fromhex(sender[2:]) + _rlp_integer(nonce)
    return "0x" + keccak(bytes([0xC0 + len(body)]) + body)[12:].hex()


def _rlp_integer(value: int) -> bytes:
    if value == 0:
        return b"\x80"
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return raw if value < 0x80 else bytes([0x80 + len(raw)]) + raw


def deploy_protocol(
    chain: Chain, tables: Mapping[str, Any], existing: Existing = fork.NONE
) -> Deployment:
    """Deploys mocks, policy, venue, core and lens with the parameters of ``[protocol.*]``.

    ``existing`` contracts of a fork take the place of mocks.

    Raises:
        ScenarioError: a key is unknown or missing, a value of the wrong type or out of the
        contract's bounds.
    """
    roles.check(tables)
    plan = roles.plan(tables)
    fork.check(chain, existing, roles.decimals(tables))
    if existing.push_feed:
        fork.shadow(chain, existing.roles["push"])
    new = [role for role in plan if role not in existing.roles]
    nonce = int(chain.rpc.call("eth_getTransactionCount", DEPLOYER, "latest"), 16)
    addresses = {role: create_address(DEPLOYER, nonce + index) for index, role in enumerate(new)}
    addresses |= {role: at for role, at in existing.roles.items() if role in plan}
    addresses |= {"lister": LISTER, "guardian": GUARDIAN}
    deployment = Deployment(
        addresses,
        plan,
        roles.decimals(tables),
        venues=roles.venues(tables),
        live=frozenset(existing.roles),
    )
    for role in new:
        _deploy(chain, deployment, role, tables)
    _endow(chain, deployment)
    return deployment


# -------------------------------------------------------------------- one contract


def _deploy(chain: Chain, deployment: Deployment, role: str, tables: Mapping[str, Any]) -> None:
    name = deployment.names[role]
    arguments = _arguments(chain, deployment, role, tables)
    try:
        address = chain.deploy(name, *arguments)
    except Revert as refusal:
        raise _out_of_bounds(chain, deployment, refusal, tables) from None
    if address != deployment.addresses[role]:
        raise ChainError(f"{name} came to lie at {address} instead of {deployment.addresses[role]}")


def _arguments(
    chain: Chain, deployment: Deployment, role: str, tables: Mapping[str, Any]
) -> list[Any]:
    """Constructor arguments by the names and types that the ABI states."""
    inputs = chain.constructor(deployment.names[role]).inputs
    fixed = _fixed_arguments(deployment, role)
    arguments: list[Any] = []
    for field, kind in inputs.fields:
        if kind.unit == "struct Addresses":
            arguments.append(deployment.book)
        elif kind.kind == "tuple":
            arguments.append(_struct(kind, role, tables))
        else:
            arguments.append(_named(fixed, field, deployment.names[role]))
    return arguments


def _fixed_arguments(deployment: Deployment, role: str) -> dict[str, Any]:
    addresses = deployment.addresses
    return {
        "name": "US Dollar",
        "symbol": "USD",
        "decimals": {"push": PUSH_DECIMALS, "underlying": 18}.get(role, deployment.quote_decimals),
        "venues": [
            addresses[each]
            for name, each in deployment.venues.items()
            if role == "venue" or name in INDEXED
        ],
        "pullId": PULL_ID,
        "pushFeed": addresses["push"],
        "pullFeed": addresses["pull"],
        "sequencerFeed": addresses.get("uptime", NOBODY),
        "volFeed": addresses["vol"],
        **{
            key: addresses[key]
            for key in ("quote", "policy", "venue", "underlying", "factory", "signal")
            if key in addresses
        },
    }


def _named(fixed: Mapping[str, Any], field: str, contract: str) -> Any:
    name = field.strip("_")
    if name not in fixed:
        raise ChainError(
            f"{contract}'s constructor wants {field}, which the deployment does not know"
        )
    return fixed[name]


def _struct(kind: AbiType, role: str, tables: Mapping[str, Any]) -> dict[str, Any]:
    table = table_of(role, kind)
    values: dict[str, Any] = from_decimals(kind, tables.get(table), f"protocol.{table}")
    return values


def table_of(role: str, kind: AbiType) -> str:
    """Scenario table of a parameter struct: ``struct BandParams`` -> ``band``."""
    if role in TABLE_OF:
        return TABLE_OF[role]
    return kind.unit.removeprefix("struct ").rpartition(".")[2].removesuffix("Params").lower()


def _out_of_bounds(
    chain: Chain, deployment: Deployment, refusal: Revert, tables: Mapping[str, Any]
) -> Exception:
    error = refusal.error
    units = _units(chain, deployment)
    if error.name == "ParamOutOfBounds":
        field = error.args["field"]
        low, high = (_shown(error.args[key], units.get(field)) for key in ("low", "high"))
        return ScenarioError(
            f"protocol.{field}", _value(tables, field, error, "value", units), f"in [{low}, {high}]"
        )
    if error.name == "ParamRelation":
        lower, upper = error.args["lower"], error.args["upper"]
        high = _shown(error.args["upperValue"], units.get(upper))
        given = _value(tables, lower, error, "lowerValue", units)
        return ScenarioError(f"protocol.{lower}", given, f"at most {upper}, which is {high}")
    return refusal


def _value(
    tables: Mapping[str, Any], field: str, error: DecodedError, key: str, units: Mapping[str, str]
) -> Any:
    table, _, name = field.partition(".")
    given = tables.get(table)
    value = given.get(name) if isinstance(given, Mapping) else None
    return _shown(error.args[key], units.get(field)) if value is None else str(value)


def _shown(value: int, unit: str | None) -> str:
    return f"{exact(value).normalize():f}" if unit in ("Wad", "SWad") else str(value)


def _units(chain: Chain, deployment: Deployment) -> dict[str, str]:
    """Unit type of every parameter by its dotted name without ``protocol.``."""
    units: dict[str, str] = {}
    for role, name in deployment.names.items():
        for _, kind in chain.constructor(name).inputs.fields:
            if kind.kind == "tuple" and kind.unit != "struct Addresses":
                units |= {
                    f"{table_of(role, kind)}.{field}": child.unit for field, child in kind.fields
                }
    return units


def _endow(chain: Chain, deployment: Deployment) -> None:
    amount = ENDOWMENT * 10**deployment.quote_decimals
    for name, role in deployment.venues.items():
        give(chain, deployment, "quote", deployment.addresses[role], amount)
        if name in SPOT:
            lent = ENDOWMENT // 10**6 * 10**18
            give(chain, deployment, "underlying", deployment.addresses[role], lent)


def give(chain: Chain, deployment: Deployment, token: str, owner: str, units: int) -> None:
    """New money: minted, or on a live token set."""
    if token in deployment.live:
        fork.give(chain, deployment.addresses[token], owner, units)
    else:
        deployment.at(chain, token).must("mint", owner, units)


# ---------------------------------------------------------------- what is recorded


def read_parameters(chain: Chain, deployment: Deployment) -> dict[str, dict[str, str | int]]:
    """Every parameter as the chain states it: exact decimal texts, times as integers."""
    found: dict[str, dict[str, str | int]] = {}
    for role, name in deployment.names.items():
        for view in ("params", "asyncParams", "aimParams"):
            if chain.codec.has(name, view):
                kind = chain.function(name, view).output
                values = chain.call(deployment.addresses[role], name, view)
                found[table_of(role, kind)] = _read(kind, values)
    return found


def _read(kind: AbiType, values: Mapping[str, Any]) -> dict[str, str | int]:
    return {
        field: _shown(values[field], child.unit) if child.unit in FIXED else values[field]
        for field, child in kind.fields
    }
