// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SWad, Wad} from "../contracts/types/Units.sol";

/// The cheatcodes that the tests use.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function warp(uint256 time) external;
    function roll(uint256 number) external;
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function etch(address target, bytes calldata code) external;
    function assume(bool condition) external pure;
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit() external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);
    function load(address target, bytes32 slot) external view returns (bytes32);
    function store(address target, bytes32 slot, bytes32 value) external;
    function getNonce(address account) external view returns (uint64);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);
    function readFile(string calldata path) external view returns (string memory);
    function label(address account, string calldata name) external;
    function getCode(string calldata artifact) external view returns (bytes memory);
    function cool(address target) external;
    function toString(int256 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function writeLine(string calldata path, string calldata line) external;
}

/// Assertions and bounds for forge tests; forge-std is not on npm.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    bool public constant IS_TEST = true;

    error AssertionFailed(string what);
    error NotEqual(string what, int256 got, int256 wanted);
    error NotClose(string what, int256 got, int256 wanted, uint256 tolerance);

    function check(bool condition, string memory what) internal pure {
        if (!condition) revert AssertionFailed(what);
    }

    function eq(uint256 got, uint256 wanted, string memory what) internal pure {
        if (got != wanted) revert NotEqual(what, int256(got), int256(wanted));
    }

    function eq(int256 got, int256 wanted, string memory what) internal pure {
        if (got != wanted) revert NotEqual(what, got, wanted);
    }

    function eq(Wad got, uint256 wanted, string memory what) internal pure {
        eq(Wad.unwrap(got), wanted, what);
    }

    function eq(SWad got, int256 wanted, string memory what) internal pure {
        eq(SWad.unwrap(got), wanted, what);
    }

    function eq(address got, address wanted, string memory what) internal pure {
        eq(uint256(uint160(got)), uint256(uint160(wanted)), what);
    }

    /// Absolute tolerance.
    function near(int256 got, int256 wanted, uint256 tolerance, string memory what) internal pure {
        uint256 distance = got > wanted ? uint256(got - wanted) : uint256(wanted - got);
        if (distance > tolerance) revert NotClose(what, got, wanted, tolerance);
    }

    /// `x` folded into [low, high].
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        return low + x % (high - low + 1);
    }

    function bound(int256 x, int256 low, int256 high) internal pure returns (int256) {
        if (x >= low && x <= high) return x;
        uint256 span = uint256(high - low) + 1;
        return low + int256(uint256(x) % span);
    }
}
