// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {InventoryFee} from "../contracts/libraries/InventoryFee.sol";
import {ITradeRules} from "../contracts/interfaces/ITradeRules.sol";
import {MarketParams, VaultParams} from "../contracts/types/Params.sol";
import {TradeResult} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {World} from "./World.sol";

/// Inventory fees and rebates in the whole protocol: no cycle of trades, with hedges and prices in between and from
/// any inventory of others, earns more rebates than it paid fees.
contract InventoryTest is World {
    address private constant LP = address(0x19);
    address private constant OTHER = address(0xA2);
    address private constant TRADER = address(0xA1);
    uint256 private constant CYCLES = 5;

    Timestamp private expiry;
    ITradeRules private rules;

    function setUp() public {
        deploy();
        fundPool(LP, 1_000_000e18);
        fund(OTHER, 500_000e18);
        fund(TRADER, 500_000e18);
        expiry = list(30 * DAY);
        rules = ITradeRules(market.rules());
    }

    /// The half-spread off: only inventory fees and the cost function are left.
    function marketParams() internal view override returns (MarketParams memory p) {
        p = super.marketParams();
        (p.premiumFee, p.spotFee, p.bandFee, p.confidenceFee) = (_w(0), _w(0), _w(0), _w(0));
        (p.maxDelta, p.accountDeltaLimit, p.gammaLimit, p.vegaLimit) = (_w(0), _w(0), _w(0), _w(0));
        (p.inventoryFee, p.inventoryRebate) = (_w(0.0008e18), _w(0.7e18));
    }

    /// forge-config: default.fuzz.runs = 220
    /// forge-config: lite.fuzz.runs = 50
    function testFuzz_cycles_neverEarnRebates(uint256 seed) public {
        _deal(OTHER, _size(seed, 0), _series(seed, 1));
        if (seed % 2 == 0) _hedge();
        for (uint256 i; i < CYCLES; ++i) {
            _cycle(uint256(keccak256(abi.encode(seed, i))));
        }
        Wad sum = rules.inventoryPaid(TRADER) + rules.inventoryPaid(OTHER);
        eq(rules.inventoryFees(), sum.raw(), "the pot is the sum of what accounts may get back");
    }

    /// Up to four trades and back, hedges and small moves in between; the prices come back before the last.
    function _cycle(uint256 seed) private {
        int256 sum;
        uint256 spot = spotNow;
        uint256 had = rules.inventoryPaid(TRADER).raw();
        int256[4] memory sizes;
        for (uint256 i; i < 4; ++i) {
            sizes[i] = _size(seed, i);
            (bool ok, int256 charged) = _deal(TRADER, sizes[i], _series(seed, i));
            if (!ok) sizes[i] = 0;
            sum += charged;
            if (_draw(seed, 20 + i) % 3 == 0) _hedge();
            if (_draw(seed, 30 + i) % 4 == 0) step(60, spot * (990 + _draw(seed, 40 + i) % 21) / 1000);
        }
        step(60, spot);
        for (uint256 i; i < 4; ++i) {
            uint256 k = 3 - i;
            (, int256 charged) = _deal(TRADER, -sizes[k], _series(seed, k));
            sum += charged;
            if (_draw(seed, 50 + i) % 3 == 0) _hedge();
        }
        eq(int256(rules.inventoryPaid(TRADER).raw()) - int256(had), sum, "what is left is what was charged");
        check(int256(had) + sum >= 0, "rebates beyond fees paid");
    }

    function _deal(address who, int256 size, SeriesId id) private returns (bool ok, int256 charged) {
        if (size == 0) return (true, 0);
        vm.prank(who);
        try market.trade(id, SWad.wrap(size), SWad.wrap(NO_LIMIT)) returns (TradeResult memory r) {
            return (true, r.inventory.rawS());
        } catch {
            return (false, 0);
        }
    }

    function _hedge() private {
        try hedge.hedge() {} catch {}
    }

    function _series(uint256 seed, uint256 i) private view returns (SeriesId) {
        return seriesId(expiry, _draw(seed, 10 + i) % 5, _draw(seed, 60 + i) % 2 == 0);
    }

    function _size(uint256 seed, uint256 i) private pure returns (int256) {
        return bound(int256(_draw(seed, i) >> 1), -30e18, 30e18) / 1e12 * 1e12;
    }

    function _draw(uint256 seed, uint256 i) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, "draw", i)));
    }

    // ------------------------------------------------------------ the library

    /// By hand: band 10, h S = 2. From 0 to 5: 2 * 25/20 = 2.5; to 20: 2 * (20 - 5) = 30. Back from 20 to 0: 0.7 * 30.
    function test_charge_byHand() public pure {
        eq(_charge(0, 5e18, 100e18), 2.5e18, "inside");
        eq(_charge(0, -20e18, 100e18), 30e18, "beyond, other sign");
        eq(_charge(-20e18, 0, 100e18), -21e18, "rebate");
        eq(_charge(-20e18, 0, 4e18), -4e18, "never beyond what was paid");
        eq(_charge(5e18, -5e18, 100e18), 0, "across to the same distance");
        eq(_charge(0, 3e18, 0), 2 * 0.45e18, "inside 2");
        eq(InventoryFee.charge(SWad.wrap(0), SWad.wrap(3e18), Wad.wrap(0), Wad.wrap(2e18), Wad.wrap(0), Wad.wrap(0)), 6e18, "no band");
    }

    function _charge(int256 from, int256 to, uint256 paid) private pure returns (SWad) {
        return InventoryFee.charge(
            SWad.wrap(from), SWad.wrap(to), Wad.wrap(10e18), Wad.wrap(2e18), Wad.wrap(0.7e18), Wad.wrap(paid)
        );
    }
}
