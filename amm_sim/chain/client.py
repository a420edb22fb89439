"""A small client for set-up, tests and studies: deploy, call, send, mine, snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from amm_sim.chain.artifacts import Artifacts
from amm_sim.chain.codec import Codec, DecodedError, Event, Function
from amm_sim.chain.rpc import Rpc, RpcError
from amm_sim.errors import AmmSimError, ChainError

GAS = 60_000_000
"""Gas limit of every transaction: explicit, so that nothing is estimated."""
LARGEST = 24_576
"""Bytes of code that a public chain takes (EIP-170)."""
DEPLOYER = "0x00000000000000000000000000000000000d0001"
LIBRARIAN = "0x00000000000000000000000000000000000d0002"
RICH = hex(10**30)


class Revert(AmmSimError):
    """A call, deployment or strict transaction reverted; ``error`` is what the protocol said."""

    def __init__(self, what: str, error: DecodedError) -> None:
        self.error = error
        self.name = error.name
        self.args_exact = error.args
        shown = ", ".join(f"{key}={value}" for key, value in error.floats.items())
        super().__init__(f"{what} reverted: {error.name}({shown})")


@dataclass(frozen=True, slots=True)
class Sent:
    """A mined transaction as it was sent; ``to`` is empty where it created a contract."""

    block: int
    sender: str
    to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """State that was set outside of transactions, when ``block`` was the last."""

    block: int
    method: str
    params: tuple[Any, ...]


@dataclass(frozen=True)
class Receipt:
    """What became of one transaction."""

    ok: bool
    gas: int
    block: int
    events: tuple[Event, ...]
    error: DecodedError | None
    contract: str | None = None

    def named(self, name: str) -> list[dict[str, Any]]:
        """Exact arguments of all events of one name."""
        return [event.args for event in self.events if event.name == name]


class Node(Protocol):
    """A node that can be talked to: a child process, or one that somebody else runs."""

    @property
    def flags(self) -> Sequence[str]:
        """How it was started, where that is known."""
        ...

    def connect(self) -> Rpc:
        """A connection."""
        ...

    def stop(self) -> None:
        """Ends it, if it is ours."""
        ...


@dataclass(frozen=True)
class Attached:
    """An Anvil on loopback that somebody else runs and stops."""

    port: int
    flags: tuple[str, ...] = ()

    def connect(self) -> Rpc:
        """A connection; the node mines when told to, without fees and with room in its blocks."""
        rpc = Rpc(self.port)
        rpc.call("evm_setAutomine", False)
        rpc.call("evm_setBlockGasLimit", hex(10**10))
        rpc.call("anvil_setNextBlockBaseFeePerGas", "0x0")
        return rpc

    def stop(self) -> None:
        """Not ours to stop."""


class Chain:
    """One Anvil with the project's contracts.

    Values are exact: fixed-point numbers are 18-decimal integers. ``floats=True`` asks for floats
    instead. Senders are any addresses: nothing is signed.
    """

    def __init__(self, anvil: Node, artifacts: Artifacts) -> None:
        self.anvil = anvil
        self.rpc = anvil.connect()
        self.artifacts = artifacts
        self.codec = Codec(artifacts)
        self._others: list[Rpc] = []
        self._libraries: dict[str, str] = {}
        self.journal: list[Sent] | None = None
        """Where every mined transaction is noted; nowhere by default."""
        self.changes: list[Changed] = []
        """What ``change`` did."""
        self.rpc.call("anvil_autoImpersonateAccount", True)

    @property
    def libraries(self) -> dict[str, str]:
        """External libraries deployed so far: name -> address."""
        return dict(self._libraries)

    # ------------------------------------------------------------------ life

    def close(self) -> None:
        """Ends connections and process."""
        for connection in (self.rpc, *self._others):
            connection.close()
        self.anvil.stop()

    def beside(self) -> Rpc:
        """One more connection: what goes over it need not wait for the other's answers."""
        self._others.append(self.anvil.connect())
        return self._others[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fund(self, addresses: Sequence[str]) -> None:
        """Gives native money for gas; needed only where a gas price is paid: here all are 0."""
        self.rpc.strict([("anvil_setBalance", [address, RICH]) for address in addresses])

    # ------------------------------------------------------------------ time

    @property
    def time(self) -> int:
        """Timestamp of the last block."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    @property
    def block(self) -> int:
        """Number of the last block."""
        return int(self.rpc.call("eth_blockNumber"), 16)

    def mine(self, timestamp: int | None = None) -> None:
        """Mines a block, at ``timestamp`` if given."""
        self.rpc.call("evm_mine", *([] if timestamp is None else [hex(timestamp)]))

    def set_time(self, timestamp: int) -> None:
        """Mines an empty block at ``timestamp``; the next transaction is a second later."""
        self.mine(timestamp)

    def advance(self, seconds: int) -> None:
        """Mines an empty block so much later than the last."""
        self.mine(self.time + seconds)

    def times(self, blocks: Sequence[int]) -> list[int]:
        """Timestamps of blocks."""
        asked = [("eth_getBlockByNumber", [hex(block), False]) for block in blocks]
        return [int(block["timestamp"], 16) for block in self.rpc.strict(asked)]

    # ------------------------------------------------------------------ states

    def snapshot(self) -> str:
        """A token to come back with."""
        token: str = self.rpc.call("evm_snapshot")
        return token

    def revert(self, token: str) -> None:
        """Back to a snapshot, which is used up by that."""
        if self.rpc.call("evm_revert", token) is not True:
            raise ChainError(f"snapshot {token} is gone")
        self._libraries.clear()  # they may have been deployed after the snapshot

    def change(self, method: str, *params: Any) -> None:
        """Sets state outside of transactions (``anvil_setCode`` and the like), which is noted.

        Raises:
            RpcError: the node refused.
        """
        self.rpc.call(method, *params)
        self.changes.append(Changed(self.block, method, params))

    # ------------------------------------------------------------------ contracts

    def deploy(self, name: str, *args: Any, sender: str = DEPLOYER) -> str:
        """Deploys a contract (its external libraries first) and returns its address.

        Raises:
            Revert: the constructor refused.

        """
        artifact = self.artifacts[name]
        self.codec.add(artifact)
        for library in artifact.links:
            if library not in self._libraries:
                self._libraries[library] = self.deploy(library, sender=LIBRARIAN)
        data = artifact.linked(self._libraries) + self.codec.constructor(name).pack(*args)
        receipt = self._send(sender, None, data)
        if (
            receipt.error is not None
            and receipt.error.name == "Reverted"
            and artifact.size > LARGEST
        ):
            raise ChainError(f"{name} has {artifact.size} bytes, a chain takes at most {LARGEST}")
        if receipt.error is not None:
            raise Revert(f"{name} constructor", receipt.error)
        assert receipt.contract is not None
        return receipt.contract

    def call(
        self,
        address: str,
        name: str,
        function: str,
        *args: Any,
        sender: str = DEPLOYER,
        floats: bool = False,
    ) -> Any:
        """A view, or the result that a transaction would return now.

        Raises:
            Revert: with the decoded error.

        """
        what = self.codec.function(name, function)
        request = {
            "from": sender,
            "to": address,
            "data": "0x" + what.pack(*args).hex(),
            "gas": hex(GAS),
        }
        try:
            answer = self.rpc.call("eth_call", request, "latest")
        except RpcError as error:
            raise Revert(f"{name}.{function}", self._error_of(error)) from None
        result = what.unpack(bytes.fromhex(answer[2:]))
        return what.floats(result) if floats else result

    def send(
        self, address: str, name: str, function: str, *args: Any, sender: str = DEPLOYER
    ) -> Receipt:
        """Sends a transaction in a block of its own; a revert is in the receipt, not raised."""
        return self._send(sender, address, self.codec.function(name, function).pack(*args))

    def must(
        self, address: str, name: str, function: str, *args: Any, sender: str = DEPLOYER
    ) -> Receipt:
        """``send`` that has to succeed.

        Raises:
            Revert: it did not.

        """
        receipt = self.send(address, name, function, *args, sender=sender)
        if receipt.error is not None:
            raise Revert(f"{name}.{function}", receipt.error)
        return receipt

    def at(self, address: str, name: str) -> Contract:
        """A handle for one contract: ``handle.call("cash")``."""
        return Contract(self, address, name)

    def function(self, name: str, function: str) -> Function:
        """How a function is packed and unpacked."""
        return self.codec.function(name, function)

    def constructor(self, name: str) -> Function:
        """How a contract's constructor is packed.

        Raises:
            SetupError: no such contract was compiled.
        """
        self.codec.add(self.artifacts[name])
        return self.codec.constructor(name)

    # ------------------------------------------------------------------ inside

    def _send(self, sender: str, to: str | None, data: bytes) -> Receipt:
        request = {
            "from": sender,
            "data": "0x" + data.hex(),
            "gas": hex(GAS),
            "gasPrice": "0x0",
        }
        if to is not None:
            request["to"] = to
        transaction = self.rpc.call("eth_sendTransaction", request)
        self.rpc.call("evm_mine")
        receipt = self._receipt(transaction)
        if self.journal is not None:
            self.journal.append(Sent(receipt.block, sender, to or "", data))
        return receipt

    def _receipt(self, transaction: str) -> Receipt:
        raw = self.rpc.call("eth_getTransactionReceipt", transaction)
        if raw is None:
            raise ChainError(f"transaction {transaction} was not mined")
        ok = raw["status"] == "0x1"
        error = None if ok else self.codec.error(self.revert_data(transaction))
        events = tuple(event for log in raw["logs"] if (event := self.codec.event(log)) is not None)
        return Receipt(
            ok,
            int(raw["gasUsed"], 16),
            int(raw["blockNumber"], 16),
            events,
            error,
            raw["contractAddress"],
        )

    def revert_data(self, transaction: str) -> bytes:
        """What a failed transaction returned; Anvil keeps it with the transaction."""
        answer = self.rpc.call("ots_getTransactionError", transaction)
        return bytes.fromhex(answer[2:]) if answer else b""

    def _error_of(self, error: RpcError) -> DecodedError:
        if error.data is None:
            raise error
        return self.codec.error(bytes.fromhex(error.data[2:]))


@dataclass(frozen=True)
class Contract:
    """A deployed contract with its chain: the same verbs without address and name."""

    chain: Chain
    address: str
    name: str

    def call(self, function: str, *args: Any, sender: str = DEPLOYER, floats: bool = False) -> Any:
        """As ``Chain.call``."""
        return self.chain.call(
            self.address, self.name, function, *args, sender=sender, floats=floats
        )

    def send(self, function: str, *args: Any, sender: str = DEPLOYER) -> Receipt:
        """As ``Chain.send``."""
        return self.chain.send(self.address, self.name, function, *args, sender=sender)

    def must(self, function: str, *args: Any, sender: str = DEPLOYER) -> Receipt:
        """As ``Chain.must``."""
        return self.chain.must(self.address, self.name, function, *args, sender=sender)
