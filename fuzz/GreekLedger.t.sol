// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {GreekLedger} from "../contracts/GreekLedger.sol";
import {PricingParams} from "../contracts/types/Params.sol";
import {Addresses, BookChange, ExpiryBook, OracleView} from "../contracts/types/Types.sol";
import {SWad, Seconds, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";

/// Oracle and surface in one: what a test sets is what the ledger reads.
contract Truth {
    Wad private _spot;
    uint256[3] private _words;

    function setSpot(uint256 spot) external {
        _spot = Wad.wrap(spot);
    }

    /// Vols in 1e-8, the same weight (1e-9) for all.
    function setAnchors(uint256[12] calldata vols, uint256 weight) external {
        delete _words;
        for (uint256 i; i < 12; ++i) {
            _words[i / 4] |= (vols[i] | weight << 32) << 64 * (i % 4);
        }
    }

    function read() external view returns (OracleView memory view_) {
        view_.price = _spot;
    }

    function packed(Timestamp) external view returns (uint256[3] memory) {
        return _words;
    }

    function update(Timestamp) external view returns (uint256[3] memory, Wad) {
        return (_words, _spot);
    }
}

/// The test contract is the market. Costs are checked against C(q) itself, priced in full by `liabilityAt`.
contract GreekLedgerTest is Base {
    uint256 private constant START = 1_600_000_000;
    uint256 private constant STRIKES = 12;
    /// Largest overcharge of one trade of a book of at most 12 * 200 contracts.
    int256 private constant SLACK = 1e15;
    /// Rounding of C(q) itself.
    int256 private constant GRAIN = 1e9;

    Truth private _truth;
    GreekLedger private _ledger;
    Timestamp private _expiry;

    function setUp() public {
        vm.warp(START);
        _truth = new Truth();
        Addresses memory book;
        (book.market, book.oracle, book.surface) = (address(this), address(_truth), address(_truth));
        _ledger = new GreekLedger(book, _params());
    }

    function _params() private pure returns (PricingParams memory p) {
        p.maxShift = Wad.wrap(0.25e18);
        p.curvatureLimit = Wad.wrap(0.75e18);
        p.weightWidth = Wad.wrap(0.6e18);
        p.minVol = Wad.wrap(0.05e18);
        p.maxVol = Wad.wrap(5e18);
        p.greekMaxAge = Seconds.wrap(600);
        p.greekMaxMove = Wad.wrap(0.01e18);
        p.stressGap = Wad.wrap(0.0375e18);
    }

    /// Lists a random board: 1 hour to 400 days, vols 10 % to 300 %, V from 1e3 to 1e9 quote, spot near 2000.
    function _list(uint256 seed) private {
        _truth.setSpot(_draw(seed, 1, 1500e18, 2500e18));
        uint256[12] memory vols;
        for (uint256 i; i < STRIKES; ++i) {
            vols[i] = _draw(seed, 100, 0.1e8, 2.5e8) + _draw(seed, 101 + i, 0, 0.2e8);
        }
        _truth.setAnchors(vols, _draw(seed, 3, 0.3e9, 1e9));
        _expiry = Timestamp.wrap(uint64(START + _draw(seed, 4, 1 hours, 400 days)));
        Wad[] memory strikes = new Wad[](STRIKES);
        for (uint256 i; i < STRIKES; ++i) {
            strikes[i] = Wad.wrap(1000e18 + i * 200e18);
        }
        _ledger.list(_expiry, strikes, Wad.wrap(10 ** _draw(seed, 5, 21, 27)));
    }

    function _draw(uint256 seed, uint256 index, uint256 low, uint256 high) private pure returns (uint256) {
        return bound(uint256(keccak256(abi.encode(seed, index))), low, high);
    }

    function _size(uint256 seed, uint256 index) private pure returns (SWad) {
        int256 lots = int256(_draw(seed, index, 1, 200e6));
        return SWad.wrap((seed >> (index % 256)) & 1 == 0 ? lots * 1e12 : -lots * 1e12);
    }

    function _series(uint256 seed, uint256 index) private view returns (SeriesId) {
        return seriesId(_expiry, _draw(seed, index, 0, STRIKES - 1), (seed >> (index % 256)) & 1 == 0);
    }

    function _fill(uint256 seed, uint256 trades) private {
        for (uint256 i; i < trades; ++i) {
            _ledger.trade(_series(seed, 300 + i), _size(seed, 400 + i), _spot(), false);
        }
    }

    function _spot() private view returns (Wad) {
        return _truth.read().price;
    }

    /// The cost is the rise of C(q), never less and hardly more, also after spot and time moved.
    function test_cost_of_any_trade_is_the_rise_of_liability(uint256 seed) public {
        _list(seed);
        _fill(seed, 4);
        vm.warp(START + _draw(seed, 6, 0, 3000));
        Wad spot = Wad.wrap(_spot().raw() * _draw(seed, 7, 0.9e18, 1.1e18) / 1e18);
        SWad before = _ledger.liabilityAt(spot);
        SWad cost = _ledger.trade(_series(seed, 8), _size(seed, 9), spot, false).cost;
        int256 rise = (_ledger.liabilityAt(spot) - before).rawS();
        check(cost.rawS() >= rise - GRAIN, "charged less than the rise");
        near(cost.rawS(), rise, uint256(SLACK), "charged too much");
    }

    /// Open and close in two parts: never a gain, and the stress vector is as before to the wei.
    function test_round_trip_never_gains_and_restores_the_nodes(uint256 seed) public {
        _list(seed);
        _fill(seed, 3);
        ExpiryBook memory before = _ledger.book(_expiry);
        SeriesId id = _series(seed, 10);
        SWad size = _size(seed, 11);
        SWad part = SWad.wrap(size.rawS() * int256(_draw(seed, 12, 0, 100)) / 100 / 1e12 * 1e12);
        SWad total = _ledger.trade(id, size, _spot(), false).cost;
        total = total + _ledger.trade(id, -part, _spot(), false).cost;
        total = total + _ledger.trade(id, part - size, _spot(), false).cost;
        check(!total.isNegative(), "a round trip gained");
        ExpiryBook memory later = _ledger.book(_expiry);
        for (uint256 i; i < 8; ++i) {
            eq(later.nodes[i], before.nodes[i].rawS(), "node");
        }
        for (uint256 i; i < STRIKES; ++i) {
            eq(later.net[i], before.net[i].rawS(), "net");
        }
    }

    /// A preview is the trade that follows.
    function test_preview_equals_trade(uint256 seed) public {
        _list(seed);
        _fill(seed, 2);
        (SeriesId id, SWad size) = (_series(seed, 13), _size(seed, 14));
        BookChange memory seen = _ledger.preview(id, size, _spot());
        eq(keccak256(abi.encode(seen)), keccak256(abi.encode(_ledger.trade(id, size, _spot(), false))));
    }

    /// A rebuild at the same moment and price changes nodes and Greeks only by their rounding: trades kept them.
    function test_refresh_finds_what_trades_left(uint256 seed) public {
        _list(seed);
        _fill(seed, 5);
        ExpiryBook memory left = _ledger.book(_expiry);
        _ledger.refresh(_expiry);
        ExpiryBook memory found = _ledger.book(_expiry);
        near(found.liability.rawS(), left.liability.rawS(), 1e12, "liability");
        near(found.greeks.delta.rawS(), left.greeks.delta.rawS(), 1e12, "delta");
        uint256 slack = 1e12 + left.greeks.vega.absS().raw() / 1e8; // the shift is proved to 1e-9
        near(found.greeks.vega.rawS(), left.greeks.vega.rawS(), slack, "vega");
        near(found.shift.rawS(), left.shift.rawS(), 1e10, "shift");
    }

    function eq(bytes32 got, bytes32 wanted) private pure {
        check(got == wanted, "preview differs");
    }
}
