// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {IPoolLens} from "../interfaces/IPoolLens.sol";
import {Black76} from "../libraries/Black76.sol";
import {PoolMath} from "../libraries/PoolMath.sol";
import {Leg, OptionGreeks} from "../types/Types.sol";
import {SWad, Timestamp, Wad, blockTime, seriesId} from "../types/Units.sol";
import {ThirdPartyPool} from "./ThirdPartyPool.sol";

/// The Solidity half of the adapter: ThirdPartyPool in this engine's words. Fields that it has no use for stay zero.
contract ThirdPartyLens is IPoolLens {
    uint256 private constant UNIT = 1e12;
    ThirdPartyPool private immutable POOL;

    constructor(address pool) {
        POOL = ThirdPartyPool(pool);
    }

    function snapshot() external view returns (PoolState memory s) {
        s.time = blockTime();
        (s.pushRound, s.pushPrice, s.pushTime) = _feed();
        (s.oracle.price, s.oracle.low, s.oracle.high) = (s.pushPrice, s.pushPrice, s.pushPrice);
        (s.oracle.confidence, s.oracle.asOf) = (Wad.wrap(1e18), s.pushTime);
        s.expiries = _expiries(s);
        _money(s);
    }

    function accounts(address[] calldata list) external view returns (AccountState[] memory states) {
        states = new AccountState[](list.length);
        for (uint256 i; i < list.length; ++i) {
            states[i] = _account(list[i]);
        }
    }

    function _feed() private view returns (uint80 round, Wad price, Timestamp time) {
        (uint80 id, int256 answer,, uint256 updatedAt,) = POOL.feed().latestRoundData();
        return (id, Wad.wrap(uint256(answer) * 1e10), Timestamp.wrap(uint64(updatedAt)));
    }

    function _money(PoolState memory s) private view {
        uint256 owed = POOL.liability();
        s.nav.cash = Wad.wrap(POOL.cash() * UNIT);
        s.nav.liability = SWad.wrap(int256(owed));
        s.nav.nav = s.nav.cash.signed() - s.nav.liability;
        s.solvency = PoolMath.statement(s.nav.cash, Wad.wrap(0), Wad.wrap(owed), Wad.wrap(0));
        s.totalShares = Wad.wrap(POOL.totalShares());
        s.sharePrice = s.totalShares.isZero() ? Wad.wrap(1e18) : s.nav.nav.positive().divDown(s.totalShares);
        s.worstStressNav = s.nav.nav;
        s.freeLiquidity = s.nav.nav.positive();
    }

    /// @dev Traders' wallets are their accounts: the pool takes and pays quote with each trade.
    function _account(address who) private view returns (AccountState memory s) {
        s.account = who;
        s.wallet = s.margin.balance = Wad.wrap(ERC20(POOL.quote()).balanceOf(who) * UNIT);
        s.lpShares = Wad.wrap(POOL.shares(who));
        s.legs = _legs(who);
        s.margin.equity = s.margin.balance.signed();
    }

    function _legs(address who) private view returns (Leg[] memory legs) {
        uint64[] memory times = POOL.expiries();
        legs = new Leg[](24 * times.length);
        uint256 count;
        for (uint256 i; i < times.length; ++i) {
            for (uint256 j; j < 2 * POOL.board(times[i]).strikes.length; ++j) {
                uint256 size = POOL.held(who, POOL.key(times[i], uint8(j / 2), j % 2 == 1));
                if (size == 0) continue;
                legs[count++] = Leg(seriesId(Timestamp.wrap(times[i]), j / 2, j % 2 == 1), SWad.wrap(int256(size)));
            }
        }
        assembly {
            mstore(legs, count)
        }
    }

    function _expiries(PoolState memory s) private view returns (ExpiryState[] memory states) {
        uint64[] memory times = POOL.expiries();
        states = new ExpiryState[](times.length);
        for (uint256 i; i < times.length; ++i) {
            _expiry(states[i], times[i], s);
        }
    }

    function _expiry(ExpiryState memory e, uint64 time, PoolState memory s) private view {
        ThirdPartyPool.Board memory board = POOL.board(time);
        (e.expiry, e.open, e.refreshedAt) = (Timestamp.wrap(time), true, s.time);
        (e.settlement, e.scale) = (Wad.wrap(board.price), Wad.wrap(1e18));
        e.liability = SWad.wrap(int256(POOL.boardValue(time)));
        uint256 count = board.price == 0 && time > block.timestamp ? board.strikes.length : 0;
        (e.strikes, e.vols, e.anchors, e.net) = (new Wad[](count), new Wad[](count), new Wad[](count), new SWad[](count));
        for (uint8 i; i < count; ++i) {
            e.strikes[i] = Wad.wrap(board.strikes[i]);
            e.vols[i] = e.anchors[i] = POOL.params().vol;
            _greeks(e, s, i);
        }
    }

    /// @dev From the pool's side: minus what its customers hold.
    function _greeks(ExpiryState memory e, PoolState memory s, uint8 i) private view {
        uint64 time = uint64(e.expiry.rawTime());
        SWad calls = SWad.wrap(int256(POOL.open(POOL.key(time, i, true))));
        SWad puts = SWad.wrap(int256(POOL.open(POOL.key(time, i, false))));
        e.net[i] = calls + puts;
        OptionGreeks memory g =
            Black76.greeks(s.pushPrice.raw(), e.strikes[i].raw(), time - block.timestamp, e.vols[i].raw());
        SWad delta = puts - e.net[i].mulWadS(g.callDelta);
        (e.delta, s.greeks.delta) = (e.delta + delta, s.greeks.delta + delta);
        (e.gamma, s.greeks.gamma) = (e.gamma - e.net[i].mulWadS(g.gamma), s.greeks.gamma - e.net[i].mulWadS(g.gamma));
        (e.vega, s.greeks.vega) = (e.vega - e.net[i].mulWadS(g.vega), s.greeks.vega - e.net[i].mulWadS(g.vega));
        s.greeks.theta = s.greeks.theta - e.net[i].mulS(g.theta);
    }
}
