// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {ReentrancyGuardTransient} from "solady/utils/ReentrancyGuardTransient.sol";
import {SafeCastLib} from "solady/utils/SafeCastLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {ILPVault} from "../interfaces/ILPVault.sol";
import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IOptionMarket} from "../interfaces/IOptionMarket.sol";
import {IOracleGuard} from "../interfaces/IOracleGuard.sol";
import {IUnderlyingCollateral} from "../interfaces/IUnderlyingCollateral.sol";
import {Packing} from "../libraries/Packing.sol";
import {TokenUnits} from "../libraries/TokenUnits.sol";
import {Addresses, Leg, Mode, OracleView} from "../types/Types.sol";
import {SWad, SeriesId, Timestamp, Wad, seriesId} from "../types/Units.sol";

/// Balances, legs, open interest, exposures, and the token movements behind them.
abstract contract Accounts is IOptionMarket, ReentrancyGuardTransient {
    using Packing for uint256;
    using Packing for uint256[2];
    using SafeCastLib for uint256;
    using SafeTransferLib for address;
    using TokenUnits for uint256;

    /// @dev One slot. index: 1 + place in the list of accounts, 0 = unknown.
    struct Account {
        uint128 balance;
        uint32 index;
        uint8 legs;
        uint8 shorts;
        bool exposed; // some word of its exposure is not zero
        bool pledged; // it has posted underlying
        uint24 deltaBlock; // last block in which it opened, its lowest bits
        int40 deltaCents; // dollar delta that it added in that block, in cents
    }

    /// @dev Beyond every account's index.
    uint256 internal constant END = type(uint32).max;

    address internal immutable QUOTE;
    uint256 internal immutable UNIT;
    IOracleGuard internal immutable ORACLE;
    IMarginEngine internal immutable MARGIN;
    IInsuranceFund internal immutable INSURANCE;
    ILPVault internal immutable VAULT;
    IUnderlyingCollateral internal immutable COLLATERAL;
    uint256 internal immutable MAX_LEGS;

    mapping(address => Account) internal _accounts;
    mapping(address => mapping(uint256 => uint256)) internal _legs;
    mapping(uint256 => uint256) internal _interest; // by strike
    /// Participants of an expiry, a bit each at the account's index.
    mapping(Timestamp => mapping(uint256 => uint256)) internal _participants;
    mapping(address => uint256[2]) private _exposures;
    uint256[2] internal _uncovered = [Packing.IN_USE, Packing.IN_USE]; // never zero: a first debt then costs no new slot
    /// Tokens in custody here, gifts apart; the next two are parts of them that wait to be handed over. Wads.
    uint256 internal _held;
    int120 private _vaults; // the vault's; negative: it owes them
    uint120 private _insurers; // the insurance fund's
    bool internal _indebted; // some account owes beyond its collateral: something is in _uncovered
    address[] internal _list;

    constructor(Addresses memory book, Wad maxLegs) {
        QUOTE = book.quote;
        UNIT = TokenUnits.unitOf(ERC20(book.quote).decimals());
        ORACLE = IOracleGuard(book.oracle);
        MARGIN = IMarginEngine(book.margin);
        INSURANCE = IInsuranceFund(book.insurance);
        VAULT = ILPVault(book.vault);
        COLLATERAL = IUnderlyingCollateral(book.collateral);
        MAX_LEGS = maxLegs.raw() / 1e18;
    }

    function touch(address account) external nonReentrant {
        _touchNow(account);
    }

    // ------------------------------------------------------------ views

    function balanceOf(address account) external view returns (Wad) {
        return Wad.wrap(_accounts[account].balance);
    }

    function accountOf(address account) external view returns (Leg[] memory, Wad, Wad) {
        Account storage a = _accounts[account];
        return (_legsOf(account), Wad.wrap(a.balance), _unitsOf(account, a.pledged));
    }

    function legsOf(address account) external view returns (Leg[] memory) {
        return _legsOf(account);
    }

    function accountCount() external view returns (uint256) {
        return _list.length;
    }

    function accountAt(uint256 index) external view returns (address) {
        return _list[index];
    }

    function openInterest(SeriesId id) public view returns (Wad longs, Wad shorts) {
        uint256 word = _interest[Packing.strikeKey(id)];
        bool isCall = id.isCallOf();
        return (Wad.wrap(word.longLots(isCall) * Packing.LOT), Wad.wrap(word.shortLots(isCall) * Packing.LOT));
    }

    function interestOf(Timestamp expiry, uint256 strikes) external view returns (uint256[] memory words) {
        words = new uint256[](strikes);
        for (uint256 i; i < strikes; ++i) {
            words[i] = _interest[Packing.strikeKey(seriesId(expiry, i, false))];
        }
    }

    function uncovered() external view returns (Wad current, Wad[8] memory nodes) {
        uint256[2] memory words = _uncovered;
        return (words.exposureNow(), words.exposures());
    }

    function totalBalances() external view returns (Wad) {
        return Wad.wrap(uint256(int256(_held) - _vaults - int256(uint256(_insurers))));
    }

    // ------------------------------------------------------------ balances

    function _credit(address account, uint256 amount) internal {
        _accounts[account].balance += amount.toUint128();
    }

    function _debit(address account, uint256 amount) internal {
        uint256 balance = _accounts[account].balance;
        if (amount > balance) revert InsufficientBalance(Wad.wrap(balance), Wad.wrap(amount));
        _accounts[account].balance = uint128(balance - amount);
    }

    function _enlist(address account) internal {
        if (_accounts[account].index != 0) return;
        _list.push(account);
        _accounts[account].index = uint32(_list.length);
    }

    // ------------------------------------------------------------ legs

    function _legsOf(address account) internal view returns (Leg[] memory legs) {
        legs = new Leg[](_accounts[account].legs);
        for (uint256 i; i < legs.length; ++i) {
            uint256 word = _legs[account][i];
            legs[i] = Leg(word.idOf(), Packing.toSize(word.lotsOf()));
        }
    }

    /// @dev Place and lots of a series in an account; place = number of legs if it has none.
    function _find(address account, SeriesId id) internal view returns (uint256 place, int64 lots) {
        uint256 count = _accounts[account].legs;
        for (; place < count; ++place) {
            uint256 word = _legs[account][place];
            if (word.idOf().rawId() == id.rawId()) return (place, word.lotsOf());
        }
    }

    /// @dev Adds lots to an account's position and keeps open interest, counts and participants right.
    function _addLots(address account, SeriesId id, int64 added) internal returns (int64 lots) {
        (uint256 place, int64 before) = _find(account, id);
        lots = before + added;
        uint256 key = Packing.strikeKey(id);
        _interest[key] = _interest[key].moveInterest(id.isCallOf(), before, lots);
        if (before == 0 && lots == 0) return 0;
        if (before == 0) _join(account, id.expiryOf());
        _writeLeg(account, place, id, before, lots);
    }

    function _writeLeg(address account, uint256 place, SeriesId id, int64 before, int64 lots) internal {
        Account storage a = _accounts[account];
        if (before < 0 && lots >= 0) --a.shorts;
        if (before >= 0 && lots < 0) ++a.shorts;
        if (lots != 0) {
            if (before == 0) _countLeg(a);
            _legs[account][place] = Packing.leg(id, lots);
            return;
        }
        uint256 last = --a.legs;
        if (place != last) _legs[account][place] = _legs[account][last];
        delete _legs[account][last];
    }

    function _countLeg(Account storage a) private {
        if (a.legs >= MAX_LEGS) revert TooManyLegs(a.legs + 1, Wad.wrap(MAX_LEGS * 1e18));
        ++a.legs;
    }

    function _join(address account, Timestamp expiry) private {
        _enlist(account);
        uint256 index = _accounts[account].index;
        uint256 word = _participants[expiry][index >> 8];
        uint256 bit = 1 << (index & 255);
        if (word & bit == 0) _participants[expiry][index >> 8] = word | bit;
    }

    // ------------------------------------------------------------ underlying

    modifier onlyCollateral() {
        if (msg.sender != address(COLLATERAL)) revert OnlyCollateral(msg.sender);
        _;
    }

    function noteUnderlying(address account, bool any, bool out, Wad paid) external onlyCollateral nonReentrant {
        _enlist(account);
        _accounts[account].pledged = any;
        _debit(account, paid.raw());
        _toVault(paid.raw());
        if (out) _requireMarginToWithdraw(account);
        else _touchNow(account);
    }

    function _unitsOf(address account, bool pledged) private view returns (Wad units) {
        if (pledged) units = COLLATERAL.unitsOf(account);
    }

    /// @dev The pool takes underlying for what of a debt the balance does not pay; the value of what it took.
    function _takeUnits(address account, uint256 owed, Wad price) internal returns (uint256) {
        if (owed == 0 || !_accounts[account].pledged) return 0;
        (Wad value, bool left) = COLLATERAL.take(account, Wad.wrap(owed), price);
        _accounts[account].pledged = left;
        return value.raw();
    }

    // ------------------------------------------------------------ margin and exposure

    function _requireMarginToWithdraw(address account) internal {
        if (_accounts[account].shorts == 0) return;
        OracleView memory seen = _look();
        if (seen.mode == Mode.FROZEN) revert ModeForbids(Mode.FROZEN);
        _requireInitial(account, seen.price);
    }

    function _look() internal view returns (OracleView memory) {
        return ORACLE.read();
    }

    function _touchNow(address account) internal {
        Account memory a = _accounts[account];
        if (a.shorts == 0) _cover(account, a.exposed);
        else _touch(account, _look().price);
    }

    /// @dev Recomputes the account's exposure.
    function _touch(address account, Wad spot) internal {
        Account memory a = _accounts[account];
        if (a.shorts == 0) return _cover(account, a.exposed);
        _setExposure(
            account,
            a.exposed,
            MARGIN.exposureWords(_legsOf(account), Wad.wrap(a.balance), _unitsOf(account, a.pledged), spot)
        );
    }

    /// @dev The same for an account that must meet its initial margin.
    function _requireInitial(address account, Wad spot) internal {
        Account memory a = _accounts[account];
        if (a.shorts == 0) return _cover(account, a.exposed);
        (bool ok, SWad equity, Wad required, uint256[2] memory words) =
            MARGIN.assess(_legsOf(account), Wad.wrap(a.balance), _unitsOf(account, a.pledged), spot);
        if (!ok) revert InsufficientMargin(equity, required);
        _setExposure(account, a.exposed, words);
    }

    /// @dev Without shorts there is nothing to cover.
    function _cover(address account, bool exposed) private {
        if (exposed) _expose(account, [uint256(0), 0]);
    }

    function _setExposure(address account, bool exposed, uint256[2] memory words) private {
        if (exposed || words[0] | words[1] != 0) _expose(account, words);
    }

    function _expose(address account, uint256[2] memory words) private {
        uint256[2] storage own = _exposures[account];
        for (uint256 i; i < 2; ++i) {
            uint256 before = own[i];
            if (before == words[i]) continue;
            own[i] = words[i];
            _uncovered[i] = _uncovered[i] - before + words[i];
        }
        bool exposed = words[0] | words[1] != 0;
        _accounts[account].exposed = exposed;
        _indebted = exposed || _uncovered[0] | _uncovered[1] != Packing.IN_USE;
    }

    // ------------------------------------------------------------ money; amounts are whole token units in wads
    // Books move at once, tokens when `square` is called: by whoever needs them, or anyone.

    function _toVault(uint256 amount) internal {
        if (amount == 0) return;
        _vaults += int120(uint120(amount.toUint112()));
        VAULT.credit(Wad.wrap(amount));
    }

    function _fromVault(uint256 amount) internal {
        if (amount == 0) return;
        _vaults -= int120(uint120(amount.toUint112()));
        VAULT.debit(address(this), Wad.wrap(amount));
    }

    function _toInsurance(uint256 amount) internal {
        _insurers += amount.toUint112();
    }

    function handovers() public view returns (SWad toVault, Wad toInsurance) {
        return (SWad.wrap(_vaults), Wad.wrap(_insurers));
    }

    /// @dev Not guarded: vault and fund call it in the midst of the market's own actions. Books do not change.
    function square() public {
        (SWad toVault, Wad toInsurance) = handovers();
        if (toVault.isZeroS() && toInsurance.isZero()) return;
        (_vaults, _insurers) = (0, 0);
        emit Squared(toVault, toInsurance);
        _held = uint256(int256(_held) - toVault.rawS()) - toInsurance.raw();
        if (toVault > SWad.wrap(0)) QUOTE.safeTransfer(address(VAULT), toVault.positive().raw() / UNIT);
        else if (toVault.isNegative()) VAULT.handOver(toVault.absS());
        if (toInsurance.isZero()) return;
        QUOTE.safeTransfer(address(INSURANCE), toInsurance.raw() / UNIT);
        INSURANCE.credit(toInsurance);
    }

    /// @dev `amount` > 0 flows to the vault, < 0 from it.
    function _settleWithVault(int256 amount) internal {
        if (amount > 0) _toVault(uint256(amount));
        else _fromVault(uint256(-amount));
    }

    function _useTransientReentrancyGuardOnlyOnMainnet() internal pure override returns (bool) {
        return false;
    }
}
