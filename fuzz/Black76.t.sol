// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Black76} from "../contracts/libraries/Black76.sol";
import {OptionGreeks} from "../contracts/types/Types.sol";
import {Base} from "./Base.sol";

/// P-1: over the pricer's whole domain a price is bounded, obeys parity and is monotone, and nothing reverts.
contract Black76Test is Base {
    uint256 private constant TWO_YEARS = 2 * 365 days;

    struct Point {
        uint256 forward;
        uint256 strike;
        uint256 secondsLeft;
        uint256 vol;
    }

    struct Value {
        uint256 call;
        uint256 put;
        uint256 delta;
    }

    /// @dev Forward 1e-6 to 1e6, K/F 0.01 to 100, 1 s to 2 years, vol 1 % to 500 %.
    function _fold(Point memory p) private pure {
        p.forward = bound(p.forward, 1e12, 1e24);
        p.strike = bound(p.strike, (p.forward + 99) / 100, p.forward * 100);
        p.secondsLeft = bound(p.secondsLeft, 1, TWO_YEARS);
        p.vol = bound(p.vol, 0.01e18, 5e18);
    }

    function _value(Point memory p) private pure returns (Value memory v) {
        (v.call, v.put, v.delta) = Black76.price(p.forward, p.strike, p.secondsLeft, p.vol);
    }

    /// @dev Two errors of 1e-17 of the larger price, and 4 wei.
    function _noise(Point memory p) private pure returns (uint256) {
        return (p.forward > p.strike ? p.forward : p.strike) / 5e16 + 4;
    }

    /// Vols beyond 0.001 % and 10,000 % are taken for these, to the wei, on both sides.
    function test_price_volBeyondTheRange_isThatOfItsEnd() public pure {
        uint256[2] memory ends = [Black76.MIN_VOL, Black76.MAX_VOL];
        uint256[4] memory beyond = [uint256(0), Black76.MIN_VOL - 1, Black76.MAX_VOL + Black76.MIN_VOL, 1e30];
        for (uint256 i; i < 4; ++i) {
            Value memory wanted = _value(Point(2000e18, 2000e18, i < 2 ? TWO_YEARS : 3600, ends[i / 2]));
            Value memory got = _value(Point(2000e18, 2000e18, i < 2 ? TWO_YEARS : 3600, beyond[i]));
            eq(got.call, wanted.call, "call");
            check(wanted.call != 0, "worth something");
        }
    }

    function testFuzz_price_isWithinBounds(Point memory p) public pure {
        _fold(p);
        Value memory v = _value(p);
        uint256 noise = _noise(p);
        check(v.call <= p.forward, "call <= F");
        check(v.put <= p.strike, "put <= K");
        check(v.call + noise + p.strike >= p.forward, "call >= F - K");
        check(v.put + noise + p.forward >= p.strike, "put >= K - F");
        check(v.delta <= 1e18, "delta <= 1");
    }

    function testFuzz_price_obeysParity(Point memory p) public pure {
        _fold(p);
        Value memory v = _value(p);
        near(int256(v.call) - int256(v.put), int256(p.forward) - int256(p.strike), 2, "call - put = F - K");
    }

    function testFuzz_price_risesWithVol(Point memory p, uint256 more) public pure {
        _fold(p);
        Value memory low = _value(p);
        p.vol = bound(more, p.vol, 5e18);
        Value memory high = _value(p);
        check(high.call + _noise(p) >= low.call, "call rises with vol");
        check(high.put + _noise(p) >= low.put, "put rises with vol");
    }

    function testFuzz_price_risesWithTime(Point memory p, uint256 more) public pure {
        _fold(p);
        Value memory low = _value(p);
        p.secondsLeft = bound(more, p.secondsLeft, TWO_YEARS);
        check(_value(p).call + _noise(p) >= low.call, "call rises with time");
    }

    function testFuzz_price_movesWithForward(Point memory p, uint256 more) public pure {
        _fold(p);
        Value memory low = _value(p);
        p.forward = bound(more, p.forward, p.strike * 100);
        Value memory high = _value(p);
        check(high.call + _noise(p) >= low.call, "call rises with F");
        check(low.put + _noise(p) >= high.put, "put falls with F");
        check(high.delta + 20 >= low.delta, "delta rises with F");
    }

    /// @dev Across F = K, F = 2 K and K = 2 F, where the code branches, a step of some wei moves the price by less.
    function testFuzz_price_isContinuousAtSeams(Point memory p, uint256 seam, uint256 step) public pure {
        _fold(p);
        p.forward = [p.strike, 2 * p.strike, p.strike / 2][seam % 3];
        p.forward = p.forward > 8 ? p.forward - bound(step, 0, 4) : p.forward;
        Value memory low = _value(p);
        p.forward += 4;
        Value memory high = _value(p);
        near(int256(high.call), int256(low.call), _noise(p) + 4, "call is continuous");
        near(int256(high.put), int256(low.put), _noise(p) + 4, "put is continuous");
    }

    function testFuzz_greeks_haveTheirSignsAndThePricesOfPrice(Point memory p) public pure {
        _fold(p);
        OptionGreeks memory g = Black76.greeks(p.forward, p.strike, p.secondsLeft, p.vol);
        Value memory v = _value(p);
        eq(g.call, v.call, "call");
        eq(g.put, v.put, "put");
        eq(g.callDelta, v.delta, "delta");
        check(g.theta.rawS() <= 0, "theta <= 0");
        check(g.vega.raw() <= p.forward, "vega <= F sqrt(T) / sqrt(2 pi)");
    }

    /// @dev Whatever a caller sends within the types of the protocol, the only error is PriceOutOfRange.
    function testFuzz_price_anywhere_doesNotRevert(uint96 forward, uint96 strike, uint48 secondsLeft, uint256 vol)
        public
        pure
    {
        vm.assume(forward != 0 && strike != 0);
        (uint256 call, uint256 put,) = Black76.price(forward, strike, secondsLeft, vol);
        check(call <= forward && put <= strike, "bounds");
        OptionGreeks memory g = Black76.greeks(forward, strike, secondsLeft, vol);
        eq(g.call, call, "call");
    }
}
