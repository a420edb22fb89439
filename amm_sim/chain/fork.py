"""Contracts of a forked chain that the protocol uses instead of mocks of its own.

A live push feed keeps its address and gets the mock's code, so that everybody who reads it, also
contracts of the fork, reads what the scenario posts. Live tokens have no open mint: balances are
set. A live Uniswap factory brings the pool of the two tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from amm_sim.chain.client import Chain, Contract, Revert
from amm_sim.chain.rpc import RpcError
from amm_sim.errors import ScenarioError

SHADOW = "0x00000000000000000000000000000000000d0004"
"""Deploys the mock whose code a live feed gets: the deployer's nonces stay as predicted."""
LENGTH = 42


@dataclass(frozen=True)
class Existing:
    """Addresses on the fork, "" where a mock is deployed."""

    push_feed: str = ""
    """Aggregator with Chainlink's interface and 8 decimals."""
    quote: str = ""
    underlying: str = ""
    """Of 18 decimals, such as WETH."""
    factory: str = ""
    """Uniswap v3's; it has a 0.05 % pool of quote and underlying, or the protocol opens one."""

    def __post_init__(self) -> None:
        for each in fields(Existing):
            value = getattr(self, each.name)
            if value and not _is_address(value):
                raise ScenarioError(each.name, value, "an address, 0x and 40 hexadecimal digits")
        if self.factory and not (self.quote and self.underlying):
            raise ScenarioError("factory", self.factory, "quote and underlying as well")

    @property
    def roles(self) -> dict[str, str]:
        """Role -> address, of what exists."""
        named = {
            "push": self.push_feed,
            "quote": self.quote,
            "underlying": self.underlying,
            "factory": self.factory,
        }
        return {role: address.lower() for role, address in named.items() if address}


NONE = Existing()


def _is_address(value: str) -> bool:
    digits = set(value[2:].lower()) <= set("0123456789abcdef")
    return len(value) == LENGTH and value.startswith("0x") and digits


def check(chain: Chain, existing: Existing, quote_decimals: int) -> None:
    """That each address has code, and tokens and feed the decimals that the protocol expects.

    Raises:
        ScenarioError: naming the key below [fork].
    """
    names = {"push": "push_feed"}
    for role, address in existing.roles.items():
        key = f"fork.{names.get(role, role)}"
        if chain.rpc.call("eth_getCode", address, "latest") == "0x":
            raise ScenarioError(key, address, "a contract: at this block there is none")
    wanted = {"push": 8, "quote": quote_decimals, "underlying": 18}
    for role, decimals in wanted.items():
        if role in existing.roles:
            found = _decimals(chain, role, existing.roles[role])
            if found != decimals:
                key = f"fork.{names.get(role, role)}"
                raise ScenarioError(key, existing.roles[role], f"{decimals} decimals, not {found}")


def _decimals(chain: Chain, role: str, address: str) -> int | None:
    name = "MockPushFeed" if role == "push" else "MockToken"
    try:
        return int(chain.call(address, name, "decimals"))
    except Revert:
        return None


def shadow(chain: Chain, feed: str) -> None:
    """Puts the mock's code over a live feed and gives it the live feed's last round."""
    live = chain.at(feed, "MockPushFeed")
    _, answer, _, updated, _ = _last_round(live)
    mock = chain.deploy("MockPushFeed", live.call("decimals"), sender=SHADOW)
    code = chain.rpc.call("eth_getCode", mock, "latest")
    chain.change("anvil_setCode", feed, code)
    chain.change("anvil_setStorageAt", feed, "0x0", "0x" + "0" * 64)  # rounds count from 1
    chain.mine()
    if answer > 0:
        live.must("post", answer, updated)


def _last_round(live: Contract) -> tuple[int, ...]:
    try:
        found = live.call("latestRoundData")
    except Revert as error:
        raise ScenarioError(
            "fork.push_feed", live.address, f"Chainlink's interface ({error})"
        ) from None
    return tuple(found.values()) if isinstance(found, dict) else tuple(found)


def give(chain: Chain, token: str, owner: str, units: int) -> None:
    """Raises an owner's balance of a live token, wherever the token keeps it.

    Raises:
        ScenarioError: the balance is not a slot of its own.
    """
    held = int(chain.call(token, "MockToken", "balanceOf", owner))
    try:
        chain.change("anvil_dealERC20", owner, token, hex(held + units))
    except RpcError as error:
        raise ScenarioError("fork", token, f"a token whose balances can be set ({error})") from None
