// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "solady/tokens/ERC20.sol";
import {IPoolLens} from "../interfaces/IPoolLens.sol";
import {Black76} from "../libraries/Black76.sol";
import {PoolMath} from "../libraries/PoolMath.sol";
import {BookGreeks, Leg, OptionGreeks} from "../types/Types.sol";
import {SWad, Timestamp, Wad, blockTime, seriesId} from "../types/Units.sol";
import {ThirdPartyPool} from "./ThirdPartyPool.sol";

/// The Solidity half of the adapter: ThirdPartyPool in this engine's words. Fields that it has no use for stay zero.
contract ThirdPartyLens is IPoolLens {
    uint256 private constant UNIT = 1e12;
    ThirdPartyPool private immutable POOL;

    constructor(address pool) {
        POOL = ThirdPartyPool(pool);
    }

    function signals() external view returns (Signals memory s) {
        s.time = blockTime();
        (s.pushRound, s.pushPrice, s.pushTime) = _feed();
        (s.oracle.price, s.oracle.low, s.oracle.high) = (s.pushPrice, s.pushPrice, s.pushPrice);
        (s.oracle.confidence, s.oracle.asOf) = (Wad.wrap(1e18), s.pushTime);
        uint64[] memory times = POOL.expiries();
        s.open = (1 << times.length) - 1; // all
        for (uint256 i; i < times.length; ++i) {
            ThirdPartyPool.Board memory board = POOL.board(times[i]);
            for (uint8 j; j < _quoted(times[i], board); ++j) {
                (, BookGreeks memory g) = _greeks(s.pushPrice, times[i], board, j);
                (s.greeks.delta, s.greeks.gamma) = (s.greeks.delta + g.delta, s.greeks.gamma + g.gamma);
                (s.greeks.vega, s.greeks.theta) = (s.greeks.vega + g.vega, s.greeks.theta + g.theta);
            }
        }
    }

    function statement() external view returns (Statement memory s) {
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

    function boards(Timestamp[] calldata) external view returns (Board[] memory list) {
        uint64[] memory times = POOL.expiries();
        list = new Board[](times.length);
        for (uint256 i; i < times.length; ++i) {
            _fill(list[i], times[i], POOL.board(times[i]));
        }
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

    function _fill(Board memory b, uint64 time, ThirdPartyPool.Board memory board) private view {
        (b.expiry, b.refreshedAt) = (Timestamp.wrap(time), blockTime());
        (b.settlement, b.scale) = (Wad.wrap(board.price), Wad.wrap(1e18));
        b.liability = SWad.wrap(int256(POOL.boardValue(time)));
        uint256 count = _quoted(time, board);
        (b.strikes, b.vols, b.anchors, b.net) = (new Wad[](count), new Wad[](count), new Wad[](count), new SWad[](count));
        (, Wad price,) = _feed();
        for (uint8 i; i < count; ++i) {
            (b.strikes[i], b.vols[i]) = (Wad.wrap(board.strikes[i]), POOL.params().vol);
            b.anchors[i] = b.vols[i];
            BookGreeks memory g;
            (b.net[i], g) = _greeks(price, time, board, i);
            (b.delta, b.gamma, b.vega) = (b.delta + g.delta, b.gamma + g.gamma, b.vega + g.vega);
        }
    }

    function _quoted(uint64 time, ThirdPartyPool.Board memory board) private view returns (uint256) {
        return board.price == 0 && time > block.timestamp ? board.strikes.length : 0;
    }

    /// @dev What customers hold of a strike, and its Greeks from the pool's side: minus theirs.
    function _greeks(Wad price, uint64 time, ThirdPartyPool.Board memory board, uint8 i)
        private
        view
        returns (SWad net, BookGreeks memory book)
    {
        SWad puts = SWad.wrap(int256(POOL.open(POOL.key(time, i, false))));
        net = SWad.wrap(int256(POOL.open(POOL.key(time, i, true)))) + puts;
        OptionGreeks memory g =
            Black76.greeks(price.raw(), board.strikes[i], time - block.timestamp, POOL.params().vol.raw());
        (book.delta, book.gamma) = (puts - net.mulWadS(g.callDelta), -net.mulWadS(g.gamma));
        (book.vega, book.theta) = (-net.mulWadS(g.vega), -net.mulS(g.theta));
    }
}
