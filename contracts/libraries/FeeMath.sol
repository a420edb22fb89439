// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MarketParams} from "../types/Params.sol";
import {BookChange, OracleView} from "../types/Types.sol";
import {ONE, Wad} from "../types/Units.sol";

/// What the pool takes for a trade, rounded up.
library FeeMath {
    /// @notice (max(premiumFee |cost|, spotFee S max(|delta|, minFeeDelta) |size|) + bandFee |delta| (high - low) / 2
    /// |size|) (1 + confidenceFee (1 - confidence)).
    function fee(
        MarketParams memory p, OracleView memory seen, BookChange memory change, Wad size, Wad confidence
    ) internal pure returns (Wad) {
        Wad half = _halfSpread(p, seen.price, change, size) + _band(p, seen, change.delta.absS(), size);
        Wad doubt = Wad.wrap(ONE).subFloor(confidence);
        return half + half.mulUp(p.confidenceFee.mulUp(doubt));
    }

    function _halfSpread(MarketParams memory p, Wad spot, BookChange memory change, Wad size)
        private
        pure
        returns (Wad)
    {
        Wad byPremium = change.cost.absS().mulUp(p.premiumFee);
        Wad delta = change.delta.absS().maxWad(p.minFeeDelta);
        return byPremium.maxWad(spot.mulUp(p.spotFee).mulUp(delta).mulUp(size));
    }

    function _band(MarketParams memory p, OracleView memory seen, Wad delta, Wad size) private pure returns (Wad) {
        Wad halfBand = Wad.wrap(seen.high.subFloor(seen.low).raw() / 2);
        return halfBand.mulUp(p.bandFee).mulUp(delta).mulUp(size);
    }
}
