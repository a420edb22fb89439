// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILPVault} from "./interfaces/ILPVault.sol";
import {IOptionMarket} from "./interfaces/IOptionMarket.sol";
import {ExactTransfer} from "./libraries/ExactTransfer.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {InsuranceParams} from "./types/Params.sol";
import {Addresses} from "./types/Types.sol";
import {Wad} from "./types/Units.sol";

contract InsuranceFund is IInsuranceFund, ReentrancyGuardTransient {
    using SafeCastLib for uint256;
    using ExactTransfer for address;
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    address private immutable QUOTE;
    uint256 private immutable UNIT;
    IOptionMarket private immutable MARKET;
    address private immutable AUCTION;
    ILPVault private immutable VAULT;
    Wad private immutable MAX_SHARE;
    Wad private immutable TARGET;

    uint128 private _balance;
    uint96 private _coveredToday; // in wei of quote
    uint32 private _day;

    constructor(Addresses memory book, InsuranceParams memory params_) {
        ParamBounds.check(params_);
        QUOTE = book.quote;
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        MARKET = IOptionMarket(book.market);
        AUCTION = book.auction;
        VAULT = ILPVault(book.vault);
        MAX_SHARE = params_.maxShare;
        TARGET = params_.target;
    }

    function params() external view returns (InsuranceParams memory) {
        return InsuranceParams({maxShare: MAX_SHARE, target: TARGET});
    }

    /// @dev With what the market has booked for the fund and not handed over.
    function balance() public view returns (Wad) {
        (, Wad coming) = MARKET.handovers();
        return Wad.wrap(_balance) + coming;
    }

    // ------------------------------------------------------------ money in

    function donate(Wad amount) external nonReentrant {
        uint256 units = amount.raw() / UNIT;
        QUOTE.takeExactly(units);
        _credit(units * UNIT);
    }

    function credit(Wad amount) external {
        if (msg.sender != address(MARKET) && msg.sender != AUCTION && msg.sender != address(VAULT)) {
            revert OnlyProtocol(msg.sender);
        }
        _credit(amount.raw());
    }

    function _credit(uint256 amount) private {
        _balance += amount.toUint128();
        emit Credited(msg.sender, Wad.wrap(amount), Wad.wrap(_balance));
    }

    // ------------------------------------------------------------ money out

    function cover(Wad loss, bool uncapped) external nonReentrant returns (Wad paid) {
        if (msg.sender != address(MARKET)) revert OnlyProtocol(msg.sender);
        MARKET.square();
        uint256 most = uncapped ? _balance : available().raw();
        uint256 amount = FixedPointMathLib.min(loss.raw().ceilUnit(UNIT), most).floorUnit(UNIT);
        paid = Wad.wrap(amount);
        _countToday(amount);
        _balance -= uint128(amount);
        if (amount != 0) {
            VAULT.credit(paid);
            QUOTE.safeTransfer(address(VAULT), amount / UNIT);
        }
        emit Covered(loss, paid, Wad.wrap(_balance));
    }

    function payBounty(address to, Wad amount) external nonReentrant returns (Wad paid) {
        if (msg.sender != AUCTION) revert OnlyProtocol(msg.sender);
        MARKET.square();
        paid = Wad.wrap(amount.minWad(available()).raw().floorUnit(UNIT));
        _countToday(paid.raw());
        _balance -= uint128(paid.raw());
        QUOTE.safeTransfer(to, paid.raw() / UNIT);
        emit BountyPaid(to, paid, Wad.wrap(_balance));
    }

    /// @dev The share is of what the fund would hold had it covered nothing today.
    function available() public view returns (Wad) {
        Wad today = Wad.wrap(_usedToday());
        return MAX_SHARE.mulDown(balance() + today).subFloor(today).minWad(balance());
    }

    function _usedToday() private view returns (uint256) {
        return _day == block.timestamp / 1 days ? _coveredToday : 0;
    }

    function _countToday(uint256 amount) private {
        _coveredToday = uint96(FixedPointMathLib.min(_usedToday() + amount, type(uint96).max));
        _day = uint32(block.timestamp / 1 days);
    }

    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
