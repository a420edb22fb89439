"""A shrunk run as a Foundry test: the contracts by their artefacts, the transactions by calldata.

The file imports nothing, so it runs from any folder. It fails with ``Broken`` for as long as the
contracts still let it happen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby

from amm_sim.chain.artifacts import Artifact, Artifacts
from amm_sim.chain.client import DEPLOYER
from amm_sim.chain.codec import Codec
from amm_sim.chain.deploy import create_address
from amm_sim.chain.storage import checksum
from amm_sim.conditions import Comparison, Reading
from amm_sim.errors import ScenarioError
from amm_sim.replay import Script
from amm_sim.shrink import Item, Shrunk

HEAD = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

interface Vm {{
    struct Log {{
        bytes32[] topics;
        bytes data;
        address emitter;
    }}

    function warp(uint256 time) external;
    function roll(uint256 number) external;
    function prank(address sender) external;
    function getCode(string calldata artifact) external view returns (bytes memory);
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
}}

/// {title}
/// {kept} of {original} transactions, the set-up included; {minimal}
/// It fails with `Broken` for as long as the contracts let this happen. By `amm-sim shrink`.
contract {name} {{
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_TEST = true;

    error Broken(string what, int256 value, int256 limit);
    error Elsewhere(string what, address got, address wanted);

"""
TAIL = """
    function _at(uint256 time, uint256 number) private {
        vm.warp(time);
        vm.roll(number);
    }

    function _create(string memory artifact, bytes memory arguments, address wanted) private {
        bytes memory code = abi.encodePacked(vm.getCode(artifact), arguments);
        address made;
        vm.prank(DEPLOYER);
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        if (made != wanted) revert Elsewhere(artifact, made, wanted);
    }

    /// What the transaction returned does not matter: it may be refused one day.
    function _send(address sender, address to, bytes memory data) private {
        vm.prank(sender);
        (bool done,) = to.call{gas: 60_000_000}(data);
        done;
    }

    function _word(address to, bytes memory data, uint256 index) private view returns (int256 value)
    {
        (bool done, bytes memory answer) = to.staticcall(data);
        require(done && answer.length >= 32 * index + 32, "the view reverts");
        assembly {
            value := mload(add(add(answer, 32), mul(32, index)))
        }
    }
}
"""


def contract_name(shrunk: Shrunk) -> str:
    """``BlackThursdayInsolvent`` for black_thursday until insolvent."""
    words = [str(shrunk.script.tape.manifest["scenario"]), shrunk.condition.text]
    parts = re.findall(r"[A-Za-z0-9]+", " ".join(words).replace("_", " "))
    name = "".join(part[0].upper() + part[1:] for part in parts)
    return name if name[0].isalpha() else f"Run{name}"


def render(shrunk: Shrunk, artifacts: Artifacts | None = None) -> str:
    """The whole file.

    Raises:
        ScenarioError: the contracts have changed since the run, so that their constructors'
            arguments cannot be told from their code.
    """
    manifest = shrunk.script.tape.manifest
    head = HEAD.format(
        title=f"{manifest['scenario']}, seed {manifest['seed']}: {shrunk.condition.text}.",
        kept=len(shrunk.items),
        original=shrunk.original,
        minimal="none can be left out." if shrunk.minimal else "time was up before the least.",
        name=contract_name(shrunk),
    )
    artifacts = artifacts or Artifacts()
    lines = [
        *_constants(shrunk),
        "",
        *_set_up(shrunk.script, artifacts),
        "",
        *_test(shrunk, artifacts),
    ]
    body = "".join(f"    {line}".rstrip() + "\n" for line in lines)
    return head + body + TAIL


def _constants(shrunk: Shrunk) -> Iterator[str]:
    """Addresses by name, those that the test uses."""
    names = _symbols(shrunk.script)
    used = {DEPLOYER: names[DEPLOYER]}
    for item in shrunk.items:
        for address in (item.call.sender, item.call.to):
            used[address] = names.get(address, "")
    for reading in _readings(shrunk):
        used[reading.to] = names[reading.to]
    for address, name in sorted(used.items(), key=lambda each: each[1]):
        if name:
            yield f"address private constant {name} = {checksum(address)};"


def _symbols(script: Script) -> dict[str, str]:
    """Address -> Solidity constant."""
    found: dict[str, str] = {}
    for address, name in script.names.items():
        symbol = re.sub(r"\W", "_", name).upper()
        while symbol in found.values():
            symbol += "_"
        found[address] = symbol
    return found


def _readings(shrunk: Shrunk) -> Iterator[Reading]:
    for comparison in shrunk.condition.comparisons:
        yield from comparison.left.all()
        if isinstance(comparison.right, Reading):
            yield from comparison.right.all()


def _set_up(script: Script, artifacts: Artifacts) -> Iterator[str]:
    by_address = {
        script.deployment.addresses[role]: n for role, n in script.deployment.names.items()
    }
    known: Mapping[str, str] = script.tape.manifest.get("artifacts", {})
    yield "function setUp() public {"
    nonce = 0
    for step in script.setup:
        for call in step.calls:
            if call.sender != DEPLOYER:
                continue
            address = create_address(DEPLOYER, nonce)
            nonce += 1
            if call.to or address not in by_address:
                continue
            artifact = artifacts[by_address[address]]
            _require_same(artifact, known)
            arguments = call.data[len(artifact.bytecode) // 2 :].hex()
            path = f'"{artifact.name}.sol:{artifact.name}"'
            yield f"    _at({step.time}, {step.number});"
            yield f'    _create({path}, hex"{arguments}", {checksum(address)});'
    yield "}"


def _require_same(artifact: Artifact, known: Mapping[str, str]) -> None:
    if known.get(artifact.name) != artifact.digest:
        raise ScenarioError(
            "run", artifact.name, "changed since the run: run it again with the present contracts"
        )


def _test(shrunk: Shrunk, artifacts: Artifacts) -> Iterator[str]:
    names = _symbols(shrunk.script)
    yield f"function test_{_function_name(shrunk)}() public {{"
    if shrunk.condition.event:
        yield "    vm.recordLogs();"
    for (time, number), group in groupby(shrunk.items, key=lambda i: (i.time, i.number)):
        yield f"    _at({time}, {number});"
        for item in group:
            yield from (f"    {line}" for line in _call(item, names))
    if not shrunk.items or shrunk.items[-1].time < shrunk.end:
        yield f"    vm.warp({shrunk.end});"
    checks = _event_check(shrunk, artifacts) if shrunk.condition.event else _checks(shrunk, names)
    yield from (f"    {line}" for line in checks)
    yield "}"


def _function_name(shrunk: Shrunk) -> str:
    text = re.sub(r"\W+", "_", shrunk.condition.text).strip("_")
    return f"never_{text}"


def _call(item: Item, names: Mapping[str, str]) -> Iterator[str]:
    call = item.call
    sender, to = (names.get(a) or checksum(a) for a in (call.sender, call.to))
    yield f"// {item.agent}: {item.label}"
    yield f'_send({sender}, {to}, hex"{call.data.hex()}");'


def _checks(shrunk: Shrunk, names: Mapping[str, str]) -> Iterator[str]:
    for comparison in shrunk.condition.comparisons:
        yield "{"
        yield f"    int256 value = {_expression(comparison.left, names)};"
        yield f"    int256 limit = {_limit(comparison, names)};"
        broken = f'revert Broken("{comparison.text}", value, limit);'
        yield f"    if (value {comparison.operator} limit) {broken}"
        yield "}"


def _expression(reading: Reading, names: Mapping[str, str]) -> str:
    return " + ".join(_word(each, names) for each in reading.all())


def _word(reading: Reading, names: Mapping[str, str]) -> str:
    factor = f" * {reading.factor}" if reading.factor != 1 else ""
    return f'_word({names[reading.to]}, hex"{reading.data.hex()}", {reading.word}){factor}'


def _limit(comparison: Comparison, names: Mapping[str, str]) -> str:
    if isinstance(comparison.right, Reading):
        return _expression(comparison.right, names)
    return str(comparison.right)


def _event_check(shrunk: Shrunk, artifacts: Artifacts) -> Iterator[str]:
    name = shrunk.condition.event
    topics = [event.topic.hex() for event in Codec(artifacts).events if event.name == name]
    yield "Vm.Log[] memory logs = vm.getRecordedLogs();"
    yield "for (uint256 i; i < logs.length; ++i) {"
    yield "    bytes32 topic = logs[i].topics.length > 0 ? logs[i].topics[0] : bytes32(0);"
    for topic in topics:
        yield f'    if (topic == hex"{topic}") revert Broken("{name}", int256(i), 0);'
    yield "}"
