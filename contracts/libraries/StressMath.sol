// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ONE, Wad} from "../types/Units.sol";
import {Black76} from "./Black76.sol";
import {BookMath} from "./BookMath.sol";
import {VolShock} from "./VolShock.sol";

/// The stress vector: the book's value at eight absolute states, fixed at the last refresh. Nodes 0 to 4 are spot
/// times 0.7, 0.85, 1, 1.15, 1.3 with vol up, nodes 5 to 7 spot times 0.85, 1, 1.15 with vol down.
///
/// A node stores sum over strikes of round(q * call) + round(puts' parity), each rounded toward zero to 1e-6 quote:
/// a trade replaces its own two terms, so that the vector never depends on the order or the split of trades.
library StressMath {
    Wad private constant UP = Wad.wrap(0.5e18);
    Wad private constant DOWN = Wad.wrap(0.3e18);
    Wad private constant UP_FLOOR = Wad.wrap(0.4e18);
    uint256 internal constant NODES = 8;
    uint256 private constant HIGHEST = 4; // node of the highest spot, with vol up
    int256 private constant UNIT = 1e18; // lots * wad in 1e-6 quote
    /// ln of 0.7, 0.85, 1.15, 1.3, Q96.
    int256 private constant LN_070 = -28258700423144010772002554335;
    int256 private constant LN_085 = -12876076157893979085996786991;
    int256 private constant LN_115 = 11073081883808320767408542213;
    int256 private constant LN_130 = 20786638583165809478810371686;

    error NodeOverflow();

    /// @dev What the nodes of an expiry are built on.
    struct State {
        uint256 spot;
        uint256 secondsLeft; // at the last refresh
        uint256 rootTime; // Q96
        Wad scale; // of the vol shocks
    }

    function stateOf(uint256 spot, uint256 secondsLeft) internal pure returns (State memory s) {
        return State(spot, secondsLeft, Black76.sqrtYears(secondsLeft), VolShock.scale(secondsLeft));
    }

    /// @notice ln(spot / strike), Q96; 0 at expiry, where nothing asks for it.
    function lnOf(State memory s, uint256 strike) internal pure returns (int256 ln) {
        if (s.secondsLeft != 0) ln = Black76.lnRatio(s.spot, strike);
    }

    /// @notice Spot at a node, wad.
    function spotAt(uint256 spot, uint256 node) internal pure returns (uint256) {
        unchecked {
            return spot * percent(node) / 100;
        }
    }

    /// @notice Spot at a node in percent of the spot at the last refresh.
    function percent(uint256 node) internal pure returns (uint256) {
        unchecked {
            return (0x7364558273645546 >> 8 * node) & 0xff;
        }
    }

    /// @notice Values of one call at the nodes, wads; `sigma` is its vol at the last refresh, wad.
    /// `ln` is that of spot over strike, Q96.
    function calls(State memory s, uint256 strike, int256 ln, uint256 sigma)
        internal
        pure
        returns (uint256[8] memory values)
    {
        uint256 spot = s.spot;
        if (s.secondsLeft == 0) return _intrinsics(spot, strike);
        uint256 total = _total(s, VolShock.up(Wad.wrap(sigma), s.scale, UP, UP_FLOOR));
        unchecked {
            values[0] = _call(spot * 70 / 100, strike, ln + LN_070, total);
            values[1] = _call(spot * 85 / 100, strike, ln + LN_085, total);
            values[2] = _call(spot, strike, ln, total);
            values[3] = _call(spot * 115 / 100, strike, ln + LN_115, total);
            values[4] = _call(spot * 130 / 100, strike, ln + LN_130, total);
            total = _total(s, VolShock.down(Wad.wrap(sigma), s.scale, DOWN));
            values[5] = _call(spot * 85 / 100, strike, ln + LN_085, total);
            values[6] = _call(spot, strike, ln, total);
            values[7] = _call(spot * 115 / 100, strike, ln + LN_115, total);
        }
    }

    /// @notice An upper bound of one option's value at the nodes, tight but for the pricing library's rounding.
    function most(State memory s, uint256 strike, int256 ln, uint256 sigma, bool isCall)
        internal
        pure
        returns (uint256 value)
    {
        uint256 spot = spotAt(s.spot, isCall ? HIGHEST : 0);
        if (s.secondsLeft == 0) {
            value = FixedPointMathLib.zeroFloorSub(spot, strike);
        } else {
            ln += isCall ? LN_130 : LN_070;
            value = _call(spot, strike, ln, _total(s, VolShock.up(Wad.wrap(sigma), s.scale, UP, UP_FLOOR)));
        }
        if (!isCall) value = FixedPointMathLib.zeroFloorSub(value + strike, spot);
        value += (spot + strike) / 5e16 + 4;
    }

    /// @notice Turns calls' values into puts'.
    function toPuts(uint256[8] memory values, uint256 spot, uint256 strike) internal pure {
        for (uint256 i; i < NODES; ++i) {
            values[i] = FixedPointMathLib.zeroFloorSub(values[i] + strike, spotAt(spot, i));
        }
    }

    /// @notice Replaces one strike's terms, sum of calls' value for `old` lots, by those for `next`. `gap` is what the
    /// nodes take off an option that the pool is net long of (traders net short), wad: between two nodes its value may
    /// lie below the chord, by a quarter of their distance at most (docs/decisions/0011).
    function addCalls(uint256[2] memory words, uint256[8] memory values, uint256 gap, int256 old, int256 next)
        internal
        pure
    {
        uint256 excess;
        assembly ("memory-safe") {
            let oldGap := mul(gap, slt(old, 0))
            let nextGap := mul(gap, slt(next, 0))
            for { let i := 0 } lt(i, 0x100) {} {
                let at := add(words, shr(2, i))
                let word := mload(at)
                for { let end := add(i, 0x80) } lt(i, end) { i := add(i, 0x20) } {
                    let value := mload(add(values, i))
                    let sum := sdiv(mul(next, sub(value, nextGap)), UNIT)
                    sum := sub(sum, sdiv(mul(old, sub(value, oldGap)), UNIT))
                    sum := add(signextend(7, word), sum)
                    excess := or(excess, xor(sum, signextend(7, sum)))
                    word := or(shr(64, word), shl(192, sum)) // the lanes go round
                }
                mstore(at, word)
            }
        }
        if (excess != 0) revert NodeOverflow();
    }

    /// @notice Replaces the puts' parity term, sum of put * (K - F), by that of `next`; each argument is the sum of put
    /// positions and of put position * strike.
    function addPuts(uint256[2] memory words, uint256 spot, int256[2] memory old, int256[2] memory next)
        internal
        pure
    {
        int256[8] memory changes;
        unchecked {
            for (uint256 i; i < NODES; ++i) {
                int256 price = int256(spotAt(spot, i));
                changes[i] = (next[1] - next[0] * price) / UNIT - (old[1] - old[0] * price) / UNIT;
            }
        }
        _add(words, changes);
    }

    /// @dev Adds to the int64 lanes.
    function _add(uint256[2] memory words, int256[8] memory changes) private pure {
        uint256 excess;
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, 8) { i := add(i, 1) } {
                let at := add(words, shl(5, shr(2, i)))
                let shift := shl(6, and(i, 3))
                let word := mload(at)
                let old := signextend(7, shr(shift, word))
                let next := add(old, mload(add(changes, shl(5, i))))
                excess := or(excess, xor(next, signextend(7, next)))
                mstore(at, xor(word, shl(shift, and(xor(next, old), 0xffffffffffffffff))))
            }
        }
        if (excess != 0) revert NodeOverflow();
    }

    /// @notice Node i in 1e-6 quote.
    function nodeAt(uint256[2] memory words, uint256 i) internal pure returns (int256) {
        unchecked {
            return int64(uint64(words[i >> 2] >> ((i & 3) << 6)));
        }
    }

    // ------------------------------------------------------------ one node

    function _call(uint256 spot, uint256 strike, int256 ln, uint256 total) private pure returns (uint256 call) {
        (int256 d1, int256 d2) = Black76.moneyness(ln, total);
        (uint256 mantissa, uint256 shift) = Black76.expHalfSquare(d1);
        (call,,) = Black76.valueAt(spot, strike, d1, d2, mantissa, shift);
    }

    function _total(State memory s, Wad sigma) private pure returns (uint256) {
        return Black76.clampVol(sigma.raw()) * s.rootTime / ONE;
    }

    function _intrinsics(uint256 spot, uint256 strike) private pure returns (uint256[8] memory values) {
        for (uint256 i; i < NODES; ++i) {
            values[i] = FixedPointMathLib.zeroFloorSub(spotAt(spot, i), strike);
        }
    }
}
