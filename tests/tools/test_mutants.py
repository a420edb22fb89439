"""Mutants behind switches: planted in a contract, chosen one by one on a chain."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import eth_abi
import pytest
from eth_utils import function_signature_to_4byte_selector

from amm_sim.chain import Anvil
from amm_sim.chain.rpc import RpcError
from tools.mutants import FIRST, ROOT, Mutant, draw, halved, mutants, planted, readable
from tools.mutation import chosen_at, wilson

FILE = "contracts/Till.sol"
SOURCE = """
library Fee {
    uint256 internal constant RATE = 2_000;
}
contract Till {
    error TooMuch(uint256 x);
    function due(uint256 x, int256 y) external pure returns (uint256 sum, int256 sign) {
        if (x > 50) revert TooMuch(x);
        sum = x * 3 + Fee.RATE - (1 << 4);
        sum += x;
        sign = -y;
        assembly {
            sum := add(sum, 7)
        }
    }
}
"""
BY_HAND = {
    ("guard", "x > 50", "false"): (51, 51 * 4 + 2000 - 16 + 7, -1),
    ("comparison", ">", ">="): (50,),
    ("constant", "50", "51"): (51, 51 * 4 + 2000 - 16 + 7, -1),
    ("operator", "*", "/"): (10, 3 + 2000 - 16 + 10 + 7, -1),
    ("constant", "3", "4"): (10, 40 + 2000 - 16 + 10 + 7, -1),
    ("sign", "+", "-"): (10,),  # 30 - 2000 is below zero
    ("sign", "-", "+"): (10, 40 + 2000 + 16 + 7, -1),
    ("operator", "<<", ">>"): (10, 40 + 2000 - 0 + 7, -1),
    ("constant", "1", "2"): (10, 40 + 2000 - 32 + 7, -1),
    ("constant", "4", "5"): (10, 40 + 2000 - 32 + 7, -1),
    ("sign", "+=", "-="): (10, 30 + 2000 - 16 - 10 + 7, -1),
    ("sign", "-", ""): (10, 40 + 2000 - 16 + 7, 1),
    ("sign", "add", "sub"): (10, 40 + 2000 - 16 - 7, -1),
    ("constant", "2_000", "1000"): (10, 40 + 1000 - 16 + 7, -1),
}
"""Kind, old, new: x and what `due(x, 1)` gives then, nothing if it reverts."""


@pytest.fixture(scope="module")
def found() -> list[Mutant]:
    return mutants({FILE: SOURCE}, ["contracts/*.sol"])


@pytest.fixture(scope="module")
def due(found: list[Mutant]) -> Iterator[Callable[[int, int], tuple[int, ...]]]:
    """``due(number, x)`` under a mutant, with all of them in the code."""
    edits = [(edit, FIRST + 1 + n) for n, m in enumerate(found) for edit in m.edits]
    text = readable(FILE, planted(SOURCE.encode(), edits))
    job = {
        "language": "Solidity",
        "sources": {FILE: {"content": text}},
        "settings": {"outputSelection": {"*": {"*": ["evm.deployedBytecode.object"]}}},
    }
    solc = [str(next(ROOT.glob(".solc/solc-v*"))), "--standard-json"]
    out = subprocess.run(solc, input=json.dumps(job), capture_output=True, text=True, check=True)
    code = json.loads(out.stdout)["contracts"][FILE]["Till"]["evm"]["deployedBytecode"]["object"]
    selector = function_signature_to_4byte_selector("due(uint256,int256)").hex()
    till = f"0x{0x7111:040x}"
    with Anvil() as anvil:
        rpc = anvil.connect()
        rpc.call("anvil_setCode", till, f"0x{code}")

        def read(number: int, x: int) -> tuple[int, ...]:
            rpc.call("anvil_setChainId", number)
            try:
                data = f"0x{selector}{x:064x}{1:064x}"
                answer = rpc.call("eth_call", {"to": till, "data": data}, "latest")
            except RpcError:
                return ()
            return tuple(eth_abi.decode(["uint256", "int256"], bytes.fromhex(answer[2:])))

        yield read


def test_every_mutant_does_what_it_says_and_only_under_its_number(
    found: list[Mutant], due: Callable[[int, int], tuple[int, ...]]
) -> None:
    assert Counter((m.kind, m.old, m.new) for m in found) == Counter(BY_HAND.keys())
    for number, mutant in enumerate(found, FIRST + 1):
        x, *wanted = BY_HAND[mutant.kind, mutant.old, mutant.new]
        assert due(FIRST, x) == (() if x > 50 else (4 * x + 1991, -1))
        assert due(number, x) == tuple(wanted)


def test_switches_of_inner_expressions_stand_in_those_of_the_outer(found: list[Mutant]) -> None:
    inner, outer = (next(m for m in found if m.old == old).edits[0] for old in ("*", "+"))
    text = planted(SOURCE.encode(), [(outer, 2), (inner, 1)])
    switch = "(block.chainid == 1 ? (x / 3) : (x * 3))"
    assert f"(block.chainid == 2 ? (x * 3 - Fee.RATE) : ({switch} + Fee.RATE))" in text
    assert chosen_at({FILE: text}, {"file": FILE, "end": text.encode().index(b"x / 3")}) == 1


def test_key_survives_edits_of_other_functions_and_not_of_its_own(found: list[Mutant]) -> None:
    keys = {m.key for m in found if m.file == FILE and m.old != "2_000"}
    above = SOURCE.replace("contract Till {", "contract Till {\n    uint256 private other = 5;")
    inside = SOURCE.replace("sum += x;", "sum += 2 * x;")
    assert keys <= {m.key for m in mutants({FILE: above}, ["contracts/*.sol"])}
    assert not keys & {m.key for m in mutants({FILE: inside}, ["contracts/*.sol"])}


@pytest.mark.parametrize(
    ("number", "other"),
    [("3", "4"), ("2_001", "1000"), ("0x1001", "2048"), ("0.5e18", str(10**18 // 4))],
)
def test_constants_become_the_next_or_half(number: str, other: str) -> None:
    assert halved(number) == other


def test_draw_keeps_its_choice_when_mutants_of_another_file_come_and_takes_all_signs(
    found: list[Mutant],
) -> None:
    base = next(m for m in found if m.old == "*")
    many = [replace(base, key=f"{i}", file=f"{i % 4}", kind=f"{i % 3}") for i in range(600)]
    more = [replace(base, key=f"new{i}", file="new") for i in range(300)]
    kept = {m.key for m in draw(many, 100, 1)} & {m.key for m in draw(many + more, 100, 1)}
    assert len(kept) > 65  # 300 mutants of one stratum weigh as 6 of the 50 of others do
    assert {m.key for m in draw(many, 100, 2)} != {m.key for m in draw(many, 100, 1)}
    sign = replace(base, key="sign", file="contracts/libraries/Black76.sol", kind="sign")
    assert sign in draw([*many, sign], 0, 1)


def test_wilson_interval_is_that_of_the_literature() -> None:
    """Newcombe (1998), table I, method 3: 81 of 263 and 15 of 148."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
