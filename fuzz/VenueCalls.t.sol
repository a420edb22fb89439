// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {VenueCalls} from "../contracts/libraries/VenueCalls.sol";
import {SWad, Wad} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";

/// Answers every question with the gas that it was given.
contract GasMeter {
    fallback() external {
        uint256 seen = gasleft();
        assembly {
            mstore(0, seen)
            return(0, 32)
        }
    }
}

contract VenueCallsTest is Base {
    using VenueCalls for address;

    uint256 private constant CAP = 400_000;
    address private immutable METER = address(new GasMeter());

    function ask() external returns (uint256) {
        (, bytes memory data) = METER.tryTrade(SWad.wrap(1), Wad.wrap(0), CAP);
        return abi.decode(data, (uint256));
    }

    /// Whatever gas a caller brings, a venue gets all that it is promised, or the caller is refused.
    function test_tryTrade_anyGas_venueGetsItsCapOrTheCallIsRefused() public {
        uint256 asked;
        uint256 refused;
        for (uint256 gas_ = CAP - 10_000; gas_ < CAP + 25_000; gas_ += 250) {
            try this.ask{gas: gas_}() returns (uint256 seen) {
                check(seen > CAP - 200, "less than promised: a healthy venue could be made to fail");
                ++asked;
            } catch (bytes memory reason) {
                check(bytes4(reason) == VenueCalls.TooLittleGas.selector, "refused by name");
                ++refused;
            }
        }
        check(asked > 20 && refused > 60, "both happen");
    }
}
