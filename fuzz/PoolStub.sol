// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LPVault} from "../contracts/LPVault.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {InsuranceParams} from "../contracts/types/Params.sol";
import {Addresses, BookGreeks, Mode, OracleView} from "../contracts/types/Types.sol";
import {SWad, Timestamp, Wad} from "../contracts/types/Units.sol";

/// A token whose issuer can block an address.
contract BlockingToken is MockToken {
    mapping(address => bool) public blocked;

    constructor() MockToken("Dollar", "USD", 6) {}

    function setBlocked(address who, bool value) external {
        blocked[who] = value;
    }

    function transfer(address to, uint256 units) public override returns (bool) {
        require(!blocked[to], "blocked");
        return super.transfer(to, units);
    }
}

/// Every neighbour of the vault and of the breaker in one contract, with values that a test sets. The book's
/// liability is a parabola in spot, the hedge a line.
contract PoolStub {
    LPVault public vault;
    BlockingToken public token;

    OracleView private _seen;
    Mode public own; // the breaker's
    int256 public liability; // at the oracle's price
    int256 public slope; // d liability / d spot
    int256 public bend; // second derivative
    int256 public drift; // of the ledger's stored liability from the exact one
    int256[8] public nodes;
    uint64 public stale;
    uint256 public uncoveredNow;
    uint256[8] public uncoveredNodes;
    int256 public settled;
    uint256 public longs;
    uint256 public shorts;
    uint64 public live; // a listed expiry, 0 = none
    uint256 public volGap;
    uint256 public volConfidence = 1e18;
    int256 public vega;
    bool public swept;
    uint256 public liveInsolvent;
    uint256 public balance; // of the insurance fund
    uint256 public target;
    int256 public hedgeEquity; // at the oracle's price
    int256 public hedgeSize;
    uint256 public shortfall;
    bool public sick;

    constructor(BlockingToken token_) {
        token = token_;
        setPrice(2000e18, 2000e18, 2000e18);
    }

    function book(address guardian) external view returns (Addresses memory) {
        address me = address(this);
        address none = address(0);
        return Addresses(address(token), none, none, me, me, me, me, me, me, me, address(vault), me, me, me, guardian);
    }

    // ------------------------------------------------------------ set

    function setVault(LPVault vault_) external {
        vault = vault_;
    }

    function setPrice(uint256 low, uint256 price, uint256 high) public {
        _seen = OracleView(
            Wad.wrap(price), Wad.wrap(low), Wad.wrap(high), Wad.wrap(1e18), _seen.mode, Timestamp.wrap(1)
        );
    }

    function setModes(Mode oracle, Mode own_) external {
        (_seen.mode, own) = (oracle, own_);
    }

    function setBook(int256 liability_, int256 slope_, int256 bend_) external {
        (liability, slope, bend) = (liability_, slope_, bend_);
    }

    function setDrift(int256 drift_) external {
        drift = drift_;
    }

    function setNode(uint256 i, int256 value, uint256 uncovered_) external {
        (nodes[i], uncoveredNodes[i]) = (value, uncovered_);
    }

    function setExpiry(uint64 live_, bool swept_, uint64 stale_) external {
        (live, swept, stale) = (live_, swept_, stale_);
    }

    function setVol(uint256 gap, uint256 confidence, int256 vega_) external {
        (volGap, volConfidence, vega) = (gap, confidence, vega_);
    }

    function setOwed(uint256 longs_, uint256 shorts_, uint256 uncovered_, int256 settled_) external {
        (longs, shorts, uncoveredNow, settled) = (longs_, shorts_, uncovered_, settled_);
    }

    function setInsurance(uint256 balance_, uint256 target_, uint256 auctions) external {
        (balance, target, liveInsolvent) = (balance_, target_, auctions);
    }

    function setHedge(int256 equity_, int256 size_, uint256 shortfall_, bool sick_) external {
        (hedgeEquity, hedgeSize, shortfall, sick) = (equity_, size_, shortfall_, sick_);
    }

    /// The protocol earns or loses cash.
    function earn(uint256 amount) external {
        token.mint(address(vault), amount / 1e12);
        vault.credit(Wad.wrap(amount));
    }

    function lose(uint256 amount) external {
        vault.debit(address(0xdead), Wad.wrap(amount));
    }

    // ------------------------------------------------------------ oracle, breaker

    function read() external view returns (OracleView memory) {
        return _seen;
    }

    function effective(Mode oracleMode) public view returns (Mode) {
        return oracleMode > own ? oracleMode : own;
    }

    function mode() external view returns (Mode) {
        return effective(_seen.mode);
    }

    // ------------------------------------------------------------ ledger

    function liabilityAt(Wad spot) public view returns (SWad) {
        int256 move = int256(spot.raw()) - int256(_seen.price.raw());
        return SWad.wrap(liability + (slope + bend * move / 2e18) * move / 1e18);
    }

    function aggregate(Wad spot)
        external
        view
        returns (BookGreeks memory greeks, SWad value, SWad[8] memory values, Timestamp first)
    {
        greeks.delta = SWad.wrap(-slope - bend * (int256(spot.raw()) - int256(_seen.price.raw())) / 1e18);
        greeks.gamma = SWad.wrap(-bend);
        value = liabilityAt(spot) + SWad.wrap(drift);
        for (uint256 i; i < 8; ++i) {
            values[i] = SWad.wrap(nodes[i]);
        }
        first = Timestamp.wrap(stale);
    }

    function vegaOf(Timestamp) external view returns (SWad) {
        return SWad.wrap(vega);
    }

    // ------------------------------------------------------------ surface

    function status(Timestamp) external view returns (bool, Wad, Wad) {
        return (true, Wad.wrap(volGap), Wad.wrap(volConfidence));
    }

    // ------------------------------------------------------------ market

    function uncovered() external view returns (Wad current, Wad[8] memory values) {
        current = Wad.wrap(uncoveredNow);
        for (uint256 i; i < 8; ++i) {
            values[i] = Wad.wrap(uncoveredNodes[i]);
        }
    }

    function square() external {}

    function settledOwed() external view returns (SWad) {
        return SWad.wrap(settled);
    }

    function grossMarks(Wad) external view returns (Wad, Wad) {
        return (Wad.wrap(longs), Wad.wrap(shorts));
    }

    function liveExpiries() external view returns (Timestamp[] memory list) {
        list = new Timestamp[](live == 0 ? 0 : 1);
        if (live != 0) list[0] = Timestamp.wrap(live);
    }

    function settlementOf(Timestamp) external view returns (Wad, Wad, bool, bool) {
        return (Wad.wrap(0), Wad.wrap(0), swept, false);
    }

    // ------------------------------------------------------------ hedge, insurance

    function equityAt(Wad spot) external view returns (SWad) {
        return SWad.wrap(hedgeEquity + hedgeSize * (int256(spot.raw()) - int256(_seen.price.raw())) / 1e18);
    }

    function equity() external view returns (SWad) {
        require(!sick, "venue down");
        return SWad.wrap(hedgeEquity);
    }

    function size() external view returns (SWad) {
        require(!sick, "venue down");
        return SWad.wrap(hedgeSize);
    }

    function params() external view returns (InsuranceParams memory) {
        return InsuranceParams(Wad.wrap(0.5e18), Wad.wrap(target));
    }
}
