"""What a block holds, from answers written by hand and against a real node's receipts."""

from __future__ import annotations

from typing import Any

import pytest

from amm_sim.chain import Chain
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.mined import asked, executed
from amm_sim.chain.rpc import RpcError
from amm_sim.errors import ChainError

NOBODY = "0x" + "00" * 18 + "beef"


def header(*hashes: str, gas: int) -> dict[str, Any]:
    return {"number": "0x7", "transactions": list(hashes), "gasUsed": hex(gas)}


def trace(gas: int, failed: bool = False, returned: str = "0x") -> dict[str, Any]:
    return {"gas": gas, "failed": failed, "returnValue": returned}


def test_executed_takes_gas_apart_and_logs_to_their_transactions() -> None:
    logs = [{"transactionIndex": "0x2", "logIndex": "0x0"}]
    traces = [trace(100), trace(150, failed=True, returned="0xabcd"), trace(400, returned="0xff")]
    number, done = executed(["a", "b", "c"], [header("a", "b", "c", gas=400), logs, *traces])
    assert number == 7
    assert [(each.ok, each.gas, list(each.logs), each.returned) for each in done] == [
        (True, 100, [], b""),
        (False, 50, [], b"\xab\xcd"),
        (True, 250, logs, b""),
    ]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([header("b", "a", gas=2), [], trace(1), trace(2)], "their order changed"),
        ([header("a", gas=1), [], trace(1), trace(2)], "1 of 2 are missing"),
        ([header("a", "b", "x", gas=3), [], trace(1), trace(2)], "their order changed"),
        ([header("a", "b", gas=5), [], trace(1), trace(2)], "traces say 2 gas, the block 5"),
        ([RpcError("m", 1, "gone", None), [], trace(1), trace(2)], "gone"),
        ([header("a", "b", gas=2), [], trace(1), RpcError("m", 1, "no trace", None)], "no trace"),
    ],
)
def test_executed_anything_else_than_what_was_submitted_is_a_chain_error(
    answers: list[Any], said: str
) -> None:
    with pytest.raises(ChainError, match=said):
        executed(["a", "b"], answers)


def test_executed_says_what_receipts_say(chain: Chain) -> None:
    """Money made, a refusal, a transfer and an empty call, against Anvil's own receipts."""
    token = chain.deploy("MockToken", "US Dollar", "USD", 6)
    function = chain.codec.function("MockToken", "transfer")
    mint = chain.codec.function("MockToken", "mint").pack(DEPLOYER, 100)
    calls = [
        (token, mint),
        (token, function.pack(NOBODY, 10**30)),
        (token, function.pack(NOBODY, 7)),
        (NOBODY, b""),
    ]
    nonce = int(chain.rpc.call("eth_getTransactionCount", DEPLOYER, "latest"), 16)
    base = {"from": DEPLOYER, "gas": hex(1_000_000), "gasPrice": "0x0"}
    hashes = chain.rpc.strict(
        [
            ("eth_sendTransaction", [{**base, "to": to, "data": "0x" + d.hex(), "nonce": hex(n)}])
            for n, (to, d) in enumerate(calls, start=nonce)
        ]
    )
    chain.mine()
    number, done = executed(hashes, chain.rpc.batch(asked(hashes)))
    receipts = chain.rpc.call("eth_getBlockReceipts", "latest")
    assert number == chain.block
    assert [each.ok for each in done] == [True, False, True, True]
    assert [hex(each.gas) for each in done] == [each["gasUsed"] for each in receipts]
    assert [len(each.logs) for each in done] == [1, 0, 1, 0]
    for each, receipt in zip(done, receipts, strict=True):
        same = ("address", "topics", "data", "logIndex")
        assert [[log[k] for k in same] for log in each.logs] == [
            [log[k] for k in same] for log in receipt["logs"]
        ]
    assert done[1].returned == chain.revert_data(hashes[1])
    assert len(done[1].returned) >= 4
