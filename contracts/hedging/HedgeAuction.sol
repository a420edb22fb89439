// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {ICircuitBreaker} from "../interfaces/ICircuitBreaker.sol";
import {IHedgeManager} from "../interfaces/IHedging.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {ITradeRules} from "../interfaces/ITradeRules.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {RewardParams} from "../types/Params.sol";
import {Addresses, HedgeDecision, Mode, OracleView, VenueQuote} from "../types/Types.sol";
import {ONE, SWad, Seconds, Timestamp, Wad, blockTime} from "../types/Units.sol";
import {SpotDesk} from "./SpotDesk.sol";

/// A venue of the router whose only liquidity is what a filler brings along: he offers underlying (or quote) against
/// the oracle's low (high) price improved by a reward that rises while the pool needs delta, has the pool hedge, and
/// takes back what it did not want. The router compares his price with the other venues'.
contract HedgeAuction is SpotDesk {
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    /// @dev What the filler of this transaction offers; left: + the pool buys. cash: what has moved, in whole units.
    struct Offer {
        address filler;
        bool poolSells;
        uint128 price;
        int128 left;
        uint128 cash;
    }

    event NeedNoticed(SWad wanted, Timestamp since);
    event NeedOver();
    event HedgeFilled(address indexed filler, SWad size, Wad price, Wad reward);

    error RewardsOff(Mode mode, Wad move);
    error TradedInBlock(address account);
    /// @notice The pool does not want this; `wanted` has the sign of what it buys.
    error NotNeeded(SWad offered, SWad wanted);
    error OfferOpen();

    /// Parts in which a router may take an offer: each is rounded up to a unit of quote.
    uint256 private constant PARTS = 4;

    IHedgeManager private immutable HEDGE;
    ICircuitBreaker private immutable BREAKER;
    ITradeRules private immutable RULES;
    Wad private immutable MAX_REWARD;
    Seconds private immutable RAMP;
    Wad private immutable MAX_MOVE;
    Wad private immutable BUDGET;
    Wad private immutable LEVERAGE;

    Offer private offer;
    Timestamp public neededSince; // 0 = no need noticed
    bool private buys; // the need's direction
    Wad public rewardsPaid;

    constructor(Addresses memory book, address underlying, RewardParams memory p)
        SpotDesk(book, underlying, p.maxLeverage)
    {
        ParamBounds.check(p, IOptionMarket(book.market).params().inventoryFee);
        HEDGE = IHedgeManager(book.hedge);
        BREAKER = ICircuitBreaker(book.breaker);
        RULES = ITradeRules(IOptionMarket(book.market).rules());
        (MAX_REWARD, RAMP, MAX_MOVE, BUDGET, LEVERAGE) =
            (p.maxReward, p.ramp, p.maxMove, p.budget, p.maxLeverage);
    }

    function params() external view returns (RewardParams memory) {
        return RewardParams(MAX_REWARD, RAMP, MAX_MOVE, BUDGET, LEVERAGE);
    }

    // ------------------------------------------------------------ the need

    /// @notice Starts the clock when the pool needs delta, stops it when it does not. Anyone.
    function notice() external {
        _notice(_wanted());
    }

    /// @notice Reward per underlying as a share of spot, now; 0 before the need was noticed.
    function reward() public view returns (Wad) {
        if (neededSince.rawTime() == 0) return Wad.wrap(0);
        uint256 age = FixedPointMathLib.min(blockTime().since(neededSince), RAMP.rawSeconds());
        return Wad.wrap(MAX_REWARD.raw() * age / RAMP.rawSeconds());
    }

    /// @dev What the policy would trade, less what the stored band, by which inventory fees were paid, still covers:
    /// nobody pushes delta at a wide band's low fee and is rewarded at a narrow one.
    function _wanted() private view returns (SWad wanted) {
        (HedgeDecision memory decision,) = HEDGE.preview();
        if (!decision.due) return wanted;
        (, Wad band,) = HEDGE.inventory();
        Wad least = decision.trade.absS().subFloor(band.subFloor(decision.band));
        return _signed(least, decision.trade);
    }

    function _notice(SWad wanted) private {
        bool needed = !wanted.isZeroS();
        bool same = needed && neededSince.rawTime() != 0 && buys == !wanted.isNegative();
        if (same || !needed && neededSince.rawTime() == 0) return;
        neededSince = needed ? blockTime() : Timestamp.wrap(0);
        buys = !wanted.isNegative();
        if (needed) emit NeedNoticed(wanted, neededSince);
        else emit NeedOver();
    }

    // ------------------------------------------------------------ filling

    /// @notice Sells `size` underlying to the pool (+) or buys it from the pool (-), or less if the pool wants less or
    /// another venue is cheaper, at `limit` or better for the filler. Takes the whole amount, returns the rest.
    /// Returns filled: with the sign of size
    function fill(SWad size, Wad limit) external returns (SWad filled) {
        if (offer.filler != address(0)) revert OfferOpen();
        OracleView memory seen = _requireRewards();
        if (RULES.lastTradeBlock(msg.sender) == block.number) revert TradedInBlock(msg.sender);
        SWad wanted = _wanted();
        _notice(wanted);
        if (wanted.isZeroS() || size.isNegative() != wanted.isNegative()) revert NotNeeded(size, wanted);
        size = _signed(size.absS().minWad(wanted.absS()), size);
        Wad rate = _affordable(size, seen.price);
        Wad price = _priceOf(size, seen, rate);
        if (size.isNegative() ? price > limit : price < limit) revert VenueLimit(price, limit);
        offer = Offer(msg.sender, size.isNegative(), uint128(price.raw()), int128(size.rawS()), 0);
        Wad escrow = _take(size);
        HEDGE.hedge();
        filled = _settle(size, escrow, seen.price.mulUp(rate));
        _notice(_wanted());
    }

    function _take(SWad size) private returns (Wad escrow) {
        if (size.isNegative()) {
            escrow = _cost(size.absS()) + Wad.wrap(PARTS * UNIT);
            QUOTE.safeTransferFrom(msg.sender, address(this), escrow.raw() / UNIT);
        } else {
            UNDERLYING.safeTransferFrom(msg.sender, address(this), size.absS().raw());
        }
    }

    /// @dev The filler gets what the pool's account was booked and what is left of his escrow.
    function _settle(SWad size, Wad escrow, Wad bonus) private returns (SWad filled) {
        Offer memory done = offer;
        delete offer;
        filled = size - SWad.wrap(done.left);
        if (filled.isZeroS()) revert NotNeeded(size, filled);
        Wad paid = filled.absS().mulUp(bonus);
        rewardsPaid = rewardsPaid + paid;
        emit HedgeFilled(msg.sender, filled, Wad.wrap(done.price), paid);
        SWad underlying = done.poolSells ? -filled : SWad.wrap(done.left);
        Wad cash = done.poolSells ? escrow - Wad.wrap(done.cash) : Wad.wrap(done.cash);
        UNDERLYING.safeTransfer(msg.sender, underlying.absS().raw());
        QUOTE.safeTransfer(msg.sender, cash.raw() / UNIT);
    }

    /// @dev Quote for `amount` at the offer's price in whole units: who buys underlying pays up, who sells gets down.
    function _cost(Wad amount) private view returns (Wad) {
        Wad price = Wad.wrap(offer.price);
        return Wad.wrap(
            offer.poolSells ? amount.mulUp(price).raw().ceilUnit(UNIT) : amount.mulDown(price).raw().floorUnit(UNIT)
        );
    }

    function _requireRewards() private view returns (OracleView memory seen) {
        seen = ORACLE.read();
        Mode mode = BREAKER.effective(seen.mode);
        Wad move = _move(seen.price);
        if (mode != Mode.NORMAL || !MAX_MOVE.isZero() && move > MAX_MOVE) revert RewardsOff(mode, move);
    }

    function _move(Wad spot) private view returns (Wad) {
        Wad average = ORACLE.twap();
        return average.isZero() ? average : (spot.signed() - average.signed()).absS().divUp(average);
    }

    /// @dev The clock's reward, or what the inventory fees collected still pay for.
    function _affordable(SWad size, Wad spot) private view returns (Wad rate) {
        rate = reward();
        if (BUDGET.isZero()) return rate;
        Wad left = RULES.inventoryFees().mulDown(BUDGET).subFloor(rewardsPaid);
        return rate.minWad(left.divDown(size.absS().mulUp(spot) + Wad.wrap(1)));
    }

    function _priceOf(SWad size, OracleView memory seen, Wad rate) private pure returns (Wad) {
        return size.isNegative() ? seen.high - seen.price.mulDown(rate) : seen.low + seen.price.mulDown(rate);
    }

    // ------------------------------------------------------------ as a venue

    function quote(SWad size) external view returns (VenueQuote memory answer) {
        int256 left = offer.left;
        if (left == 0 || left < 0 != size.isNegative() || size.absS() > SWad.wrap(left).absS()) return answer;
        return VenueQuote(true, Wad.wrap(offer.price));
    }

    /// @notice Only while an offer is open, and not more than it.
    function trade(SWad size, Wad limit) external returns (Wad price) {
        SWad left = SWad.wrap(offer.left);
        bool fits = !left.isZeroS() && left.isNegative() == size.isNegative() && size.absS() <= left.absS();
        if (!fits) revert VenuePaused();
        price = Wad.wrap(offer.price);
        if (size.isNegative() ? price < limit : price > limit) revert VenueLimit(price, limit);
        offer.left = int128((left - size).rawS());
        Wad cash = _cost(size.absS());
        offer.cash += uint128(cash.raw());
        _book(msg.sender, size, size.isNegative() ? -cash.signed().rawS() : cash.signed().rawS(), _spot());
        emit VenueTraded(msg.sender, size, price, _size(msg.sender));
    }

    function _signed(Wad amount, SWad like) private pure returns (SWad) {
        return like.isNegative() ? -amount.signed() : amount.signed();
    }
}
