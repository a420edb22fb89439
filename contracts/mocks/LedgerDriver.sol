// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IVolSurface} from "../interfaces/IVolSurface.sol";
import {BookChange} from "../types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad} from "../types/Units.sol";

/// Tests only: stands where the market stands and books many trades in one transaction, hence at one time.
contract LedgerDriver {
    struct Step {
        SeriesId id;
        SWad size;
        Wad spot;
        bool opening;
    }

    function list(IVolSurface surface, IGreekLedger ledger, Timestamp expiry, Wad[] calldata strikes, Wad impact)
        external
    {
        surface.list(expiry, strikes);
        ledger.list(expiry, strikes, impact);
    }

    function remove(IGreekLedger ledger, Timestamp expiry) external {
        ledger.remove(expiry);
    }

    function run(IGreekLedger ledger, Step[] calldata steps) external returns (BookChange[] memory changes) {
        changes = new BookChange[](steps.length);
        for (uint256 i; i < steps.length; ++i) {
            changes[i] = ledger.trade(steps[i].id, steps[i].size, steps[i].spot, steps[i].opening);
        }
    }

    /// Each plan starts from the present book; returns the sum of its costs, then the book is as before.
    function totals(IGreekLedger ledger, Step[][] calldata plans) external returns (SWad[] memory costs) {
        costs = new SWad[](plans.length);
        for (uint256 i; i < plans.length; ++i) {
            try this.total(ledger, plans[i]) {}
            catch (bytes memory reason) {
                costs[i] = abi.decode(reason, (SWad));
            }
        }
    }

    /// Reverts with the sum of costs as its data.
    function total(IGreekLedger ledger, Step[] calldata steps) external {
        SWad cost;
        for (uint256 i; i < steps.length; ++i) {
            cost = cost + ledger.trade(steps[i].id, steps[i].size, steps[i].spot, steps[i].opening).cost;
        }
        bytes memory data = abi.encode(cost);
        assembly ("memory-safe") {
            revert(add(data, 32), mload(data))
        }
    }
}
