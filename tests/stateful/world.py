"""The whole protocol under the machine: one transaction a block, with reads before and after it.

Reads before a transaction are made at the very time of its block, so that a preview and its
execution, or a price before and after, differ by the transaction alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, GAS
from amm_sim.chain.codec import DecodedError, Event
from amm_sim.chain.deploy import GUARDIAN, PULL_ID, Deployment, deploy_protocol
from amm_sim.chain.rpc import RpcError
from amm_sim.units import to_wad

BASE = Path(__file__).parents[2] / "scenarios" / "base.toml"
QUICK = {
    "vault.depositDelay": 900,
    "vault.withdrawalDelay": 1800,
    "vault.maxWait": 21_600,
    "market.maxDelta": 0,
    "market.cutoff": 1800,
    "collateral.cap": 40,
    "breaker.timeout": 900,
    "breaker.clear": 900,
    "pricing.volMaxAge": 0,
}
"""A life of hours instead of weeks; else the base scenario, all defences on."""
TRADERS = [f"0x{0x7A000 + i:040x}" for i in range(5)]
WHALE = TRADERS[-1]
PROVIDERS = [f"0x{0x1B000 + i:040x}" for i in range(3)]
STRANGER = f"0x{0x5C000:040x}"
PEOPLE = [*TRADERS, *PROVIDERS, STRANGER]
HOLDERS = ("market", "vault", "insurance", "auction", "hedge", "venue")
MINTED = 10**7 * 10**6
"""Token units that everybody starts with."""
FUNDS = (
    ("quote", MINTED, ("market", "vault", "insurance")),
    ("underlying", 10**21, ("collateral",)),
)
"""Token, units of it that everybody starts with, whom they allow to take it."""

Call = tuple[str, str, str, tuple[Any, ...]]
"""Sender, role, function, arguments."""
View = tuple[str, str, tuple[Any, ...]]
"""Role, function, arguments."""


@dataclass
class Done:
    """A transaction with what was read at its block's time, before and after it."""

    ok: bool
    error: DecodedError | None
    events: list[Event]
    before: list[Any]
    time: int

    def named(self, name: str) -> list[dict[str, Any]]:
        """Arguments of all events of one name."""
        return [event.args for event in self.events if event.name == name]


@dataclass
class World:
    """The protocol on a chain."""

    chain: Chain
    deployment: Deployment
    parameters: Mapping[str, Any]
    time: int = 0
    nonces: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def build(chain: Chain) -> World:
        """Deployed, everybody funded; prices are not posted yet."""
        tables = scenario.load_protocol(BASE, QUICK)
        world = World(chain, deploy_protocol(chain, tables), tables)
        chain.fund([*PEOPLE, DEPLOYER, GUARDIAN])
        address = world.deployment.addresses
        for role, amount, spenders in FUNDS:
            token = world.deployment.at(chain, role)
            for who in PEOPLE:
                token.must("mint", who, amount)
                for spender in spenders:
                    token.must("approve", address[spender], 10**36, sender=who)
        world.time = chain.time
        return world

    def wads(self, table: str) -> dict[str, int]:
        """A parameter table as the contracts hold it: seconds and 18-decimal integers."""
        return dict(self.view(table, "params"))

    def _data(self, role: str, function: str, arguments: tuple[Any, ...]) -> dict[str, Any]:
        pack = self.chain.function(self.deployment.names[role], function).pack
        data = "0x" + pack(*arguments).hex()
        return {"to": self.deployment.addresses[role], "data": data, "gas": hex(GAS)}

    def _read(self, view: View, time: int | None) -> tuple[str, list[Any]]:
        role, function, arguments = view
        what: list[Any] = [self._data(role, function, arguments), "latest"]
        if time is not None:
            what += [{}, {"time": hex(time)}]
        return "eth_call", what

    def _unpack(self, view: View, answer: Any) -> Any:
        if isinstance(answer, RpcError):
            if answer.data is None:
                raise answer
            return self.chain.codec.error(bytes.fromhex(answer.data[2:]))
        what = self.chain.function(self.deployment.names[view[0]], view[1])
        return what.unpack(bytes.fromhex(answer[2:]))

    def view(self, role: str, function: str, *arguments: Any) -> Any:
        """A view now."""
        (found,) = self.views([(role, function, arguments)])
        return found

    def views(self, wanted: Sequence[View]) -> list[Any]:
        """Views now, in one request; a refusal is returned."""
        answers = self.chain.rpc.batch([self._read(view, None) for view in wanted])
        return [self._unpack(v, a) for v, a in zip(wanted, answers, strict=True)]

    def do(self, call: Call, time: int, before: Sequence[View] = ()) -> Done:
        """One transaction in a block at ``time``."""
        (done,) = self.block([call], time, before)
        return done

    def block(self, calls: Sequence[Call], time: int, before: Sequence[View] = ()) -> list[Done]:
        """Transactions in this order in a block at ``time``."""
        reads = [self._read(view, time) for view in before]
        sends = []
        for rank, (sender, role, function, arguments) in enumerate(calls):
            request = self._data(role, function, arguments)
            own = {"from": sender, "gasPrice": hex(len(calls) - rank), "nonce": self._nonce(sender)}
            sends.append(("eth_sendTransaction", [{**request, **own}]))
        batches = [sends, [("evm_mine", [hex(time)])], [("eth_getBlockReceipts", ["latest"])]]
        if reads:
            batches.insert(0, reads)
        answers = self.chain.rpc.pipeline(batches)
        found = (
            [self._unpack(v, a) for v, a in zip(before, answers[0], strict=True)] if reads else []
        )
        sent, receipts = answers[-3], answers[-1][0]
        assert [r["transactionHash"] for r in receipts] == sent, "order of transactions"
        self.time = time
        return [self._done(receipt, found, time) for receipt in receipts]

    def _nonce(self, sender: str) -> str:
        """The next one: Anvil takes up a batch in no certain order."""
        if sender not in self.nonces:
            count = self.chain.rpc.call("eth_getTransactionCount", sender, "latest")
            self.nonces[sender] = int(count, 16)
        self.nonces[sender] += 1
        return hex(self.nonces[sender] - 1)

    def _done(self, receipt: dict[str, Any], before: list[Any], time: int) -> Done:
        codec = self.chain.codec
        if receipt["status"] != "0x1":
            error = codec.error(self.chain.revert_data(receipt["transactionHash"]))
            return Done(False, error, [], before, time)
        events = [e for log in receipt["logs"] if (e := codec.event(log)) is not None]
        return Done(True, None, events, before, time)

    # ------------------------------------------------------------------ the world outside

    def posts(self, price: float, time: int, push: bool = True) -> list[Call]:
        """Honest posts of both feeds and the venue; without ``push`` the push feed stays silent."""
        answer = round(price * 10**8)
        calls: list[Call] = [
            (DEPLOYER, "pull", "post", (PULL_ID, answer, 0, -8, time)),
            (DEPLOYER, "venue", "postIndex", (to_wad(price), to_wad(1), True)),
        ]
        return [*calls, (DEPLOYER, "push", "post", (answer, time))] if push else calls

    def vol_post(self, expiry: int, vol: float) -> Call:
        """A flat slice."""
        flat = {"a": to_wad(round(vol * vol, 9)), "b": 0, "rho": 0, "m": 0, "sigma": to_wad(0.1)}
        return DEPLOYER, "vol", "post", (expiry, flat, to_wad(1))
