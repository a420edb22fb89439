// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Twap} from "../contracts/libraries/Twap.sol";
import {Base} from "./Base.sol";

/// The ring of observations beyond its first round, against a plain sum over every price that was recorded.
contract TwapTest is Base {
    using Twap for Twap.State;

    uint256 private constant START = 1_700_000_000;
    uint256 private constant WINDOW = 1800;
    uint256 private constant RECORDS = 5000; // the ring holds 4096

    Twap.State private twap;
    uint256[] private times;
    uint256[] private prices;

    function _record(uint256 time, uint256 price) private {
        vm.warp(time);
        twap.record(price, WINDOW);
        times.push(time);
        prices.push(price);
    }

    /// Average of the step path over [from, end], searched backward from the last record.
    function _plain(uint256 from, uint256 end) private view returns (uint256 sum) {
        uint256 until = end;
        for (uint256 i = times.length; i > 0 && until > from; --i) {
            uint256 since = times[i - 1] > from ? times[i - 1] : from;
            if (since >= until) continue;
            sum += prices[i - 1] * (until - since);
            until = since;
        }
        return sum / (end - from);
    }

    function test_average_afterTheRingIsFull_isExact() public {
        uint256 time = START;
        for (uint256 i; i < RECORDS; ++i) {
            _record(time, 2000e18 + uint256(keccak256(abi.encode(i))) % 100e18);
            time += 57 + i % 40;
        }
        vm.warp(time);
        for (uint256 back; back < 20; ++back) {
            uint256 end = time - back * 9000;
            near(int256(twap.average(end, WINDOW)), int256(_plain(end - WINDOW, end)), 1, "average");
        }
        uint256 oldest = times[RECORDS - 4096];
        uint256 cut = twap.average(oldest + 900, WINDOW);
        near(int256(cut), int256(_plain(oldest, oldest + 900)), 1, "as far back as the ring remembers");
        eq(twap.average(START, WINDOW), prices[RECORDS - 4096], "before that, the first known price");
    }

    function testFuzz_average_ofAnyPath_liesBetweenItsPrices(uint32[12] calldata steps, uint64[12] calldata values)
        public
    {
        uint256 time = START;
        (uint256 low, uint256 high) = (type(uint256).max, 0);
        for (uint256 i; i < 12; ++i) {
            time += 1 + steps[i] % 4000;
            uint256 price = 1 + uint256(values[i]);
            (low, high) = (price < low ? price : low, price > high ? price : high);
            _record(time, price);
        }
        vm.warp(time + steps[0] % 4000);
        uint256 average = twap.average(block.timestamp, WINDOW);
        check(average + 1 >= low && average <= high, "outside");
        uint256 exact = _plain(_max(block.timestamp - WINDOW, times[0]), block.timestamp);
        // observations merged within a 32nd of the window blur its first edge only
        near(int256(average), int256(exact), (high - low) / 16 + 1, "far from the plain average");
    }

    function test_average_withoutRecords_isZero() public {
        vm.warp(START);
        eq(twap.average(START, WINDOW), 0, "nothing");
        _record(START, 5e18);
        eq(twap.average(START, WINDOW), 5e18, "the price of this moment");
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
