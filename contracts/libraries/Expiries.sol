// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SSTORE2} from "solady/utils/SSTORE2.sol";
import {IGreekLedger} from "../interfaces/IGreekLedger.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {ILPVault} from "../interfaces/ILPVault.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {IVolSurface} from "../interfaces/IVolSurface.sol";
import {Solvency} from "../types/Types.sol";
import {SeriesId, Timestamp, Wad, blockTime, seriesId} from "../types/Units.sol";
import {Packing} from "./Packing.sol";

/// What the market does once in an expiry's life, and what positions pay at its end. The former is a contract of its own
/// because of the limit on a contract's size; it works on the market's behalf and keeps nothing.
library Expiries {
    using Packing for uint256;

    /// @dev Payoffs are multiples of this, so that payoff times lots is exact.
    uint256 private constant PAYOFF_UNIT = 1e6;

    /// @notice Lists an expiry with the surface and in the ledger.
    function list(IVolSurface surface, IGreekLedger ledger, Timestamp expiry, Wad[] calldata strikes, Wad impact)
        external
    {
        if (expiry <= blockTime()) revert IOptionMarket.BadExpiry(expiry, blockTime());
        surface.list(expiry, strikes);
        ledger.list(expiry, strikes, impact);
        emit IOptionMarket.ExpiryListed(expiry, strikes, impact);
    }

    /// @notice Takes an expiry out of the ledger; open interest ends here.
    /// Returns data: contract that holds the strikes
    /// Returns longs, shorts: gross payoffs
    function settle(
        mapping(uint256 => uint256) storage interest, IGreekLedger ledger, Timestamp expiry, uint256 price
    ) external returns (address data, uint256 longs, uint256 shorts) {
        (Wad[] memory strikes,) = ledger.vols(expiry);
        data = SSTORE2.write(abi.encode(strikes));
        (longs, shorts) = _takeInterest(interest, expiry, strikes, price);
        ledger.remove(expiry);
    }

    function _takeInterest(
        mapping(uint256 => uint256) storage interest, Timestamp expiry, Wad[] memory strikes, uint256 price
    ) private returns (uint256 longs, uint256 shorts) {
        for (uint256 i; i < strikes.length; ++i) {
            uint256 key = Packing.strikeKey(seriesId(expiry, i, false));
            uint256 word = interest[key];
            if (word == 0) continue;
            delete interest[key];
            uint256 strike = strikes[i].raw();
            (uint256 call, uint256 put) = (payoff(price, strike, true), payoff(price, strike, false));
            longs += times(call, word.longLots(true)) + times(put, word.longLots(false));
            shorts += times(call, word.shortLots(true)) + times(put, word.shortLots(false));
        }
    }

    /// @notice Of one contract.
    function payoff(uint256 price, uint256 strike, bool isCall) internal pure returns (uint256 amount) {
        amount = isCall
            ? FixedPointMathLib.zeroFloorSub(price, strike)
            : FixedPointMathLib.zeroFloorSub(strike, price);
        amount -= amount % PAYOFF_UNIT;
    }

    /// @notice Exact: lot * payoff unit = 1e18.
    function times(uint256 amount, uint256 lots) internal pure returns (uint256) {
        return amount / PAYOFF_UNIT * lots;
    }

    /// @notice What the pool does not have for longs without the insurance fund.
    function lacking(ILPVault vault, IInsuranceFund insurance) external view returns (Wad) {
        Solvency memory state = vault.solvency();
        Wad own = state.assets.subFloor(insurance.balance()) + state.shortReceivable;
        return state.longs.subFloor(own);
    }
}
