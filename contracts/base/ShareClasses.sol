// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {JuniorShares} from "../JuniorShares.sol";
import {RollingPeak} from "../libraries/RollingPeak.sol";
import {ShareMath} from "../libraries/ShareMath.sol";
import {Waterfall} from "../libraries/Waterfall.sol";
import {VaultParams} from "../types/Params.sol";
import {Addresses, Tranches} from "../types/Types.sol";
import {SWad, Wad} from "../types/Units.sol";
import {PoolStatements} from "./PoolStatements.sol";

/// The two classes of shares, what each is worth, and the floor below which LPs' money does not pay longs.
abstract contract ShareClasses is PoolStatements, ERC20 {
    using SafeCastLib for uint256;

    JuniorShares private immutable JUNIOR; // zero without tranches
    uint256 internal immutable WEIGHT;
    uint256 internal immutable FLOOR;

    uint128 private _claim;
    uint128 private _high;
    uint256 private _units;
    RollingPeak.Buckets private _highs; // of the pool's share price, only with a floor

    constructor(Addresses memory book, VaultParams memory p) PoolStatements(book) {
        (WEIGHT, FLOOR) = (p.juniorWeight.raw(), p.floor.raw());
        if (!p.juniorWeight.isZero()) JUNIOR = new JuniorShares();
    }

    function name() public pure override returns (string memory) {
        return "Option pool share";
    }

    function symbol() public pure override returns (string memory) {
        return "OPS";
    }

    /// @dev No approval by signature: it would take a tenth of the contract.
    function permit(address, address, uint256, uint256, uint8, bytes32, bytes32) public pure override {
        revert NoPermit();
    }

    function DOMAIN_SEPARATOR() public pure override returns (bytes32) {
        revert NoPermit();
    }

    // ------------------------------------------------------------ supplies

    function _classes() internal view returns (Waterfall.Classes memory c) {
        c.seniors = totalSupply();
        if (WEIGHT == 0) {
            c.units = c.seniors;
            return c;
        }
        (c.tranched, c.juniors) = (true, JUNIOR.totalSupply());
        (c.units, c.claim, c.high) = (_units, _claim, _high);
    }

    function _keep(Waterfall.Classes memory c) internal {
        if (WEIGHT == 0) return;
        (_units, _claim, _high) = (c.units, c.claim.toUint128(), c.high.toUint128());
    }

    /// @dev Gains since the last time are the seniors' in part from here on.
    function _divide(Waterfall.Classes memory c, int256 nav) internal {
        if (WEIGHT == 0) return;
        (uint256 gain, uint256 toSenior) = Waterfall.divide(c, nav, WEIGHT);
        if (gain == 0) return;
        (c.claim, c.high) = (c.claim + toSenior, c.high + gain);
        emit GainDivided(Wad.wrap(gain), Wad.wrap(toSenior), Wad.wrap(c.claim), Wad.wrap(c.high));
    }

    function _heldBy(address lp, bool isJunior) internal view returns (uint256) {
        return isJunior ? JUNIOR.balanceOf(lp) : balanceOf(lp);
    }

    function _issue(address lp, uint256 shares, bool isJunior) internal {
        if (isJunior) JUNIOR.mint(lp, Wad.wrap(shares));
        else _mint(lp, shares);
    }

    /// @dev Into the queue and back, or out of existence.
    function _take(address lp, uint256 shares, bool isJunior) internal {
        if (isJunior) JUNIOR.take(lp, Wad.wrap(shares));
        else _transfer(lp, address(this), shares);
    }

    function _giveBack(address lp, uint256 shares, bool isJunior) internal {
        if (isJunior) JUNIOR.transfer(lp, shares);
        else _transfer(address(this), lp, shares);
    }

    function _redeemed(uint256 shares, bool isJunior) internal {
        if (isJunior) JUNIOR.burn(Wad.wrap(shares));
        else _burn(address(this), shares);
    }

    // ------------------------------------------------------------ the floor

    function _reserved(Waterfall.Classes memory c, int256 nav) internal view returns (uint256 money, uint256 price) {
        uint256 juniors = WEIGHT == 0 ? 0 : JUNIOR.balanceOf(address(this));
        return Waterfall.reserved(_highs, c, nav, balanceOf(address(this)), juniors, FLOOR);
    }

    function _reservedNow() internal view override returns (Wad) {
        if (FLOOR == 0) return Wad.wrap(0);
        (uint256 money,) = _reserved(_classes(), navFast(ORACLE.read().price).rawS());
        return Wad.wrap(money);
    }

    function _noteHigh(int256 nav) internal override {
        if (FLOOR != 0) Waterfall.noteHigh(_highs, _classes(), nav);
    }

    // ------------------------------------------------------------ views

    function junior() external view returns (address) {
        return address(JUNIOR);
    }

    function split(SWad nav) external view returns (Tranches memory) {
        return Waterfall.split(_classes(), nav);
    }

    function _seniorPrice() internal view returns (uint256) {
        return Waterfall.seniorPrice(_classes(), navParts().nav.rawS());
    }

    function sharePrice() external view returns (Wad) {
        return Wad.wrap(ShareMath.price(navParts().nav.rawS(), _classes().units));
    }

    function sharesOf(address lp) external view returns (Wad) {
        return Wad.wrap(balanceOf(lp));
    }

    function totalShares() external view returns (Wad) {
        return Wad.wrap(_classes().units);
    }

    /// @dev Shares sent here by mistake are not in the queue, but count: nobody can tell them apart.
    function pendingWithdrawals() external view returns (Wad) {
        return Wad.wrap(balanceOf(address(this)));
    }
}
