// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LibCall} from "solady/utils/LibCall.sol";
import {ISignal} from "../interfaces/IFeeds.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {AimParams, BandParams} from "../types/Params.sol";
import {HedgeInput} from "../types/Types.sol";
import {ONE, SWad, Seconds, Wad} from "../types/Units.sol";
import {BandPolicy} from "./BandPolicy.sol";

/// The band around an aim that leaves zero for two reasons. Minimum variance: volatility moves with spot, so vega
/// carries delta, slope * vega / S (Hull and White 2017, J. Banking and Finance 82, 180), and net delta aims at minus
/// that. A signal from outside: an opinion in [-1, 1]. Together they stay within a multiple of the band. A signal that is
/// old or broken counts as none, one beyond its range as a full one.
contract AimedBandPolicy is BandPolicy {
    uint256 private constant SIGNAL_GAS = 50_000;

    address private immutable SIGNAL;
    SWad private immutable VOL_SLOPE;
    Wad private immutable MAX_AIM;
    Wad private immutable SIGNAL_SHARE;
    uint256 private immutable SIGNAL_AGE;

    constructor(BandParams memory band_, AimParams memory aim_, address signal_) BandPolicy(band_) {
        ParamBounds.check(aim_);
        SIGNAL = signal_;
        (VOL_SLOPE, MAX_AIM) = (aim_.volSlope, aim_.maxAim);
        (SIGNAL_SHARE, SIGNAL_AGE) = (aim_.signalShare, aim_.signalAge.rawSeconds());
    }

    function aimParams() external view returns (AimParams memory) {
        return AimParams(VOL_SLOPE, MAX_AIM, SIGNAL_SHARE, Seconds.wrap(uint64(SIGNAL_AGE)));
    }

    function _aim(HedgeInput calldata input, Wad band) internal view override returns (SWad) {
        SWad most = band.mulDown(MAX_AIM).signed();
        return (_opinion(band) - _carried(input)).minSWad(most).maxSWad(-most);
    }

    /// @dev The aim moves with vega and with the signal.
    function _quiet(Wad) internal pure override returns (Wad) {
        return Wad.wrap(0);
    }

    /// @dev Delta that vega carries.
    function _carried(HedgeInput calldata input) private view returns (SWad) {
        return VOL_SLOPE.mulS(input.vega).divS(input.spot);
    }

    function _opinion(Wad band) private view returns (SWad) {
        if (SIGNAL_SHARE.isZero()) return SWad.wrap(0);
        bytes memory request = abi.encodeCall(ISignal.latest, ());
        (bool ok,, bytes memory data) = LibCall.tryStaticCall(SIGNAL, SIGNAL_GAS, 64, request);
        if (!ok || data.length != 64) return SWad.wrap(0);
        (int256 value, uint256 time) = abi.decode(data, (int256, uint256));
        if (time > block.timestamp || block.timestamp - time > SIGNAL_AGE) return SWad.wrap(0);
        SWad full = SWad.wrap(int256(ONE));
        return SWad.wrap(value).minSWad(full).maxSWad(-full).mulWadS(band.mulDown(SIGNAL_SHARE));
    }
}
