// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ExpiryBook, Leg, Tranches} from "../contracts/types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {Tally} from "./Tally.sol";
import {World} from "./World.sol";

/// Who takes part in the fuzzed lives, and what must hold in every state of them.
abstract contract MarketChecks is World, Tally {
    address[5] internal people = [address(0xA1), address(0xA2), address(0xA3), address(0xA4), address(0xA5)];
    address[2] internal lps = [address(0x19), address(0x20)];
    address internal constant WHALE = address(0xA5); // bids most of the time and keeps its money
    address internal constant KEEPER = address(0xCE); // nobody in particular

    /// T-1: custody equals the books after the handovers that wait, and no token is anywhere else.
    function checkMoney() public view {
        uint256 sum;
        for (uint256 i; i < market.accountCount(); ++i) sum += market.balanceOf(market.accountAt(i)).raw();
        eq(market.totalBalances(), sum, "T-1: total is the sum of balances");
        (SWad toVault, Wad toFund) = market.handovers();
        int256 here = int256(sum + toFund.raw()) + toVault.rawS();
        eq(int256(token.balanceOf(address(market)) * UNIT), here, "T-1: market's tokens");
        eq(token.balanceOf(address(insurance)) * UNIT + toFund.raw(), insurance.balance().raw(), "T-1: fund's tokens");
        int256 vaults = int256(token.balanceOf(address(vault)) * UNIT) + toVault.rawS();
        check(vaults >= int256(vault.cash().raw() + vault.pendingDeposits().raw()), "T-1: vault");
        check(token.balanceOf(address(auction)) == 0 && token.balanceOf(address(hedge)) == 0, "T-1: nothing sticks");
        eq(_known(), token.totalSupply(), "T-1: every token is somewhere known");
        _checkUnits();
    }

    /// T-1 of the underlying, and the flag that spares accounts without any the question.
    function _checkUnits() private view {
        uint256 sum;
        for (uint256 i; i < market.accountCount(); ++i) {
            address a = market.accountAt(i);
            eq(_units(a), collateral.unitsOf(a).raw(), "the market knows who has underlying");
            sum += _units(a).raw();
        }
        eq(collateral.totalUnits(), sum, "T-1: total is the sum of units");
        eq(underlying.balanceOf(address(collateral)), sum + collateral.stock().raw(), "T-1: underlying");
    }

    function _known() private view returns (uint256 sum) {
        for (uint256 i; i < people.length; ++i) sum += token.balanceOf(people[i]);
        for (uint256 i; i < lps.length; ++i) sum += token.balanceOf(lps[i]);
        sum += token.balanceOf(address(this)) + token.balanceOf(KEEPER) + token.balanceOf(address(venue));
        sum += token.balanceOf(address(market)) + token.balanceOf(address(vault)) + token.balanceOf(address(insurance));
    }

    function _units(address who) internal view returns (Wad units) {
        (,, units) = market.accountOf(who);
    }

    /// Q-1: legs, open interest and the ledger's net agree, series by series.
    function checkBook() public view {
        Leg[][] memory legs = new Leg[][](people.length);
        for (uint256 i; i < people.length; ++i) legs[i] = market.legsOf(people[i]);
        Timestamp[] memory live = ledger.expiries();
        for (uint256 i; i < live.length; ++i) {
            ExpiryBook memory b = ledger.book(live[i]);
            for (uint256 k; k < b.strikes.length; ++k) {
                int256 net = _checkSeries(legs, seriesId(live[i], k, true));
                eq(b.net[k].rawS(), net + _checkSeries(legs, seriesId(live[i], k, false)), "Q-1: ledger's net");
            }
        }
    }

    function _checkSeries(Leg[][] memory legs, SeriesId id) private view returns (int256 net) {
        (uint256 long, uint256 short) = (0, 0);
        for (uint256 i; i < legs.length; ++i) {
            for (uint256 k; k < legs[i].length; ++k) {
                if (legs[i][k].id.rawId() != id.rawId()) continue;
                if (legs[i][k].size.isNegative()) short += legs[i][k].size.absS().raw();
                else long += legs[i][k].size.absS().raw();
            }
        }
        (Wad longs, Wad shorts) = market.openInterest(id);
        eq(longs, long, "Q-1: longs");
        eq(shorts, short, "Q-1: shorts");
        net = int256(long) - int256(short);
    }

    /// Nothing stays owed once every settled expiry is swept.
    function checkOwed() public view {
        Timestamp[] memory live = market.liveExpiries();
        for (uint256 i; i < live.length; ++i) {
            (Wad price,,,) = market.settlementOf(live[i]);
            if (!price.isZero()) return;
        }
        eq(market.settledOwed().rawS(), 0, "owed by or to nobody");
    }

    /// S-1 and what the pool says of itself.
    function checkSolvency() public view {
        uint256 scale = vault.solvency().scale.raw();
        check(scale <= 1e18, "S-1: scale at most one");
        check(vault.freeLiquidity().raw() <= vault.cash().raw(), "free liquidity is cash");
        _checkClasses();
    }

    /// L-5, L-6: both classes together are NAV, and seniors lose nothing while juniors have anything.
    function _checkClasses() private view {
        SWad nav = vault.navParts().nav;
        Tranches memory t = vault.split(nav);
        eq(t.seniorValue.rawS() + t.juniorValue.rawS(), nav.rawS(), "L-5: senior + junior = NAV");
        if (t.juniorShares.isZero()) return;
        check(t.high >= t.claim, "L-6: gains count from above the claim");
        bool touched = t.seniorValue < t.claim.signed();
        check(!touched || t.juniorValue.rawS() <= 0, "L-6: seniors lost before the juniors were gone");
    }

    // ------------------------------------------------------------ helpers

    function _person(uint256 seed) internal view returns (address) {
        return people[seed % people.length];
    }

    /// Zero if there is none.
    function _inAuction(uint256 seed) internal view returns (address) {
        for (uint256 i; i < people.length; ++i) {
            if (_isLive(_person(seed % 5 + i))) return _person(seed % 5 + i);
        }
        return address(0);
    }

    function _isLive(address a) internal view returns (bool) {
        return auction.auctionOf(a).startedAt.rawTime() != 0;
    }

    /// A series of a live expiry, the present ones if there are any.
    function _series(uint256 seed) internal view returns (SeriesId) {
        Timestamp[] memory live = ledger.expiries();
        if (live.length == 0) return SeriesId.wrap(0);
        uint256 pick = seed % live.length;
        if (live[pick].rawTime() <= block.timestamp && seed >> 32 & 15 != 0) pick = (pick + 1) % live.length;
        return seriesId(live[pick], (seed >> 8) % 5, seed >> 16 & 1 == 1);
    }

    function _hasShorts(Leg[] memory legs) internal pure returns (bool) {
        for (uint256 i; i < legs.length; ++i) if (legs[i].size.isNegative()) return true;
        return false;
    }
}
