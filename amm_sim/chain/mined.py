"""What a mined block holds, read in time that is linear in its transactions.

Anvil clones the whole block for each receipt: at 250 transactions receipts cost four times their
execution. Header, logs and the trace of each call (gas, success, what was returned; no steps are
kept) say the same for a fraction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amm_sim.chain.orders import Transaction
from amm_sim.chain.rpc import Request, RpcError
from amm_sim.errors import ChainError

OK, FAILED = "0x1", "0x0"
"""As receipts put it."""
LATEST = {"fromBlock": "latest", "toBlock": "latest"}


@dataclass(frozen=True, slots=True)
class Executed:
    """One transaction as Anvil states it."""

    ok: bool
    gas: int
    logs: Sequence[Mapping[str, Any]]
    returned: bytes
    """Of a failed one: what it reverted with."""


def asked(hashes: Sequence[str]) -> list[Request]:
    """What to ask of the last block, which ought to hold these transactions."""
    traces: list[Request] = [("debug_traceTransaction", [each, {}]) for each in hashes]
    return [("eth_getBlockByNumber", ["latest", False]), ("eth_getLogs", [LATEST]), *traces]


def executed(hashes: Sequence[str], answers: Sequence[Any]) -> tuple[int, list[Executed]]:
    """Number of the block and its transactions.

    Raises:
        ChainError: they are not the ones that were submitted, in their order.
        RpcError: Anvil refused an answer.
    """
    header, logs, *traces = answers
    require_order(hashes, header)
    for answer in answers:
        if isinstance(answer, RpcError):
            raise answer
    by_place: dict[int, list[Mapping[str, Any]]] = {}
    for log in logs:
        by_place.setdefault(int(log["transactionIndex"], 16), []).append(log)
    found, before = [], 0
    for place, trace in enumerate(traces):
        failed, used = trace["failed"], trace["gas"]  # gas counts from the block's beginning
        returned = bytes.fromhex(trace["returnValue"][2:]) if failed else b""
        found.append(Executed(not failed, used - before, by_place.get(place, ()), returned))
        before = used
    if before != int(header["gasUsed"], 16):
        raise ChainError(f"traces say {before} gas, the block {int(header['gasUsed'], 16)}")
    return int(header["number"], 16), found


def require_order(hashes: Sequence[str], header: Any) -> None:
    """That a block holds exactly these transactions in their order.

    Raises:
        ChainError: it does not.
    """
    if isinstance(header, RpcError):
        raise header
    mined = header["transactions"]
    if mined != list(hashes):
        lost = len(set(hashes) - set(mined))
        what = f"{lost} of {len(hashes)} are missing" if lost else "their order changed"
        raise ChainError(f"a block did not hold its transactions as submitted: {what}")


def digest(
    time: int,
    transactions: Sequence[Transaction],
    done: Sequence[Executed],
    errors: Sequence[tuple[str, Mapping[str, Any]] | None],
) -> bytes:
    """sha256 of a block: senders, calldata, results and logs in order."""
    parts = [time.to_bytes(8, "big")]
    for transaction, each, error in zip(transactions, done, errors, strict=True):
        parts += [transaction.sender.encode(), transaction.to.encode(), transaction.data]
        parts.append(f"{OK if each.ok else FAILED}{each.gas:#x}".encode())
        if error is not None:
            parts.append(f"{error[0]}{sorted(error[1].items())}".encode())
        for log in each.logs:
            parts.append("".join([log["address"], *log["topics"], log["data"]]).encode())
    joined = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(joined).digest()
