"""Many margined accounts on a plain pool: the base scenario's margin, and no other limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, GAS
from amm_sim.proofs.world import ENOUGH, Call, World, build

BASE = Path(__file__).parents[2] / "scenarios" / "base.toml"
FUNDED = 10**24
"""Quote that each account is given, in wei."""


def margined(chain: Chain, changes: Mapping[str, Any] | None = None) -> World:
    """A plain pool that asks for the base scenario's margins."""
    margins = scenario.load_protocol(BASE)["margin"]
    own = {f"margin.{key}": value for key, value in margins.items()}
    return build(chain, {**own, **(changes or {})})


def address(index: int) -> str:
    """The ``index``-th account."""
    return f"0x{0xACC0000 + index:040x}"


def admit(world: World, time: int, accounts: Sequence[str]) -> None:
    """Gives accounts quote and lets the market take it."""
    world.chain.fund(list(accounts))
    token = world.deployment.addresses["market"]
    calls: list[Call] = []
    for account in accounts:
        calls.append((DEPLOYER, "quote", "mint", (account, FUNDED)))
        calls.append((account, "quote", "approve", (token, ENOUGH)))
    world.block(time, calls)


def views(world: World, role: str, function: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Exact results of many views in one request."""
    packed = world.chain.function(world.deployment.names[role], function)
    answers = world.chain.rpc.strict([request(world, role, packed.pack(*c)) for c in calls])
    return [packed.unpack(bytes.fromhex(answer[2:])) for answer in answers]


def request(world: World, role: str, data: bytes) -> tuple[str, list[Any]]:
    """A view as a request."""
    to = world.deployment.addresses[role]
    return "eth_call", [{"to": to, "data": "0x" + data.hex(), "gas": hex(GAS)}, "latest"]
