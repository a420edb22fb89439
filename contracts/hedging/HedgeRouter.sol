// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SplitMath} from "../libraries/SplitMath.sol";
import {VenueCalls} from "../libraries/VenueCalls.sol";
import {RouterParams} from "../types/Params.sol";
import {Addresses, VenuePosition, VenueQuote} from "../types/Types.sol";
import {ONE, SWad, Wad} from "../types/Units.sol";
import {RouterMargin} from "./RouterMargin.sol";

/// Many venues as one: divides a trade by cost with impact, funds each leg, leaves a venue that failed alone for a
/// while and lets it prove itself with a small part afterwards. Preview and action share `_plan`.
contract HedgeRouter is RouterMargin {
    using VenueCalls for address;

    /// A venue's curve is read off at this fraction of the trade and at the most that it can take.
    uint256 private constant NEAR = 8;
    uint256 private constant HALVINGS = 5;
    uint256 private constant GRAIN = 1000;
    /// Plans per trade: the second takes over what venues refused.
    uint256 private constant ROUNDS = 2;

    constructor(Addresses memory book, RouterParams memory params_, address[] memory venues_)
        RouterMargin(book, params_, venues_)
    {}

    // ------------------------------------------------------------ trading

    function quote(SWad size) external view returns (VenueQuote memory answer) {
        (uint256[] memory sizes, SplitMath.Curve[] memory curves) = _plan(size);
        (uint256 filled, int256 paid) = _total(sizes, curves);
        if (filled == 0 || filled < size.absS().raw()) return answer;
        return VenueQuote(true, Wad.wrap(FixedPointMathLib.abs(paid) / filled));
    }

    /// @notice How `size` would be divided now, by the same calculation as `trade`.
    function preview(SWad size) external view returns (uint256[] memory sizes) {
        (sizes,) = _plan(size);
    }

    /// @notice Fills what venues take; reverts if they take nothing or the average price is worse than `limit`.
    function trade(SWad size, Wad limit) external onlyManager returns (Wad price) {
        uint256 left = size.absS().raw();
        int256 paid;
        Wad spot = _spot();
        for (uint256 i; i < ROUNDS && left != 0; ++i) {
            (uint256 filled, int256 cost) = _fill(_signed(left, size), limit, spot);
            left -= filled;
            paid += cost;
        }
        uint256 done = size.absS().raw() - left;
        if (done == 0) revert VenuePaused();
        price = Wad.wrap(FixedPointMathLib.abs(paid) / done);
        if (size.isNegative() ? price < limit : price > limit) revert VenueLimit(price, limit);
        emit VenueTraded(msg.sender, _signed(done, size), price, _exposure());
    }

    // ------------------------------------------------------------ inside

    /// @dev The limit is on the average of the whole trade; only an order that waits takes it along.
    /// Returns paid: quote * 1e18, + paid, - received
    function _fill(SWad size, Wad limit, Wad spot) private returns (uint256 filled, int256 paid) {
        (uint256[] memory sizes,) = _plan(size);
        for (uint256 i; i < sizes.length; ++i) {
            if (sizes[i] == 0) continue;
            VenuePosition memory one = _live(i);
            SWad part = _signed(FixedPointMathLib.min(sizes[i], _room(one, size, spot)), size);
            if (part.isZeroS()) continue;
            _fund(i, one, part, spot);
            (bool ok, uint256 price) = _leg(i, part, limit);
            if (!ok) continue;
            filled += part.absS().raw();
            paid += part.rawS() * int256(price);
        }
    }

    function _leg(uint256 i, SWad size, Wad limit) private returns (bool ok, uint256 price) {
        if (!venues[i].later) limit = Wad.wrap(size.isNegative() ? 0 : type(uint256).max);
        bytes memory data;
        (ok, data) = venues[i].venue.tryTrade(size, limit, TRADE_GAS);
        price = ok ? FixedPointMathLib.min(abi.decode(data, (uint256)), type(uint128).max) : 0;
        if (ok) emit LegFilled(venues[i].venue, size, Wad.wrap(price));
        _judge(i, ok, data);
        _note(i);
    }

    function _plan(SWad size) private view returns (uint256[] memory sizes, SplitMath.Curve[] memory curves) {
        uint256 total = size.absS().raw();
        curves = new SplitMath.Curve[](venues.length);
        for (uint256 i; i < venues.length; ++i) {
            curves[i] = _curve(i, size);
        }
        sizes = SplitMath.split(_capped(curves, CAP.mulUp(size.absS()).raw(), total), total);
    }

    /// @dev The cap binds only while the others can take the rest.
    function _capped(SplitMath.Curve[] memory curves, uint256 cap, uint256 total)
        private
        pure
        returns (SplitMath.Curve[] memory capped)
    {
        capped = new SplitMath.Curve[](curves.length);
        uint256 room;
        for (uint256 i; i < curves.length; ++i) {
            uint256 most = FixedPointMathLib.min(curves[i].most, cap);
            capped[i] = SplitMath.Curve(curves[i].start, curves[i].slope, most);
            room += most;
        }
        return room < total ? curves : capped;
    }

    /// @dev A line through two quotes, in cost per unit: the price of buying, minus the price of selling.
    function _curve(uint256 i, SWad size) private view returns (SplitMath.Curve memory curve) {
        (uint256 far, int256 high) = _farQuote(venues[i].venue, _allowance(i, size.absS().raw()), size);
        if (far == 0) return curve;
        (bool ok, int256 low) = _cost(venues[i].venue, far / NEAR, size);
        if (!ok) low = high;
        uint256 rise = high > low ? uint256(high - low) : 0;
        curve.slope = FixedPointMathLib.fullMulDivUp(rise, ONE, far - far / NEAR);
        curve.start = high - int256(FixedPointMathLib.fullMulDiv(curve.slope, far, ONE)) + _delayCost(i);
        curve.most = far;
    }

    /// @dev A venue that does not quote a grain either is out: a dead one may burn the gas of every question.
    function _farQuote(address venue, uint256 most, SWad size) private view returns (uint256, int256) {
        (bool ok, int256 high) = _cost(venue, most, size);
        if (ok) return (most, high);
        (ok,) = _cost(venue, most / GRAIN, size);
        for (uint256 i; i < HALVINGS && ok; ++i) {
            most /= 2;
            bool fits;
            (fits, high) = _cost(venue, most, size);
            if (fits) return (most, high);
        }
        return (0, 0);
    }

    function _cost(address venue, uint256 amount, SWad size) private view returns (bool, int256) {
        VenueQuote memory q = venue.tryQuote(_signed(amount, size), QUOTE_GAS);
        if (amount == 0 || !q.ok || q.price.raw() > type(uint128).max) return (false, 0);
        int256 price = int256(q.price.raw());
        return (true, size.isNegative() ? -price : price);
    }

    function _total(uint256[] memory sizes, SplitMath.Curve[] memory curves)
        private
        pure
        returns (uint256 filled, int256 paid)
    {
        for (uint256 i; i < sizes.length; ++i) {
            filled += sizes[i];
            paid += SplitMath.cost(curves[i], sizes[i]) * int256(sizes[i]);
        }
    }

    function _signed(uint256 amount, SWad like) private pure returns (SWad) {
        return SWad.wrap(like.isNegative() ? -int256(amount) : int256(amount));
    }
}
