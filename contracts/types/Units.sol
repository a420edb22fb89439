// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";

/// One scale for the whole protocol: 1e18 for every price, size, ratio, volatility, Greek and amount of quote.
/// The names survive in the ABI (`internalType`), so that one codec converts everything off chain.

/// @dev Unsigned fixed point, 18 decimals.
type Wad is uint256;

/// @dev Signed fixed point, 18 decimals.
type SWad is int256;

/// @dev A length of time in seconds.
type Seconds is uint64;

/// @dev A moment, in seconds since 1970.
type Timestamp is uint64;

/// @dev expiry << 16 | strike index << 8 | is call.
type SeriesId is uint256;

uint256 constant ONE = 1e18;
uint256 constant YEAR = 31_536_000;

using {
    addWad as +, subWad as -, ltWad as <, gtWad as >, lteWad as <=, gteWad as >=, eqWad as ==, neqWad as !=,
    mulDown, mulUp, divDown, divUp, raw, signed, minWad, maxWad, subFloor, isZero
} for Wad global;

using {
    addSWad as +, subSWad as -, negSWad as -, ltSWad as <, gtSWad as >, lteSWad as <=, gteSWad as >=, eqSWad as ==,
    neqSWad as !=, mulS, mulWadS, divS, rawS, absS, positive, minSWad, maxSWad, isNegative, isZeroS
} for SWad global;

using {ltTime as <, gtTime as >, lteTime as <=, gteTime as >=, eqTime as ==, neqTime as !=, rawTime, plus, since}
    for Timestamp global;

using {rawSeconds} for Seconds global;
using {expiryOf, strikeIndexOf, isCallOf, rawId} for SeriesId global;

// ---------------------------------------------------------------- Wad

function addWad(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(Wad.unwrap(a) + Wad.unwrap(b));
}

function subWad(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(Wad.unwrap(a) - Wad.unwrap(b));
}

/// @dev max(a - b, 0).
function subFloor(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(FixedPointMathLib.zeroFloorSub(Wad.unwrap(a), Wad.unwrap(b)));
}

function ltWad(Wad a, Wad b) pure returns (bool) {
    return Wad.unwrap(a) < Wad.unwrap(b);
}

function gtWad(Wad a, Wad b) pure returns (bool) {
    return Wad.unwrap(a) > Wad.unwrap(b);
}

function lteWad(Wad a, Wad b) pure returns (bool) {
    return Wad.unwrap(a) <= Wad.unwrap(b);
}

function gteWad(Wad a, Wad b) pure returns (bool) {
    return Wad.unwrap(a) >= Wad.unwrap(b);
}

function eqWad(Wad a, Wad b) pure returns (bool) {
    return Wad.unwrap(a) == Wad.unwrap(b);
}

function neqWad(Wad a, Wad b) pure returns (bool) {
    return Wad.unwrap(a) != Wad.unwrap(b);
}

/// @dev a * b, rounded down (up).
function mulDown(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(FixedPointMathLib.fullMulDiv(Wad.unwrap(a), Wad.unwrap(b), ONE));
}

function mulUp(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(FixedPointMathLib.fullMulDivUp(Wad.unwrap(a), Wad.unwrap(b), ONE));
}

/// @dev a / b, rounded down (up).
function divDown(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(FixedPointMathLib.fullMulDiv(Wad.unwrap(a), ONE, Wad.unwrap(b)));
}

function divUp(Wad a, Wad b) pure returns (Wad) {
    return Wad.wrap(FixedPointMathLib.fullMulDivUp(Wad.unwrap(a), ONE, Wad.unwrap(b)));
}

function minWad(Wad a, Wad b) pure returns (Wad) {
    return a < b ? a : b;
}

function maxWad(Wad a, Wad b) pure returns (Wad) {
    return a > b ? a : b;
}

function isZero(Wad a) pure returns (bool) {
    return Wad.unwrap(a) == 0;
}

function raw(Wad a) pure returns (uint256) {
    return Wad.unwrap(a);
}

error WadOverflow(uint256 value);

function signed(Wad a) pure returns (SWad) {
    if (Wad.unwrap(a) > uint256(type(int256).max)) revert WadOverflow(Wad.unwrap(a));
    return SWad.wrap(int256(Wad.unwrap(a)));
}

// ---------------------------------------------------------------- SWad

function addSWad(SWad a, SWad b) pure returns (SWad) {
    return SWad.wrap(SWad.unwrap(a) + SWad.unwrap(b));
}

function subSWad(SWad a, SWad b) pure returns (SWad) {
    return SWad.wrap(SWad.unwrap(a) - SWad.unwrap(b));
}

function negSWad(SWad a) pure returns (SWad) {
    return SWad.wrap(-SWad.unwrap(a));
}

function ltSWad(SWad a, SWad b) pure returns (bool) {
    return SWad.unwrap(a) < SWad.unwrap(b);
}

function gtSWad(SWad a, SWad b) pure returns (bool) {
    return SWad.unwrap(a) > SWad.unwrap(b);
}

function lteSWad(SWad a, SWad b) pure returns (bool) {
    return SWad.unwrap(a) <= SWad.unwrap(b);
}

function gteSWad(SWad a, SWad b) pure returns (bool) {
    return SWad.unwrap(a) >= SWad.unwrap(b);
}

function eqSWad(SWad a, SWad b) pure returns (bool) {
    return SWad.unwrap(a) == SWad.unwrap(b);
}

function neqSWad(SWad a, SWad b) pure returns (bool) {
    return SWad.unwrap(a) != SWad.unwrap(b);
}

/// @dev a * b, rounded toward minus infinity.
function mulS(SWad a, SWad b) pure returns (SWad) {
    return SWad.wrap(floorDiv(SWad.unwrap(a) * SWad.unwrap(b), int256(ONE)));
}

function mulWadS(SWad a, Wad b) pure returns (SWad) {
    return mulS(a, signed(b));
}

/// @dev a / b for b > 0, rounded toward minus infinity.
function divS(SWad a, Wad b) pure returns (SWad) {
    return SWad.wrap(floorDiv(SWad.unwrap(a) * int256(ONE), SWad.unwrap(signed(b))));
}

/// @dev n / d for d > 0, rounded toward minus infinity.
function floorDiv(int256 n, int256 d) pure returns (int256 q) {
    q = n / d;
    if (n % d < 0) q -= 1;
}

function absS(SWad a) pure returns (Wad) {
    return Wad.wrap(FixedPointMathLib.abs(SWad.unwrap(a)));
}

/// @dev max(a, 0).
function positive(SWad a) pure returns (Wad) {
    return SWad.unwrap(a) > 0 ? Wad.wrap(uint256(SWad.unwrap(a))) : Wad.wrap(0);
}

function minSWad(SWad a, SWad b) pure returns (SWad) {
    return a < b ? a : b;
}

function maxSWad(SWad a, SWad b) pure returns (SWad) {
    return a > b ? a : b;
}

function isNegative(SWad a) pure returns (bool) {
    return SWad.unwrap(a) < 0;
}

function isZeroS(SWad a) pure returns (bool) {
    return SWad.unwrap(a) == 0;
}

function rawS(SWad a) pure returns (int256) {
    return SWad.unwrap(a);
}

// ---------------------------------------------------------------- time

function ltTime(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) < Timestamp.unwrap(b);
}

function gtTime(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) > Timestamp.unwrap(b);
}

function lteTime(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) <= Timestamp.unwrap(b);
}

function gteTime(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) >= Timestamp.unwrap(b);
}

function eqTime(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) == Timestamp.unwrap(b);
}

function neqTime(Timestamp a, Timestamp b) pure returns (bool) {
    return Timestamp.unwrap(a) != Timestamp.unwrap(b);
}

function rawTime(Timestamp a) pure returns (uint256) {
    return Timestamp.unwrap(a);
}

function plus(Timestamp a, Seconds s) pure returns (Timestamp) {
    return Timestamp.wrap(Timestamp.unwrap(a) + Seconds.unwrap(s));
}

/// @dev Seconds from `b` to `a`; zero if `a` is not later.
function since(Timestamp a, Timestamp b) pure returns (uint256) {
    return FixedPointMathLib.zeroFloorSub(Timestamp.unwrap(a), Timestamp.unwrap(b));
}

function blockTime() view returns (Timestamp) {
    return Timestamp.wrap(uint64(block.timestamp));
}

function rawSeconds(Seconds s) pure returns (uint256) {
    return Seconds.unwrap(s);
}

// ---------------------------------------------------------------- series

function seriesId(Timestamp expiry, uint256 strikeIndex, bool isCall) pure returns (SeriesId) {
    return SeriesId.wrap((uint256(Timestamp.unwrap(expiry)) << 16) | (strikeIndex << 8) | (isCall ? 1 : 0));
}

function expiryOf(SeriesId id) pure returns (Timestamp) {
    return Timestamp.wrap(uint64(SeriesId.unwrap(id) >> 16));
}

function strikeIndexOf(SeriesId id) pure returns (uint256) {
    return (SeriesId.unwrap(id) >> 8) & 0xff;
}

function isCallOf(SeriesId id) pure returns (bool) {
    return SeriesId.unwrap(id) & 1 == 1;
}

function rawId(SeriesId id) pure returns (uint256) {
    return SeriesId.unwrap(id);
}
