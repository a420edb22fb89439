// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MockToken} from "../contracts/mocks/MockToken.sol";
import {IHedgeManager} from "../contracts/interfaces/IHedging.sol";
import {PricingParams} from "../contracts/types/Params.sol";
import {BookGreeks, ExpiryBook, Mode, OracleView} from "../contracts/types/Types.sol";
import {SWad, Seconds, Timestamp, Wad} from "../contracts/types/Units.sol";

/// The hedge manager's neighbours with values that a test sets: they isolate its own arithmetic.

contract OracleStub {
    OracleView private seen;

    function set(uint256 price, Mode mode) external {
        seen.price = Wad.wrap(price);
        seen.mode = mode;
    }

    function read() external view returns (OracleView memory) {
        return seen;
    }
}

contract BreakerStub {
    Mode public own;

    function set(Mode mode) external {
        own = mode;
    }

    function effective(Mode oracleMode) external view returns (Mode) {
        return oracleMode > own ? oracleMode : own;
    }
}

/// One fresh and one stale expiry.
contract LedgerStub {
    int256 public delta;
    int256 public gamma;
    int256 public staleDelta;
    int256 public staleGamma;
    bool public stale;
    bool public refreshable;
    uint64 private constant FRESH = 1_800_000_000;
    uint64 private constant STALE = 1_900_000_000;

    function set(int256 delta_, int256 gamma_) external {
        (delta, gamma) = (delta_, gamma_);
    }

    function setStale(int256 delta_, bool refreshable_) external {
        (stale, staleDelta, refreshable) = (true, delta_, refreshable_);
    }

    function setStaleGamma(int256 gamma_) external {
        staleGamma = gamma_;
    }

    function refresh(Timestamp) external {
        require(refreshable, "sick");
        stale = false;
    }

    function aggregate(Wad)
        external
        view
        returns (BookGreeks memory greeks, SWad liability, SWad[8] memory nodes, Timestamp first)
    {
        greeks.delta = SWad.wrap(delta + staleDelta);
        greeks.gamma = SWad.wrap(gamma);
        liability = SWad.wrap(0);
        nodes[0] = SWad.wrap(0);
        first = Timestamp.wrap(stale ? STALE : 0);
    }

    function glance(Wad) external view returns (bool, SWad, SWad) {
        return (!stale, SWad.wrap(delta + staleDelta), SWad.wrap(gamma));
    }

    function expiries() external pure returns (Timestamp[] memory list) {
        list = new Timestamp[](2);
        (list[0], list[1]) = (Timestamp.wrap(FRESH), Timestamp.wrap(STALE));
    }

    function book(Timestamp expiry) external view returns (ExpiryBook memory made) {
        bool old = expiry.rawTime() == STALE && stale;
        made.refreshedSpot = Wad.wrap(2000e18);
        made.refreshedAt = Timestamp.wrap(uint64(block.timestamp - (old ? 4000 : 0)));
        made.greeks.gamma = SWad.wrap(expiry.rawTime() == STALE ? staleGamma : int256(0));
        made.greeks.delta = SWad.wrap(expiry.rawTime() == STALE ? staleDelta : delta);
    }
}

contract SurfaceStub {
    function params() external pure returns (PricingParams memory p) {
        p.greekMaxAge = Seconds.wrap(600);
        p.greekMaxMove = Wad.wrap(0.01e18);
    }
}

/// Cash with its token; NAV = cash + hedge equity.
contract VaultStub {
    MockToken private immutable TOKEN;
    IHedgeManager public hedge;
    uint256 private held;

    constructor(MockToken token) {
        TOKEN = token;
    }

    function setUp(IHedgeManager hedge_, uint256 cash_) external {
        hedge = hedge_;
        held = cash_;
        TOKEN.mint(address(this), cash_ / 1e12);
    }

    function cash() external view returns (Wad) {
        return Wad.wrap(held);
    }

    function navFast(Wad spot) external view returns (SWad) {
        return Wad.wrap(held).signed() + hedge.equityAt(spot);
    }

    function debit(address to, Wad amount) external {
        require(amount.raw() % 1e12 == 0, "not whole units");
        held -= amount.raw();
        TOKEN.transfer(to, amount.raw() / 1e12);
    }

    function credit(Wad amount) external {
        require(amount.raw() % 1e12 == 0, "not whole units");
        held += amount.raw();
    }
}
