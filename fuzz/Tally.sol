// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Base} from "./Base.sol";

/// Counts what a handler did: successes and refusals, by function and by error. A refusal that is no named error of
/// the protocol (a panic, a bare revert) is a broken property by itself.
abstract contract Tally is Base {
    struct Row {
        string name;
        bytes4 reason; // zero = success
        uint256 times;
    }

    error Unnamed(string name, bytes reason);

    bytes4 private constant PANIC = 0x4e487b71;
    bytes4 private constant TEXT = 0x08c379a0;

    uint256 public calls;
    Row[] private _rows;
    mapping(bytes32 => uint256) private _places; // 1 + place in the rows

    /// Calls as `who`; a refusal is counted, not passed on.
    function attempt(string memory name, address who, address to, bytes memory data)
        internal
        returns (bool ok, bytes memory answer)
    {
        vm.prank(who);
        (ok, answer) = to.call(data);
        if (!ok && !_isNamed(answer)) revert Unnamed(name, answer);
        _count(name, ok ? bytes4(0) : bytes4(answer));
    }

    /// The same for what must be refused.
    function refused(string memory name, address who, address to, bytes memory data) internal {
        (bool ok,) = attempt(name, who, to, data);
        check(!ok, string.concat("a stranger may not ", name));
    }

    /// The same for what nothing may stop.
    function must(string memory name, address who, address to, bytes memory data) internal returns (bytes memory) {
        (bool ok, bytes memory answer) = attempt(name, who, to, data);
        check(ok, string.concat("refused: ", name));
        return answer;
    }

    function _isNamed(bytes memory reason) private pure returns (bool) {
        return reason.length >= 4 && bytes4(reason) != PANIC && bytes4(reason) != TEXT;
    }

    function _count(string memory name, bytes4 reason) internal {
        ++calls;
        bytes32 key = keccak256(abi.encode(name, reason));
        if (_places[key] == 0) {
            _rows.push(Row(name, reason, 0));
            _places[key] = _rows.length;
        }
        ++_rows[_places[key] - 1].times;
    }

    function rows() external view returns (Row[] memory) {
        return _rows;
    }

    function timesOf(string memory name, bool done) public view returns (uint256 sum) {
        for (uint256 i; i < _rows.length; ++i) {
            if (_isFor(_rows[i], name) && done == (_rows[i].reason == 0)) sum += _rows[i].times;
        }
    }

    function _isFor(Row storage row, string memory name) private view returns (bool) {
        return keccak256(bytes(row.name)) == keccak256(bytes(name));
    }
}

/// What a run's handler did, for tools/fuzz_deep.py: a line "name:selector:times,..." in the file named by FUZZ_MIX.
abstract contract Mix is Base {
    function writeMix(Tally handler) internal {
        string memory path = vm.envOr("FUZZ_MIX", string(""));
        if (bytes(path).length != 0) vm.writeLine(path, mixOf(handler));
    }

    function mixOf(Tally handler) internal view returns (string memory mix) {
        Tally.Row[] memory rows = handler.rows();
        for (uint256 i; i < rows.length; ++i) {
            string memory times = vm.toString(int256(rows[i].times));
            mix = string.concat(mix, rows[i].name, ":", vm.toString(abi.encodePacked(rows[i].reason)), ":", times, ",");
        }
    }
}
