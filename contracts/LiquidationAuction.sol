// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {IGreekLedger} from "./interfaces/IGreekLedger.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILiquidationAuction} from "./interfaces/ILiquidationAuction.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {AuctionMath} from "./libraries/AuctionMath.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {AuctionParams} from "./types/Params.sol";
import {Addresses, Auction, BidPreview, Leg, MarginView, Mode, OracleView} from "./types/Types.sol";
import {ONE, SWad, Seconds, Timestamp, Wad, blockTime} from "./types/Units.sol";

contract LiquidationAuction is ILiquidationAuction, ReentrancyGuardTransient {
    using AuctionMath for AuctionParams;
    using SafeCastLib for uint256;
    using TokenUnits for uint256;

    /// @dev What a bid is calculated from.
    struct Case {
        AuctionParams p;
        Wad spot;
        SWad worth; // of legs, balance and underlying to who takes them over: underlying counts in full, at its low price
        Auction auction; // as it stands after it may have turned insolvent
        bool turned;
        MarginView margin;
    }

    /// @dev An Auction in one slot.
    struct Slot {
        Timestamp startedAt;
        bool insolvent;
        uint32 nonce;
        uint128 received;
    }

    Timestamp private constant NONE = Timestamp.wrap(0);

    uint256 private immutable UNIT;
    IOracleGuard private immutable ORACLE;
    IGreekLedger private immutable LEDGER;
    IMarginEngine private immutable MARGIN;
    IOptionMarket private immutable MARKET;
    IInsuranceFund private immutable INSURANCE;
    Wad private immutable START_PRICE;
    Wad private immutable KINK_PRICE;
    Wad private immutable END_PRICE;
    Seconds private immutable FAST;
    Seconds private immutable SLOW;
    Wad private immutable PENALTY_SHARE;
    Wad private immutable INSURANCE_PART;
    Wad private immutable MIN_BOUNTY;
    Wad private immutable DUST;
    Seconds private immutable BOUNTY_TIME;
    Wad private immutable CLOSE_VOL_FACTOR;
    Wad private immutable CLOSE_DRIFT;

    mapping(address => Slot) private _auctions;
    uint256 public liveInsolvent;

    constructor(Addresses memory book, AuctionParams memory p) {
        ParamBounds.check(p);
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        ORACLE = IOracleGuard(book.oracle);
        LEDGER = IGreekLedger(book.ledger);
        MARGIN = IMarginEngine(book.margin);
        MARKET = IOptionMarket(book.market);
        INSURANCE = IInsuranceFund(book.insurance);
        (START_PRICE, KINK_PRICE, END_PRICE) = (p.startPrice, p.kinkPrice, p.endPrice);
        (FAST, SLOW, BOUNTY_TIME) = (p.fast, p.slow, p.bountyTime);
        (PENALTY_SHARE, INSURANCE_PART) = (p.penaltyShare, p.insurancePart);
        (MIN_BOUNTY, DUST) = (p.minBounty, p.dust);
        (CLOSE_VOL_FACTOR, CLOSE_DRIFT) = (p.closeVolFactor, p.closeDrift);
    }

    function params() public view returns (AuctionParams memory p) {
        (p.startPrice, p.kinkPrice, p.endPrice) = (START_PRICE, KINK_PRICE, END_PRICE);
        (p.fast, p.slow, p.bountyTime) = (FAST, SLOW, BOUNTY_TIME);
        (p.penaltyShare, p.insurancePart) = (PENALTY_SHARE, INSURANCE_PART);
        (p.minBounty, p.dust) = (MIN_BOUNTY, DUST);
        (p.closeVolFactor, p.closeDrift) = (CLOSE_VOL_FACTOR, CLOSE_DRIFT);
    }

    function auctionOf(address account) public view returns (Auction memory) {
        Slot memory a = _auctions[account];
        if (_isForgotten(a)) (a.startedAt, a.received) = (NONE, 0);
        return Auction(a.startedAt, a.insolvent, a.nonce, Wad.wrap(a.received));
    }

    /// @dev A solvent auction is over as long after its lowest price as it took there: the account may have recovered long
    /// since, and is sold again from the top.
    function _isForgotten(Slot memory a) private view returns (bool) {
        return !a.insolvent && block.timestamp > a.startedAt.rawTime() + 2 * SLOW.rawSeconds();
    }

    function _put(address account, Auction memory a) private {
        _auctions[account] = Slot(a.startedAt, a.insolvent, a.nonce, a.received.raw().toUint128());
    }

    // ------------------------------------------------------------ start and end

    function start(address account) external nonReentrant {
        OracleView memory seen = _look();
        Auction memory a = auctionOf(account);
        if (_isLive(a)) return _turn(account, a, seen);
        (bool below, MarginView memory m) = MARGIN.liquidatable(account);
        if (!below) revert Healthy(account, m.equity, m.maintenanceMargin);
        bool insolvent = params().isInsolvent(AuctionMath.worth(m, seen.low), Wad.wrap(0));
        _put(account, Auction(blockTime(), insolvent, a.nonce + 1, Wad.wrap(0)));
        if (insolvent) ++liveInsolvent;
        MARKET.touch(account);
        emit AuctionStarted(account, m.equity, m.maintenanceMargin, insolvent);
    }

    /// @dev Start on a live solvent auction: only to turn it insolvent.
    function _turn(address account, Auction memory a, OracleView memory seen) private {
        MarginView memory m = MARGIN.steadyMargin(account, seen.price);
        SWad worth = AuctionMath.worth(m, seen.low);
        if (a.insolvent || !params().isInsolvent(worth, a.received)) revert AuctionLive(account);
        (a.insolvent, a.startedAt) = (true, blockTime());
        _put(account, a);
        MARKET.touch(account);
        _countTurn(account, m.equity);
    }

    function _countTurn(address account, SWad equity) private {
        ++liveInsolvent;
        emit AuctionTurnedInsolvent(account, equity);
    }

    function end(address account) external nonReentrant {
        if (!_isLive(auctionOf(account))) revert NoAuction(account);
        MarginView memory m = MARGIN.steadyMargin(account, ORACLE.read().price);
        if (!_isHealthy(m)) revert AuctionLive(account);
        _end(account, true);
    }

    function _end(address account, bool healthy) private {
        _close(account, auctionOf(account));
        emit AuctionEnded(account, healthy);
    }

    function _close(address account, Auction memory a) private {
        if (a.insolvent) --liveInsolvent;
        _put(account, Auction(NONE, false, a.nonce, Wad.wrap(0)));
    }

    // ------------------------------------------------------------ bids

    function bid(address account, Wad fraction, SWad limit, uint32 expectedNonce) external nonReentrant {
        if (msg.sender == account) revert SelfBid(account);
        Case memory c = _case(account, _look());
        if (c.auction.nonce != expectedNonce) revert WrongNonce(c.auction.nonce, expectedNonce);
        if (_isHealthy(c.margin)) revert Healthy(account, c.margin.equity, c.margin.maintenanceMargin);
        BidPreview memory b = _preview(c, fraction);
        if (b.fraction.isZero() || _isDust(c, b)) revert NothingToFill(account);
        if (b.payment > limit) revert PriceAboveLimit(b.payment, limit);
        if (c.turned) _countTurn(account, c.margin.equity);
        _store(account, c.auction, b);
        _fill(account, c, b);
        emit BidFilled(account, msg.sender, b.fraction, b.payment, b.penalty, b.insolvent);
        if (b.fraction >= b.maxFraction) emit AuctionEnded(account, true);
    }

    function preview(address account, Wad fraction) external view returns (BidPreview memory) {
        Case memory c = _case(account, ORACLE.read());
        return _isHealthy(c.margin) ? _nothing(c) : _preview(c, fraction);
    }

    function _case(address account, OracleView memory seen) private view returns (Case memory c) {
        c.spot = seen.price;
        c.auction = auctionOf(account);
        if (!_isLive(c.auction)) revert NoAuction(account);
        c.p = params();
        c.margin = MARGIN.steadyMargin(account, c.spot);
        c.worth = AuctionMath.worth(c.margin, seen.low);
        c.turned = !c.auction.insolvent && c.p.isInsolvent(c.worth, c.auction.received);
        if (c.turned) (c.auction.insolvent, c.auction.startedAt) = (true, blockTime());
    }

    /// @dev A crumb of a larger whole would only void the others' nonce.
    function _isDust(Case memory c, BidPreview memory b) private pure returns (bool) {
        return b.fraction < b.maxFraction && c.margin.mark.absS().mulDown(b.fraction) < c.p.dust;
    }

    function _nothing(Case memory c) private view returns (BidPreview memory b) {
        b.discountedPrice = c.p.price(_elapsed(c.auction));
        b.insolvent = c.auction.insolvent;
    }

    function _preview(Case memory c, Wad fraction) private view returns (BidPreview memory b) {
        b = _nothing(c);
        Wad estate = AuctionMath.estate(c.worth, c.auction.received);
        b.maxFraction = _maxFraction(c, b, estate);
        b.fraction = fraction.minWad(b.maxFraction);
        if (b.insolvent) _setBounty(c, b);
        else _setPrice(c, b, estate);
    }

    function _maxFraction(Case memory c, BidPreview memory b, Wad estate) private pure returns (Wad) {
        if (b.insolvent || c.margin.mark.absS() < c.p.dust) return Wad.wrap(ONE);
        return AuctionMath.maxFraction(c.margin, c.worth, estate, b.discountedPrice);
    }

    function _setBounty(Case memory c, BidPreview memory b) private view {
        Wad full = (c.margin.maintenanceMargin.signed() - c.worth).positive();
        Wad bounty = c.p.bounty(full, b.fraction, _elapsed(c.auction)).minWad(INSURANCE.available());
        b.payment = -Wad.wrap(bounty.raw().floorUnit(UNIT)).signed();
    }

    function _setPrice(Case memory c, BidPreview memory b, Wad estate) private view {
        Wad part = estate.mulUp(b.fraction);
        b.payment = Wad.wrap(part.mulUp(b.discountedPrice).raw().ceilUnit(UNIT)).signed();
        Wad profit = (part.signed() - b.payment).positive();
        b.penalty = Wad.wrap(profit.mulDown(c.p.penaltyShare).raw().floorUnit(UNIT));
    }

    function _store(address account, Auction memory a, BidPreview memory b) private {
        Auction memory next = Auction(a.startedAt, a.insolvent, a.nonce + 1, a.received + b.payment.positive());
        if (b.fraction >= b.maxFraction) _close(account, next);
        else _put(account, next);
    }

    /// @dev The solvent leg keeps what earlier bids paid in; the insolvent leg hands everything over.
    function _fill(address account, Case memory c, BidPreview memory b) private {
        Wad keep = b.insolvent ? Wad.wrap(0) : c.auction.received;
        if (b.insolvent && !b.payment.isZeroS()) INSURANCE.payBounty(address(MARKET), b.payment.absS());
        Wad insured = Wad.wrap(b.penalty.mulDown(c.p.insurancePart).raw().floorUnit(UNIT));
        MARKET.moveSlice(account, msg.sender, b.fraction, keep, b.payment, insured, b.penalty - insured, c.spot);
    }

    // ------------------------------------------------------------ the pool closes

    function closeInsolvent(address account) external nonReentrant {
        OracleView memory seen = _look();
        Auction memory a = auctionOf(account);
        if (!_isLive(a)) revert NoAuction(account);
        AuctionParams memory p = params();
        uint256 elapsed = _elapsed(a);
        if (!a.insolvent || elapsed < p.bountyTime.rawSeconds()) {
            revert TooEarly(Seconds.wrap(uint64(a.insolvent ? elapsed : 0)), p.bountyTime);
        }
        MarginView memory m = MARGIN.steadyMargin(account, seen.price);
        if (_isHealthy(m)) revert Healthy(account, m.equity, m.maintenanceMargin);
        _requireStill(account);
        _end(account, false);
        MARKET.closeForPool(account, p.closeVolFactor);
    }

    /// @dev The pool buys at any price, at a moment that anyone chooses: not right after trades that made it dear.
    function _requireStill(address account) private view {
        if (CLOSE_DRIFT.isZero()) return;
        Leg[] memory legs = MARKET.legsOf(account);
        for (uint256 i; i < legs.length; ++i) {
            Wad drift = LEDGER.drift(legs[i].id.expiryOf());
            if (drift > CLOSE_DRIFT) revert VolMoved(drift, CLOSE_DRIFT);
        }
    }

    // ------------------------------------------------------------ small things

    /// @dev What the oracle says. No mode stops a liquidation, only the lack of any live feed.
    function _look() private view returns (OracleView memory seen) {
        seen = ORACLE.read();
        if (seen.confidence.isZero()) revert ModeForbids(Mode.FROZEN);
    }

    function _isLive(Auction memory a) private pure returns (bool) {
        return a.startedAt.rawTime() != 0;
    }

    /// @dev A live auction goes on until the buffer margin is reached, so that it need not start again at once.
    function _isHealthy(MarginView memory m) private pure returns (bool) {
        return m.equity >= m.bufferMargin.signed();
    }

    function _elapsed(Auction memory a) private view returns (uint256) {
        return blockTime().since(a.startedAt);
    }

    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
