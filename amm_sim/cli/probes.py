"""What must hold of Anvil for a run to be right and to stay quick: order, drift, memory."""

from __future__ import annotations

import statistics
import time

from amm_sim.chain.anvil import Anvil
from amm_sim.chain.client import RICH
from amm_sim.chain.rpc import Request, Rpc
from amm_sim.errors import SetupError

BLOCKS, SIZE = 20, 100
"""Each of a block's transactions is of another sender: nonces would keep an order as well."""
LONG, LAP = 1500, 300
"""Blocks of the probe of drift, and how many of them are early or late."""
SLOW = 2.0
"""Late over early block that no busy machine explains."""
MEGABYTES = 400.0
TARGET = "0x00000000000000000000000000000000000d0005"


def probe_order() -> str:
    """Big blocks by the recipe: rank-coded prices keep the order of submission.

    Raises:
        SetupError: they do not.
    """
    with Anvil() as anvil:
        rpc = _ready(anvil)
        for block in range(BLOCKS):
            sends = [_transfer(i, block, SIZE - i) for i in range(SIZE)]
            hashes, _, (found,) = rpc.pipeline(
                [sends, [("evm_mine", [])], [("eth_getBlockByNumber", ["latest", False])]]
            )
            if found["transactions"] != hashes:
                raise SetupError(f"block {block + 1} of {SIZE} transactions lost their order")
        rpc.close()
    return f"{BLOCKS * SIZE} transactions in {BLOCKS} blocks, none out of place"


def probe_drift() -> str:
    """Many small blocks: late ones take no longer than early ones, and memory stays low.

    Raises:
        SetupError: Anvil slows down or grows.
    """
    with Anvil() as anvil:
        rpc, seconds = _ready(anvil), []
        for nonce in range(LONG):
            began = time.perf_counter()
            rpc.pipeline([[_transfer(0, nonce, 1)], [("evm_mine", [])]])
            seconds.append(time.perf_counter() - began)
        rpc.close()
        held = anvil.resident_megabytes()
    early, late = statistics.median(seconds[:LAP]), statistics.median(seconds[-LAP:])
    said = f"late over early block {late / early:.2f}, {held:.0f} MB after {LONG} blocks"
    if late > SLOW * early or held > MEGABYTES:
        raise SetupError(f"{said}: Anvil slows down or grows")
    return said


def _ready(anvil: Anvil) -> Rpc:
    rpc = anvil.connect()
    rpc.call("anvil_autoImpersonateAccount", True)
    rpc.strict([("anvil_setBalance", [_sender(i), RICH]) for i in range(SIZE)])
    return rpc


def _sender(number: int) -> str:
    return f"0x{0xD1000 + number:040x}"


def _transfer(sender: int, nonce: int, rank: int) -> Request:
    request = {"from": _sender(sender), "to": TARGET, "value": "0x1", "gas": hex(21_000)}
    return "eth_sendTransaction", [{**request, "gasPrice": hex(rank), "nonce": hex(nonce)}]
