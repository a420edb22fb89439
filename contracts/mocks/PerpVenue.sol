// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IHedgeVenue} from "../interfaces/IHedging.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {PerpMath} from "../libraries/PerpMath.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {PerpParams} from "../types/Params.sol";
import {VenuePosition, VenueQuote} from "../types/Types.sol";
import {ONE, SWad, Timestamp, Wad, floorDiv} from "../types/Units.sol";

/// A mock of a perpetual exchange as in Synthetix perps v2: price by skew, funding whose velocity follows the skew,
/// liquidation at each index update. Anyone may post the index, set other traders' skew and deleverage: simulation
/// only. Profits are paid from the venue's own token balance, which the deployer endows.
contract PerpVenue is IHedgeVenue {
    using SafeCastLib for uint256;
    using SafeCastLib for int256;
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    /// @dev Results up to (index, funding) are already in margin.
    struct Account {
        int128 size;
        int128 margin;
        uint96 index;
        int96 funding;
        bool known;
    }

    /// @dev rate is daily; funding is what one long underlying has paid since the start, in quote.
    struct Market {
        uint96 index;
        int96 funding;
        uint56 accruedAt;
        bool open;
        int96 skew;
        int80 rate;
        uint80 depth;
    }

    event IndexPosted(Wad price, Wad depth, bool open);
    event SkewSet(SWad skew, SWad fundingRate);
    event VenueLiquidated(address indexed account, SWad size, SWad equity, Wad price);
    event VenueDeleveraged(address indexed account, SWad size, Wad price);

    address private immutable QUOTE;
    uint256 private immutable UNIT;
    Wad private immutable SKEW_SCALE;
    Wad private immutable TAKER_FEE;
    Wad private immutable MAX_FUNDING_VELOCITY;
    Wad private immutable MAINTENANCE_RATIO;
    Wad private immutable MAX_LEVERAGE;

    Market private market;
    mapping(address => Account) private accounts;
    address[] private holders;

    constructor(address quote_, PerpParams memory params_) {
        _check(params_);
        QUOTE = quote_;
        UNIT = TokenUnits.unitOf(ERC20(quote_).decimals());
        SKEW_SCALE = params_.skewScale;
        TAKER_FEE = params_.takerFee;
        MAX_FUNDING_VELOCITY = params_.maxFundingVelocity;
        MAINTENANCE_RATIO = params_.maintenanceRatio;
        MAX_LEVERAGE = params_.maxLeverage;
    }

    function params() external view returns (PerpParams memory) {
        return PerpParams(SKEW_SCALE, TAKER_FEE, MAX_FUNDING_VELOCITY, MAINTENANCE_RATIO, MAX_LEVERAGE);
    }

    // ------------------------------------------------------------ the venue's market (mock)

    /// @notice The venue's own reference price, its depth as a multiple of normal, and whether it trades.
    /// Liquidates whoever falls below maintenance.
    function postIndex(Wad price, Wad depth, bool open) external {
        _accrue();
        market.index = price.raw().toUint96();
        market.depth = depth.raw().toUint80();
        market.open = open;
        emit IndexPosted(price, depth, open);
        for (uint256 i; i < holders.length; ++i) {
            _liquidate(holders[i]);
        }
    }

    /// @notice Sets the market's skew, longs - shorts, all traders together.
    function setSkew(SWad skew) external {
        _accrue();
        market.skew = skew.rawS().toInt96();
        emit SkewSet(skew, SWad.wrap(market.rate));
    }

    /// @notice Closes a share of an account's position at the index, without fee.
    function deleverage(address owner, Wad share) external {
        Account storage account = _settle(owner);
        int256 closed = account.size * int256(share.raw()) / int256(ONE);
        account.size = (account.size - closed).toInt128();
        market.skew = (market.skew - closed).toInt96();
        emit VenueDeleveraged(owner, SWad.wrap(-closed), Wad.wrap(market.index));
    }

    // ------------------------------------------------------------ trading

    function quote(SWad size) public view virtual returns (VenueQuote memory answer) {
        uint256 price = _fillPrice(size.rawS());
        if (!market.open || price == 0) return answer;
        return VenueQuote(true, Wad.wrap(price));
    }

    function trade(SWad size, Wad limit) external virtual returns (Wad price) {
        return _fill(msg.sender, size, limit);
    }

    function depositMargin(Wad amount) external {
        QUOTE.safeTransferFrom(msg.sender, address(this), amount.raw().toTokenUp(UNIT));
        Account storage account = _settle(msg.sender);
        account.margin = (account.margin + amount.signed().rawS()).toInt128();
        emit VenueMarginMoved(msg.sender, amount.signed(), SWad.wrap(account.margin));
    }

    function withdrawMargin(Wad amount) external {
        Account storage account = _settle(msg.sender);
        account.margin = (account.margin - amount.signed().rawS()).toInt128();
        _requireMargin(account);
        emit VenueMarginMoved(msg.sender, -amount.signed(), SWad.wrap(account.margin));
        QUOTE.safeTransfer(msg.sender, amount.raw().toTokenDown(UNIT));
    }

    // ------------------------------------------------------------ views

    function position(address owner) external view returns (VenuePosition memory) {
        Account memory account = accounts[owner];
        (, int256 funding) = _funding();
        int256 equity = _marked(account, funding);
        return VenuePosition(SWad.wrap(account.size), SWad.wrap(equity), SWad.wrap(equity).positive());
    }

    /// Returns rate: daily funding rate now; + longs pay
    function state()
        external
        view
        returns (Wad index, Wad depth, bool open, SWad skew, SWad rate, Timestamp accruedAt)
    {
        (int256 now_,) = _funding();
        return (
            Wad.wrap(market.index),
            Wad.wrap(market.depth),
            market.open,
            SWad.wrap(market.skew),
            SWad.wrap(now_),
            Timestamp.wrap(uint64(market.accruedAt))
        );
    }

    // ------------------------------------------------------------ inside

    function _fill(address owner, SWad size, Wad limit) internal returns (Wad price) {
        price = Wad.wrap(_fillPrice(size.rawS()));
        if (!market.open || price.isZero()) revert VenuePaused();
        if (size.isNegative() ? price < limit : price > limit) revert VenueLimit(price, limit);
        Account storage account = _settle(owner);
        int256 before = account.size;
        account.margin = (account.margin - _cost(size.rawS(), price.raw())).toInt128();
        account.size = (before + size.rawS()).toInt128();
        market.skew = (market.skew + size.rawS()).toInt96();
        if (FixedPointMathLib.abs(account.size) > FixedPointMathLib.abs(before)) _requireMargin(account);
        emit VenueTraded(owner, size, price, SWad.wrap(account.size));
    }

    /// @dev A fee from an account's margin, in whole units, as far as margin goes.
    function _payKeeper(address owner, Wad fee, address keeper) internal {
        Account storage account = accounts[owner];
        uint256 amount = SWad.wrap(account.margin).positive().minWad(fee).raw().floorUnit(UNIT);
        account.margin = (account.margin - int256(amount)).toInt128();
        QUOTE.safeTransfer(keeper, amount / UNIT);
    }

    function _fillPrice(int256 size) private view returns (uint256) {
        uint256 scale = SKEW_SCALE.mulDown(Wad.wrap(market.depth)).raw();
        if (scale == 0) return 0;
        uint256 price = PerpMath.fill(market.index, market.skew, size, scale);
        return PerpMath.withFee(price, TAKER_FEE.raw(), size > 0);
    }

    /// @dev What a fill takes from margin at the index: size * (price - index), rounded against the trader.
    function _cost(int256 size, uint256 price) private view returns (int256) {
        return -floorDiv(size * (_index() - int256(price)), int256(ONE));
    }

    function _funding() private view returns (int256 rate, int256 funding) {
        uint256 elapsed = block.timestamp - market.accruedAt;
        int256 velocity = PerpMath.velocity(market.skew, SKEW_SCALE.raw(), MAX_FUNDING_VELOCITY.raw());
        (rate, funding) = PerpMath.accrue(market.rate, velocity, elapsed, market.index);
        funding += market.funding;
    }

    function _accrue() private {
        if (market.accruedAt != 0) {
            (int256 rate, int256 funding) = _funding();
            (market.rate, market.funding) = (rate.toInt80(), funding.toInt96());
        }
        market.accruedAt = uint56(block.timestamp);
    }

    /// @dev Moves results up to now into margin.
    function _settle(address owner) private returns (Account storage account) {
        _accrue();
        account = accounts[owner];
        if (!account.known) holders.push(owner);
        account.known = true;
        account.margin = _marked(account, market.funding).toInt128();
        (account.index, account.funding) = (market.index, market.funding);
    }

    function _marked(Account memory account, int256 funding) private view returns (int256) {
        int256 move = _index() - int256(uint256(account.index)) - (funding - account.funding);
        return account.margin + floorDiv(account.size * move, int256(ONE));
    }

    function _index() private view returns (int256) {
        return int256(uint256(market.index));
    }

    function _notional(Account storage account) private view returns (uint256) {
        return FixedPointMathLib.fullMulDivUp(FixedPointMathLib.abs(account.size), market.index, ONE);
    }

    function _requireMargin(Account storage account) private view {
        Wad required = Wad.wrap(_notional(account)).divUp(MAX_LEVERAGE);
        if (account.margin < int256(required.raw())) revert VenueMargin(SWad.wrap(account.margin), required);
    }

    function _liquidate(address owner) private {
        if (accounts[owner].size == 0) return;
        Account storage account = _settle(owner);
        Wad maintenance = Wad.wrap(_notional(account)).mulUp(MAINTENANCE_RATIO);
        if (account.margin >= int256(maintenance.raw())) return;
        emit VenueLiquidated(owner, SWad.wrap(account.size), SWad.wrap(account.margin), Wad.wrap(market.index));
        market.skew = (int256(market.skew) - account.size).toInt96();
        (account.size, account.margin) = (0, 0);
    }

    function _check(PerpParams memory p) private pure {
        ParamBounds.bound("perp.skewScale", p.skewScale, 1e18, 1e30);
        ParamBounds.bound("perp.takerFee", p.takerFee, 0, 0.1e18);
        ParamBounds.bound("perp.maxFundingVelocity", p.maxFundingVelocity, 0, 1000e18);
        ParamBounds.bound("perp.maintenanceRatio", p.maintenanceRatio, 0, 1e18);
        ParamBounds.bound("perp.maxLeverage", p.maxLeverage, 0.1e18, 1000e18);
    }
}
