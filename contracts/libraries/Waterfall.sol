// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {Tranches} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";
import {RollingPeak} from "./RollingPeak.sol";
import {ShareMath} from "./ShareMath.sol";

/// How the pool's value divides between senior and junior shares. The seniors have a claim: what they brought and
/// earned less what they took. The juniors own what is above it, so they lose first and come back last. Value above
/// `high` is a new gain and is divided. Money that comes or goes moves claim and high by itself, so that what either
/// class must win back, and the price of both, stay as they are. Without junior shares everything is the seniors'.
/// A contract of its own because of the limit on a contract's size.
library Waterfall {
    using RollingPeak for RollingPeak.Buckets;

    /// Twelve of these are a week.
    uint256 private constant PEAK_WIDTH = 14 hours;

    /// Supplies in wei of shares, money in wad.
    struct Classes {
        bool tranched; // whether there can be juniors
        uint256 seniors;
        uint256 juniors;
        uint256 units; // shares of the pool as a whole: deposits and withdrawals move them in proportion to value
        uint256 claim; // the seniors'; this and `high` mean something only while there are juniors
        uint256 high; // value at which gains were last divided; at least the claim
    }

    /// What becomes of a request.
    struct Deal {
        bool possible; // its class is worth something
        uint256 shares; // issued or redeemed
        uint256 price; // of a share
        uint256 amount; // paid out, before rounding to the token
        Classes c; // afterwards
    }

    /// @notice Value of a class; both together are exactly `nav`, also when it is negative.
    function value(Classes memory c, int256 nav, bool junior) internal pure returns (int256) {
        if (c.juniors == 0) return junior ? int256(0) : nav;
        int256 senior = FixedPointMathLib.clamp(nav, 0, int256(c.claim));
        return junior ? nav - senior : senior;
    }

    function _supply(Classes memory c, bool junior) private pure returns (uint256) {
        return junior ? c.juniors : c.seniors;
    }

    /// @notice Divides what `nav` is above `high`: a junior's money weighs `weight` times a senior's.
    function divide(Classes memory c, int256 nav, uint256 weight)
        external
        pure
        returns (uint256 gain, uint256 toSenior)
    {
        if (c.juniors == 0 || nav <= int256(c.high)) return (0, 0);
        gain = uint256(nav) - c.high;
        uint256 weighed = FixedPointMathLib.fullMulDivUp(c.high - c.claim, weight, ONE);
        if (c.claim != 0) toSenior = FixedPointMathLib.fullMulDiv(gain, c.claim, c.claim + weighed);
    }

    // ------------------------------------------------------------ money in

    /// @notice Shares for `amount` quote, rounded down.
    function admit(Classes memory c, int256 nav, uint256 amount, bool junior) external pure returns (Deal memory d) {
        d.c = c;
        d.possible = _priced(c, nav, junior);
        if (!d.possible) return d;
        if (junior && c.juniors == 0) (c.claim, c.high) = (c.seniors == 0 ? 0 : uint256(nav), uint256(nav));
        int256 own = value(c, nav, junior);
        d.price = ShareMath.price(own, _supply(c, junior));
        d.shares = ShareMath.toShares(amount, own, _supply(c, junior));
        _enter(c, nav, amount, d.shares, junior);
    }

    /// @dev The first of a class takes over what nobody owns, but no debt, and no seniors who have nothing.
    function _priced(Classes memory c, int256 nav, bool junior) private pure returns (bool) {
        if (_supply(c, junior) != 0) return value(c, nav, junior) > 0;
        return nav > 0 || (nav == 0 && c.seniors == 0);
    }

    /// @dev With the first juniors the seniors' value has become their claim.
    function _enter(Classes memory c, int256 nav, uint256 amount, uint256 shares, bool junior) private pure {
        c.units += c.tranched ? ShareMath.toShares(amount, nav, c.units) : shares;
        if (junior) c.juniors += shares;
        else c.seniors += shares;
        if (c.juniors == 0) return;
        c.high += amount;
        if (!junior) c.claim += amount;
    }

    // ------------------------------------------------------------ money out

    /// @notice What `shares` are worth less the fee, or as many of them as `free` can pay; rounded down.
    function release(Classes memory c, int256 nav, uint256 shares, uint256 free, uint256 fee, bool junior)
        external
        pure
        returns (Deal memory d)
    {
        d.c = c;
        int256 own = value(c, nav, junior);
        d.possible = own > 0;
        if (!d.possible) return d;
        uint256 supply = _supply(c, junior);
        d.price = ShareMath.price(own, supply);
        uint256 gross = ShareMath.toAmount(shares, own, supply);
        d.shares = shares;
        if (_afterFee(gross, fee) > free) {
            d.shares = FixedPointMathLib.fullMulDiv(shares, free, _afterFee(gross, fee));
            gross = ShareMath.toAmount(d.shares, own, supply);
        }
        d.amount = _afterFee(gross, fee);
        _leave(c, nav, gross, d.shares, junior);
    }

    function _afterFee(uint256 amount, uint256 fee) private pure returns (uint256) {
        return amount - FixedPointMathLib.fullMulDivUp(amount, fee, ONE);
    }

    function _leave(Classes memory c, int256 nav, uint256 amount, uint256 shares, bool junior) private pure {
        uint256 units = c.tranched ? ShareMath.toShares(amount, nav, c.units) : shares;
        if (junior) c.juniors -= shares;
        else c.seniors -= shares;
        c.units = c.seniors + c.juniors == 0 ? 0 : FixedPointMathLib.zeroFloorSub(c.units, units);
        if (!junior) c.claim = c.seniors == 0 ? 0 : FixedPointMathLib.zeroFloorSub(c.claim, amount);
        c.high = FixedPointMathLib.max(c.claim, FixedPointMathLib.zeroFloorSub(c.high, amount));
    }

    // ------------------------------------------------------------ statements

    /// @notice What the LPs who stay keep before longs are paid: `floor` times the highest price noted in a week of every
    /// share whose holder does not wait to leave. Returns also what that is per share.
    function reserved(
        RollingPeak.Buckets storage highs,
        Classes memory c,
        int256 nav,
        uint256 seniors,
        uint256 juniors,
        uint256 floor
    ) external view returns (uint256 money, uint256 price) {
        price = FixedPointMathLib.fullMulDiv(floor, highs.peak(PEAK_WIDTH), ONE);
        money = FixedPointMathLib.fullMulDivUp(c.units - _queued(c, nav, seniors, juniors), price, ONE);
    }

    function noteHigh(RollingPeak.Buckets storage highs, Classes memory c, int256 nav) external {
        highs.note(FixedPointMathLib.min(ShareMath.price(nav, c.units), type(uint128).max), PEAK_WIDTH);
    }

    /// @dev Of the pool's shares those whose holders wait to leave: by value; in a pool without value by its seniors.
    function _queued(Classes memory c, int256 nav, uint256 seniors, uint256 juniors) private pure returns (uint256) {
        if (!c.tranched || (nav <= 0 && c.seniors != 0)) return _part(c.units, seniors, c.seniors);
        if (nav <= 0) return _part(c.units, juniors, c.juniors);
        uint256 own = uint256(value(c, nav, false));
        uint256 waiting = _part(own, seniors, c.seniors) + _part(uint256(nav) - own, juniors, c.juniors);
        return FixedPointMathLib.min(c.units, _part(c.units, waiting, uint256(nav)));
    }

    function _part(uint256 whole, uint256 x, uint256 all) private pure returns (uint256) {
        return all == 0 ? 0 : FixedPointMathLib.fullMulDiv(whole, x, all);
    }

    function seniorPrice(Classes memory c, int256 nav) external pure returns (uint256) {
        return ShareMath.price(value(c, nav, false), c.seniors);
    }

    function split(Classes memory c, SWad nav) external pure returns (Tranches memory t) {
        (t.seniorShares, t.juniorShares) = (Wad.wrap(c.seniors), Wad.wrap(c.juniors));
        t.seniorValue = SWad.wrap(value(c, nav.rawS(), false));
        t.juniorValue = SWad.wrap(value(c, nav.rawS(), true));
        t.seniorPrice = Wad.wrap(ShareMath.price(t.seniorValue.rawS(), c.seniors));
        t.juniorPrice = Wad.wrap(ShareMath.price(t.juniorValue.rawS(), c.juniors));
        (t.claim, t.high) = (Wad.wrap(c.claim), Wad.wrap(c.high));
    }
}
