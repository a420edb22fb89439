// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAsyncVenue, IHedgeVenue} from "../interfaces/IHedging.sol";
import {ParamBounds} from "../libraries/ParamBounds.sol";
import {AsyncParams, PerpParams} from "../types/Params.sol";
import {VenueQuote} from "../types/Types.sol";
import {SWad, Timestamp, Wad, blockTime} from "../types/Units.sol";
import {PerpVenue} from "./PerpVenue.sol";

/// A perpetual exchange that fills in two steps, as GMX and Synthetix' delayed orders do: the order now, the fill
/// later by a keeper at the price of then, within the order's limit and lifetime. One order per account.
contract AsyncPerpVenue is PerpVenue, IAsyncVenue {
    struct Order {
        SWad size;
        Wad limit;
        Timestamp readyAt;
        Timestamp expiresAt;
    }

    error OnlySelf();

    AsyncParams private timing;
    mapping(address => Order) private orders;

    constructor(address quote_, PerpParams memory params_, AsyncParams memory timing_) PerpVenue(quote_, params_) {
        ParamBounds.check(timing_);
        timing = timing_;
    }

    function asyncParams() external view returns (AsyncParams memory) {
        return timing;
    }

    // ------------------------------------------------------------ orders

    /// @notice As if filled now; not ok while the caller's order waits.
    function quote(SWad size) public view override(PerpVenue, IHedgeVenue) returns (VenueQuote memory answer) {
        if (orders[msg.sender].size.isZeroS()) return super.quote(size);
    }

    /// @notice Places an order; the price is that of an immediate fill.
    function trade(SWad size, Wad limit) external override(PerpVenue, IHedgeVenue) returns (Wad price) {
        if (!orders[msg.sender].size.isZeroS()) revert OrderPending(msg.sender, orders[msg.sender].size);
        VenueQuote memory now_ = super.quote(size);
        if (!now_.ok) revert VenuePaused();
        if (_worse(size, now_.price, limit)) revert VenueLimit(now_.price, limit);
        Order memory order =
            Order(size, limit, blockTime().plus(timing.delay), blockTime().plus(timing.lifetime));
        orders[msg.sender] = order;
        emit OrderPlaced(msg.sender, size, limit, order.readyAt, order.expiresAt);
        return now_.price;
    }

    function pendingOf(address account) external view returns (SWad) {
        return orders[account].size;
    }

    /// @notice A closed market leaves the order waiting; a worse price or too little margin cancels it.
    function execute(address account) external {
        Order memory order = _live(account);
        if (blockTime() < order.readyAt) revert OrderNotReady(blockTime(), order.readyAt);
        if (blockTime() > order.expiresAt) return _drop(account, order.size, "late");
        if (!super.quote(order.size).ok) revert VenuePaused();
        delete orders[account];
        try this.fill(account, order.size, order.limit) {
            _payKeeper(account, timing.keeperFee, msg.sender);
        } catch (bytes memory reason) {
            emit OrderCancelled(account, order.size, reason);
        }
    }

    function cancel(address account) external {
        Order memory order = _live(account);
        if (blockTime() <= order.expiresAt) revert OrderNotReady(blockTime(), order.expiresAt);
        _drop(account, order.size, "expired");
    }

    /// @dev Only this contract: so that a refused fill can be caught.
    function fill(address account, SWad size, Wad limit) external {
        if (msg.sender != address(this)) revert OnlySelf();
        _fill(account, size, limit);
    }

    // ------------------------------------------------------------ inside

    function _live(address account) private view returns (Order memory order) {
        order = orders[account];
        if (order.size.isZeroS()) revert NoOrder(account);
    }

    function _drop(address account, SWad size, bytes memory reason) private {
        delete orders[account];
        emit OrderCancelled(account, size, reason);
    }

    function _worse(SWad size, Wad price, Wad limit) private pure returns (bool) {
        return size.isNegative() ? price < limit : price > limit;
    }
}
