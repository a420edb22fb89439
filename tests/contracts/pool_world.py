"""The whole real protocol with base parameters, for tests of the vault and the breaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, Contract, Receipt
from amm_sim.chain.deploy import PULL_ID, Deployment, deploy_protocol
from amm_sim.types import series_id
from amm_sim.units import to_wad

WAD = 10**18
UNIT = 10**12
"""Wads in a unit of the six-decimal quote token."""
ENOUGH = 10**36
BASE = Path(__file__).parents[2] / "scenarios" / "base.toml"


@dataclass
class Pool:
    """A deployed pool; every action mines a block of its own."""

    chain: Chain
    deployment: Deployment

    def at(self, role: str) -> Contract:
        return self.deployment.at(self.chain, role)

    def view(self, role: str, function: str, *args: Any) -> Any:
        return self.at(role).call(function, *args)

    def must(self, sender: str, role: str, function: str, *args: Any) -> Receipt:
        return self.at(role).must(function, *args, sender=sender)

    def send(self, sender: str, role: str, function: str, *args: Any) -> Receipt:
        return self.at(role).send(function, *args, sender=sender)

    # ------------------------------------------------------------------ the world outside

    def post(self, price: float) -> None:
        """Both feeds and the venue say ``price`` now."""
        answer, now = round(price * 10**8), self.chain.time
        self.must(DEPLOYER, "push", "post", answer, now)
        self.must(DEPLOYER, "pull", "post", PULL_ID, answer, 0, -8, now)
        if self.deployment.names["venue"] == "PerpVenue":
            self.must(DEPLOYER, "venue", "postIndex", to_wad(price), WAD, True)

    def move_to(self, time: int, price: float) -> None:
        """A block at ``time`` in which everything says ``price`` and the books are fresh."""
        self.chain.set_time(time)
        self.post(price)
        self.refresh()

    def refresh(self) -> None:
        for expiry in self.view("ledger", "expiries"):
            if expiry > self.chain.time:
                self.must(DEPLOYER, "ledger", "refresh", expiry)

    def fund(self, *users: str) -> None:
        """Gives users quote and lets vault and market take it."""
        token = self.at("quote")
        for user in users:
            token.must("mint", user, ENOUGH // UNIT)
            for spender in ("vault", "market"):
                token.must("approve", self.deployment.addresses[spender], ENOUGH, sender=user)

    # ------------------------------------------------------------------ actions

    def list(self, days: float, strikes: Sequence[float], vol: float = 0.8) -> int:
        expiry = self.chain.time + round(days * 86_400)
        flat = {"a": to_wad(vol * vol), "b": 0, "rho": 0, "m": 0, "sigma": WAD // 10}
        self.must(DEPLOYER, "vol", "post", expiry, flat, WAD)
        self.must(DEPLOYER, "market", "list", expiry, [to_wad(k) for k in strikes])
        return expiry

    def deposit(self, lp: str, amount: float) -> Receipt:
        return self.must(lp, "vault", "requestDeposit", to_wad(amount))

    def withdraw(self, lp: str, shares: int) -> Receipt:
        return self.must(lp, "vault", "requestWithdrawal", shares)

    def trade(
        self, user: str, expiry: int, strike: int, is_call: bool, size: float
    ) -> dict[str, Any]:
        """Buys (+) or sells (-) for any price; the event."""
        arguments = (series_id(expiry, strike, is_call), to_wad(size), ENOUGH)
        event: dict[str, Any] = self.must(user, "market", "trade", *arguments).named("Traded")[0]
        return event

    def square(self) -> None:
        """Tokens follow the books: trades have only moved books."""
        self.must(DEPLOYER, "market", "square")

    def held(self, who: str) -> int:
        """Quote tokens of an address, wad."""
        return int(self.view("quote", "balanceOf", who)) * UNIT

    @property
    def vault(self) -> str:
        return self.deployment.addresses["vault"]


def build(chain: Chain, changes: Mapping[str, Any] | None = None, price: float = 2000.0) -> Pool:
    """The protocol with base parameters but ``changes`` (dotted keys under ``protocol``)."""
    pool = Pool(chain, deploy_protocol(chain, scenario.load_protocol(BASE, changes)))
    pool.post(price)
    return pool
