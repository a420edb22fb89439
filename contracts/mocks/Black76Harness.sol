// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Black76} from "../libraries/Black76.sol";
import {OptionGreeks} from "../types/Types.sol";
import {Wad} from "../types/Units.sol";

/// Tests and gas benchmarks only: the library's functions, many points to a call. A point is
/// [forward, strike, seconds left, vol].
contract Black76Harness {
    function prices(uint256[4][] calldata points) external pure returns (uint256[3][] memory values) {
        values = new uint256[3][](points.length);
        for (uint256 i; i < points.length; ++i) {
            (values[i][0], values[i][1], values[i][2]) =
                Black76.price(points[i][0], points[i][1], points[i][2], points[i][3]);
        }
    }

    function greeks(uint256[4][] calldata points) external pure returns (OptionGreeks[] memory values) {
        values = new OptionGreeks[](points.length);
        for (uint256 i; i < points.length; ++i) {
            values[i] = Black76.greeks(points[i][0], points[i][1], points[i][2], points[i][3]);
        }
    }

    function lnRatios(uint256[2][] calldata points) external pure returns (int256[] memory values) {
        values = new int256[](points.length);
        for (uint256 i; i < points.length; ++i) {
            values[i] = Black76.lnRatio(points[i][0], points[i][1]);
        }
    }

    function exps(int256[] calldata points) external pure returns (uint256[2][] memory values) {
        values = new uint256[2][](points.length);
        for (uint256 i; i < points.length; ++i) {
            (values[i][0], values[i][1]) = Black76.expHalfSquare(points[i]);
        }
    }

    function mills(uint256[] calldata points) external pure returns (uint256[] memory values) {
        values = new uint256[](points.length);
        for (uint256 i; i < points.length; ++i) {
            values[i] = Black76.mills(points[i]);
        }
    }

    function totalVols(uint256[2][] calldata points) external pure returns (uint256[2][] memory values) {
        values = new uint256[2][](points.length);
        for (uint256 i; i < points.length; ++i) {
            values[i] = [Black76.totalVol(points[i][0], points[i][1]), Black76.sqrtYears(points[i][0])];
        }
    }
}

/// One function per contract, so that its place in the dispatcher does not count.
contract Black76PriceGas {
    function run(uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        external
        pure
        returns (uint256, uint256, uint256)
    {
        return Black76.price(forward, strike, secondsLeft, vol);
    }
}

/// What calling Black76PriceGas costs without the work.
contract Black76PriceEmpty {
    function run(uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        external
        pure
        returns (uint256, uint256, uint256)
    {
        unchecked {
            return (forward + strike, secondsLeft, vol);
        }
    }
}

contract Black76GreeksGas {
    function run(uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        external
        pure
        returns (OptionGreeks memory g)
    {
        Black76.greeksInto(g, forward, strike, secondsLeft, vol);
    }
}

contract Black76GreeksEmpty {
    function run(uint256 forward, uint256 strike, uint256 secondsLeft, uint256 vol)
        external
        pure
        returns (OptionGreeks memory g)
    {
        unchecked {
            (g.call, g.put, g.vega) = (Wad.wrap(forward + strike), Wad.wrap(secondsLeft), Wad.wrap(vol));
        }
    }
}

/// Gas of read-only calls, all to a warm address.
contract GasMeter {
    function measure(address target, bytes[] calldata calls) external view returns (uint256[] memory used) {
        used = new uint256[](calls.length);
        _gas(target, calls[0]);
        for (uint256 i; i < calls.length; ++i) {
            used[i] = _gas(target, calls[i]);
        }
    }

    function _gas(address target, bytes memory data) private view returns (uint256 used) {
        bool ok;
        assembly ("memory-safe") {
            used := gas()
            ok := staticcall(gas(), target, add(data, 32), mload(data), 0, 0)
            used := sub(used, gas())
        }
        require(ok);
    }
}
