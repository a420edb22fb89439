// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IHedgePolicy} from "../interfaces/IHedging.sol";
import {HedgeDecision, HedgeInput} from "../types/Types.sol";
import {Wad} from "../types/Units.sol";

/// Never hedges.
contract NoHedgePolicy is IHedgePolicy {
    function decide(HedgeInput calldata) external pure returns (HedgeDecision memory decision) {
        decision.quiet = Wad.wrap(type(uint128).max);
    }
}
