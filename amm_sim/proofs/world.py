"""The smallest world in which a closed form is the right answer: a plain pool on a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amm_sim import scenario
from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER, GAS
from amm_sim.chain.codec import DecodedError
from amm_sim.chain.deploy import PULL_ID, PUSH_DECIMALS, Deployment, deploy_protocol
from amm_sim.errors import ChainError
from amm_sim.units import to_wad

PLAIN_POOL = Path(__file__).parents[2] / "scenarios" / "proofs" / "plain_pool.toml"
LP = "0x00000000000000000000000000000000000e0001"
TRADER = "0x00000000000000000000000000000000000e0002"
FEED = 10**PUSH_DECIMALS
ENOUGH = 10**36

Call = tuple[str, str, str, tuple[Any, ...]]
"""Sender, role, function, arguments."""


@dataclass(frozen=True)
class World:
    """A deployed pool with one liquidity provider and one trader, driven block by block."""

    chain: Chain
    deployment: Deployment

    def block(self, time: int, required: Sequence[Call], optional: Sequence[Call] = ()) -> None:
        """Mines calls in this order at ``time``; an ``optional`` one may be refused.

        Raises:
            ChainError: a required one was refused, or the order was not kept.

        """
        calls = [*required, *optional]
        nonces = self._nonces([sender for sender, *_ in calls])
        sent = self.chain.rpc.strict(
            [
                ("eth_sendTransaction", [self.request(call, len(calls) - i, nonce)])
                for i, (call, nonce) in enumerate(zip(calls, nonces, strict=True))
            ]
        )
        self.chain.rpc.call("evm_mine", hex(time))
        receipts = self.chain.rpc.call("eth_getBlockReceipts", "latest")
        if [r["transactionHash"] for r in receipts] != sent:
            raise ChainError("a block did not keep the order of its transactions")
        for call, receipt in zip(required, receipts, strict=False):
            if receipt["status"] != "0x1":
                error = self._error(receipt["transactionHash"])
                raise ChainError(f"{call[1]}.{call[2]} was refused: {error.name}{error.floats}")

    def _nonces(self, senders: Sequence[str]) -> list[str]:
        """One for each transaction: Anvil takes up a batch in no certain order."""
        names = list(dict.fromkeys(senders))
        counts = self.chain.rpc.strict(
            [("eth_getTransactionCount", [name, "latest"]) for name in names]
        )
        following = {name: int(count, 16) for name, count in zip(names, counts, strict=True)}
        nonces = []
        for sender in senders:
            nonces.append(hex(following[sender]))
            following[sender] += 1
        return nonces

    def request(self, call: Call, rank: int, nonce: str | None = None) -> dict[str, Any]:
        """A call as a transaction; a higher ``rank`` comes earlier in its block."""
        sender, role, function, arguments = call
        pack = self.chain.function(self.deployment.names[role], function).pack
        return {
            "from": sender,
            "to": self.deployment.addresses[role],
            "data": "0x" + pack(*arguments).hex(),
            "gas": hex(GAS),
            "gasPrice": hex(rank),
            **({} if nonce is None else {"nonce": nonce}),
        }

    def _error(self, transaction: str) -> DecodedError:
        return self.chain.codec.error(self.chain.revert_data(transaction))

    def call(self, role: str, function: str, *arguments: Any) -> Any:
        """A view's exact result."""
        return self.deployment.at(self.chain, role).call(function, *arguments)

    def publish(self, price: float, time: int) -> list[Call]:
        """Both feeds say ``price`` without doubt, and a venue with an index of its own agrees."""
        answer = round(price * FEED)
        posts: list[Call] = [
            (DEPLOYER, "push", "post", (answer, time)),
            (DEPLOYER, "pull", "post", (PULL_ID, answer, 0, -PUSH_DECIMALS, time)),
        ]
        names = self.deployment.names
        role = "index" if "index" in names else "venue"
        if self.chain.codec.has(names[role], "postIndex"):
            posts.append((DEPLOYER, role, "postIndex", (to_wad(price), to_wad(1), True)))
        return posts

    def vol_post(self, expiry: int, vol: float) -> Call:
        """A flat slice."""
        flat = {"a": to_wad(vol * vol), "b": 0, "rho": 0, "m": 0, "sigma": to_wad(1)}
        return (DEPLOYER, "vol", "post", (expiry, flat, to_wad(1)))

    def open(
        self, time: int, spot: float, vol: float, expiry: int, strikes: Sequence[float]
    ) -> None:
        """Posts prices and a flat surface and lists one expiry."""
        listing = (DEPLOYER, "market", "list", (expiry, [to_wad(k) for k in strikes]))
        self.block(time, [*self.publish(spot, time), self.vol_post(expiry, vol), listing])

    def events(self, name: str) -> list[dict[str, Any]]:
        """Exact arguments of the last block's events of one name."""
        logs = self.chain.rpc.call("eth_getLogs", {"fromBlock": "latest", "toBlock": "latest"})
        decoded = (self.chain.codec.event(log) for log in logs)
        return [event.args for event in decoded if event is not None and event.name == name]

    def settle(self, time: int, expiry: int, price: float) -> None:
        """Publishes ``price`` for ``expiry``, settles and sweeps it, in a block at ``time``."""
        round_id = int(self.call("push", "latestRound")) + 1
        calls: list[Call] = [
            *self.publish(price, expiry),
            (DEPLOYER, "market", "settleExpiry", (expiry, round_id)),
            (DEPLOYER, "market", "sweep", (expiry, 10)),
        ]
        self.block(time, calls)

    def fund(self, time: int, liquidity: int, trader: int) -> None:
        """The provider brings ``liquidity`` wei, the trader deposits ``trader`` wei."""
        self.block(
            time,
            [
                (LP, "vault", "requestDeposit", (liquidity,)),
                (TRADER, "market", "deposit", (trader,)),
            ],
        )


def build(chain: Chain, changes: Mapping[str, Any] | None = None, file: Path = PLAIN_POOL) -> World:
    """Deploys a scenario's pool, by default the plain one, for a provider and a trader with plenty.

    ``changes`` maps dotted parameter keys (``hedge.policy``) to values.
    """
    tables = scenario.load_protocol(file, changes)
    deployment = deploy_protocol(chain, tables)
    token = deployment.at(chain, "quote")
    chain.fund([DEPLOYER, LP, TRADER])
    for holder, spender in ((LP, "vault"), (TRADER, "market")):
        token.must("mint", holder, ENOUGH)
        token.must("approve", deployment.addresses[spender], ENOUGH, sender=holder)
    return World(chain, deployment)
