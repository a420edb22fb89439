// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Calendar} from "../contracts/libraries/Calendar.sol";
import {Timestamp} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";

/// Against a plain array.
contract CalendarTest is Base {
    function testFuzz_calendar_afterAnyLife_isSortedAndComplete(uint256 seed) public pure {
        uint256 word;
        uint256[8] memory kept;
        uint256 count;
        for (uint256 i; i < 40; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            uint256 time = 1 + draw % (draw & 1 << 100 == 0 ? type(uint32).max : 20);
            if (draw >> 200 & 1 == 0 && count < 8 && !_has(kept, count, time)) {
                kept[count++] = time;
                word = Calendar.with(word, Timestamp.wrap(uint64(time)));
            } else if (count != 0) {
                uint256 lane = (draw >> 128) % count;
                word = Calendar.without(word, Timestamp.wrap(uint64(kept[lane])));
                kept[lane] = kept[--count];
            }
            _compare(word, kept, count);
        }
    }

    function _has(uint256[8] memory kept, uint256 count, uint256 time) private pure returns (bool) {
        for (uint256 i; i < count; ++i) {
            if (kept[i] == time) return true;
        }
        return false;
    }

    function _compare(uint256 word, uint256[8] memory kept, uint256 count) private pure {
        Timestamp[] memory all = Calendar.list(word);
        eq(Calendar.count(word), count, "count");
        eq(all.length, count, "length");
        for (uint256 i; i < count; ++i) {
            check(_has(kept, count, all[i].rawTime()), "known");
            check(i == 0 || all[i - 1] < all[i], "in order");
        }
        eq(Calendar.first(word), count == 0 ? 0 : all[0].rawTime(), "first");
    }
}
