// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib as M} from "solady/utils/FixedPointMathLib.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";
import {IPushFeed} from "../interfaces/IFeeds.sol";
import {Black76} from "../libraries/Black76.sol";
import {Wad} from "../types/Units.sol";

/// Somebody else's options pool, deliberately simple: European options sold at one fixed volatility and bought back,
/// no hedge, no margin, no shorts; LPs hold shares and come and go at net asset value. The worked example of docs/port.md.
contract ThirdPartyPool {
    using SafeTransferLib for address;

    struct Terms {
        Wad vol; // of every option, for ever
        Wad fee; // share of an option's value, both ways
        Wad maxUse; // value of open options at most this share of cash
    }

    struct Board {
        uint256[] strikes; // wads
        uint256 price; // at settlement; 0 before
        address[] holders;
        uint256 paid; // holders paid so far
    }

    event Listed(uint64 indexed expiry, uint256[] strikes);
    event Bought(address indexed buyer, uint64 indexed expiry, uint8 strike, bool call, uint256 size, uint256 paid, uint256 fee);
    event SoldBack(address indexed seller, uint64 indexed expiry, uint8 strike, bool call, uint256 size, uint256 received, uint256 fee);
    event Provided(address indexed lp, uint256 amount, uint256 shares);
    event Redeemed(address indexed lp, uint256 shares, uint256 amount);
    event Settled(uint64 indexed expiry, uint256 price, uint256 owed);
    event Paid(address indexed holder, uint64 indexed expiry, uint256 amount);

    error NotLive(uint64 expiry);
    error TooExpensive(uint256 paid, uint256 limit);
    error TooLittle(uint256 received, uint256 limit);
    error NotHeld(uint256 held, uint256 size);
    error UsedUp(uint256 liability, uint256 most);
    error NoPrice(uint64 expiry, uint256 updatedAt);

    uint256 private constant UNIT = 1e12; // wads in a unit of the quote token, which has 6 decimals
    uint256 private constant FEED = 1e10; // wads in a unit of the feed, which has 8

    address public immutable quote;
    IPushFeed public immutable feed;
    Terms private _terms;

    uint64[] private _expiries;
    mapping(uint64 => Board) private _boards;
    mapping(bytes32 option => uint256) public open;
    mapping(address => mapping(bytes32 option => uint256)) public held;
    mapping(address => uint256) public shares;
    uint256 public totalShares;

    constructor(address quote_, address feed_, Terms memory terms_) {
        (quote, feed, _terms) = (quote_, IPushFeed(feed_), terms_);
    }

    // ------------------------------------------------------------ liquidity

    function provide(uint256 amount) external returns (uint256 minted) {
        uint256 nav = cash() * UNIT - liability();
        minted = totalShares == 0 ? amount * UNIT : M.fullMulDiv(amount * UNIT, totalShares, nav);
        shares[msg.sender] += minted;
        totalShares += minted;
        emit Provided(msg.sender, amount, minted);
        quote.safeTransferFrom(msg.sender, address(this), amount);
    }

    function redeem(uint256 burnt) external returns (uint256 amount) {
        amount = M.fullMulDiv(cash() * UNIT - liability(), burnt, totalShares) / UNIT;
        shares[msg.sender] -= burnt;
        totalShares -= burnt;
        emit Redeemed(msg.sender, burnt, amount);
        quote.safeTransfer(msg.sender, amount);
        _requireCover();
    }

    // ------------------------------------------------------------ options

    function list(uint64 expiry, uint256[] calldata strikes) external {
        if (expiry <= block.timestamp || _boards[expiry].strikes.length != 0) revert NotLive(expiry);
        _boards[expiry].strikes = strikes;
        _expiries.push(expiry);
        emit Listed(expiry, strikes);
    }

    function buy(uint64 expiry, uint8 strike, bool call, uint256 size, uint256 maxPaid) external {
        (uint256 paid, uint256 fee) = _quote(expiry, strike, call, size);
        paid = (paid + fee + UNIT - 1) / UNIT;
        if (paid > maxPaid) revert TooExpensive(paid, maxPaid);
        if (held[msg.sender][key(expiry, strike, call)] == 0) _boards[expiry].holders.push(msg.sender);
        held[msg.sender][key(expiry, strike, call)] += size;
        open[key(expiry, strike, call)] += size;
        emit Bought(msg.sender, expiry, strike, call, size, paid, fee / UNIT);
        quote.safeTransferFrom(msg.sender, address(this), paid);
        _requireCover();
    }

    function sellBack(uint64 expiry, uint8 strike, bool call, uint256 size, uint256 minReceived) external {
        (uint256 received, uint256 fee) = _quote(expiry, strike, call, size);
        received = (received - fee) / UNIT;
        if (received < minReceived) revert TooLittle(received, minReceived);
        uint256 holds = held[msg.sender][key(expiry, strike, call)];
        if (size > holds) revert NotHeld(holds, size);
        held[msg.sender][key(expiry, strike, call)] = holds - size;
        open[key(expiry, strike, call)] -= size;
        emit SoldBack(msg.sender, expiry, strike, call, size, received, fee / UNIT);
        quote.safeTransfer(msg.sender, received);
    }

    /// @notice Fixes the price of an expiry by the feed's latest answer, which must be later.
    function settle(uint64 expiry) external {
        (, int256 answer,, uint256 updatedAt,) = feed.latestRoundData();
        if (updatedAt < expiry || block.timestamp < expiry) revert NoPrice(expiry, updatedAt);
        if (_boards[expiry].price != 0 || _boards[expiry].strikes.length == 0) revert NotLive(expiry);
        _boards[expiry].price = uint256(answer) * FEED;
        emit Settled(expiry, uint256(answer) * FEED, boardValue(expiry));
    }

    /// @notice Pays up to `count` holders of a settled expiry what their options are worth, while cash lasts.
    function pay(uint64 expiry, uint256 count) external {
        Board storage b = _boards[expiry];
        if (b.price == 0) revert NotLive(expiry);
        for (; count != 0 && b.paid < b.holders.length; --count) {
            address holder = b.holders[b.paid++];
            uint256 amount = M.min(_collect(b, expiry, holder) / UNIT, cash());
            emit Paid(holder, expiry, amount);
            quote.safeTransfer(holder, amount);
        }
        if (b.paid == b.holders.length) _forget(expiry);
    }

    // ------------------------------------------------------------ views

    function params() external view returns (Terms memory) {
        return _terms;
    }

    /// @notice Listed and not paid to the last holder.
    function expiries() external view returns (uint64[] memory) {
        return _expiries;
    }

    function board(uint64 expiry) external view returns (Board memory) {
        return _boards[expiry];
    }

    function cash() public view returns (uint256) {
        return quote.balanceOf(address(this));
    }

    function spot() public view returns (uint256) {
        (, int256 answer,,,) = feed.latestRoundData();
        return uint256(answer) * FEED;
    }

    /// @notice Value of everything that is owed, in wads.
    function liability() public view returns (uint256 total) {
        for (uint256 i; i < _expiries.length; ++i) {
            total += boardValue(_expiries[i]);
        }
    }

    function boardValue(uint64 expiry) public view returns (uint256 total) {
        uint256 count = _boards[expiry].strikes.length;
        for (uint8 i; i < count; ++i) {
            (uint256 call, uint256 put) = value(expiry, i);
            total += M.mulWad(open[key(expiry, i, true)], call) + M.mulWad(open[key(expiry, i, false)], put);
        }
    }

    /// @notice What one call and one put are worth, without fee.
    function value(uint64 expiry, uint8 strike) public view returns (uint256 call, uint256 put) {
        Board storage b = _boards[expiry];
        uint256 left = expiry > block.timestamp && b.price == 0 ? expiry - block.timestamp : 0;
        (call, put,) = Black76.price(b.price == 0 ? spot() : b.price, b.strikes[strike], left, _terms.vol.raw());
    }

    function key(uint64 expiry, uint8 strike, bool call) public pure returns (bytes32) {
        return keccak256(abi.encode(expiry, strike, call));
    }

    // ------------------------------------------------------------ inside

    function _quote(uint64 expiry, uint8 strike, bool isCall, uint256 size) private view returns (uint256, uint256) {
        if (_boards[expiry].price != 0 || block.timestamp >= expiry) revert NotLive(expiry);
        (uint256 call, uint256 put) = value(expiry, strike);
        uint256 worth = M.mulWad(size, isCall ? call : put);
        return (worth, M.mulWadUp(worth, _terms.fee.raw()));
    }

    function _collect(Board storage b, uint64 expiry, address holder) private returns (uint256 owed) {
        for (uint8 i; i < b.strikes.length; ++i) {
            (uint256 call, uint256 put) = value(expiry, i);
            owed += _close(holder, key(expiry, i, true), call) + _close(holder, key(expiry, i, false), put);
        }
    }

    function _close(address holder, bytes32 option, uint256 worth) private returns (uint256) {
        uint256 size = held[holder][option];
        if (size == 0) return 0;
        held[holder][option] = 0;
        open[option] -= size;
        return M.mulWad(size, worth);
    }

    function _forget(uint64 expiry) private {
        uint256 last = _expiries.length - 1;
        for (uint256 i; i <= last; ++i) {
            if (_expiries[i] != expiry) continue;
            _expiries[i] = _expiries[last];
            _expiries.pop();
            return;
        }
    }

    function _requireCover() private view {
        uint256 most = M.mulWad(cash() * UNIT, _terms.maxUse.raw());
        if (liability() > most) revert UsedUp(liability(), most);
    }
}
