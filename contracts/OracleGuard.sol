// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {FixedPointMathLib} from "solady/utils/FixedPointMathLib.sol";
import {IPushFeed} from "./interfaces/IFeeds.sol";
import {IOracleGuard} from "./interfaces/IOracleGuard.sol";
import {FeedReader} from "./libraries/FeedReader.sol";
import {ParamBounds} from "./libraries/ParamBounds.sol";
import {TokenUnits} from "./libraries/TokenUnits.sol";
import {Twap} from "./libraries/Twap.sol";
import {OracleParams} from "./types/Params.sol";
import {Addresses, Mode, OracleView} from "./types/Types.sol";
import {ONE, Seconds, Timestamp, Wad} from "./types/Units.sol";

contract OracleGuard is IOracleGuard {
    using Twap for Twap.State;

    address private immutable PUSH;
    address private immutable PULL;
    bytes32 private immutable PULL_ID;
    uint256 private immutable PUSH_SCALE; // wads per unit of the push feed's answer
    uint256 private immutable HEARTBEAT;
    uint256 private immutable PUSH_AGE; // trusted up to here
    uint256 private immutable PULL_AGE;
    uint256 private immutable VOID_AGE; // a feed beyond it counts as dead
    uint256 private immutable TRUSTED_SPREAD;
    uint256 private immutable DEGRADED_SPREAD;
    uint256 private immutable MAX_CONFIDENCE;
    uint256 private immutable JUMP_LIMIT;
    uint256 private immutable JUMP_COOLDOWN;
    uint256 private immutable WINDOW;
    address private immutable GUARDIAN;
    uint256 private immutable DISPUTE_WINDOW;
    address private immutable SEQUENCER; // uptime feed; zero = off
    uint256 private immutable SEQUENCER_GRACE;

    /// A settlement whose round cannot be proved waits this long before the TWAP decides: the exit for a feed whose rounds
    /// begin after the expiry. Going back from the latest round, one meets the round that settles or such a beginning.
    uint256 private constant PATIENCE = 1 days;
    /// Confidence at the edge of trust, and of a single surviving feed.
    uint256 private constant LEAST_CONFIDENCE = 0.1e18;
    uint256 private constant VOID = type(uint256).max;

    struct Memory {
        uint128 average; // TWAP at the last poke, wad
        uint64 jumpUntil;
        uint64 asOf; // publication time of the last accepted price
    }

    Memory private _memory;
    Twap.State private _twap; // of accepted prices
    mapping(Timestamp => Wad) public settlementPrice;

    constructor(
        Addresses memory book,
        OracleParams memory p,
        address pushFeed,
        address pullFeed,
        bytes32 pullId,
        address sequencerFeed
    ) {
        ParamBounds.check(p);
        GUARDIAN = book.guardian;
        DISPUTE_WINDOW = p.disputeWindow.rawSeconds();
        (SEQUENCER, SEQUENCER_GRACE) = (sequencerFeed, p.sequencerGrace.rawSeconds());
        (PUSH, PULL, PULL_ID) = (pushFeed, pullFeed, pullId);
        PUSH_SCALE = TokenUnits.unitOf(IPushFeed(pushFeed).decimals());
        HEARTBEAT = p.pushHeartbeat.rawSeconds();
        PUSH_AGE = HEARTBEAT + p.pushGrace.rawSeconds();
        PULL_AGE = p.pullMaxAge.rawSeconds();
        VOID_AGE = HEARTBEAT + p.degradedGrace.rawSeconds();
        TRUSTED_SPREAD = p.trustedSpread.raw();
        DEGRADED_SPREAD = p.degradedSpread.raw();
        MAX_CONFIDENCE = p.maxConfidence.raw();
        JUMP_LIMIT = p.jumpLimit.raw();
        JUMP_COOLDOWN = p.jumpCooldown.rawSeconds();
        WINDOW = p.twapWindow.rawSeconds();
    }

    function params() external view returns (OracleParams memory) {
        return OracleParams({
            pushHeartbeat: _seconds(HEARTBEAT),
            pushGrace: _seconds(PUSH_AGE - HEARTBEAT),
            pullMaxAge: _seconds(PULL_AGE),
            degradedGrace: _seconds(VOID_AGE - HEARTBEAT),
            trustedSpread: Wad.wrap(TRUSTED_SPREAD),
            degradedSpread: Wad.wrap(DEGRADED_SPREAD),
            maxConfidence: Wad.wrap(MAX_CONFIDENCE),
            jumpLimit: Wad.wrap(JUMP_LIMIT),
            jumpCooldown: _seconds(JUMP_COOLDOWN),
            twapWindow: _seconds(WINDOW),
            disputeWindow: _seconds(DISPUTE_WINDOW),
            sequencerGrace: _seconds(SEQUENCER_GRACE)
        });
    }

    function read() public view returns (OracleView memory) {
        return _jumpChecked(_combined(), _memory);
    }

    function poke() external returns (OracleView memory seen) {
        seen = _combined();
        if (_twap.time != block.timestamp) _remember(seen);
        seen = _jumpChecked(seen, _memory);
    }

    function twap() external view returns (Wad) {
        return Wad.wrap(_twap.average(block.timestamp, WINDOW));
    }

    // ------------------------------------------------------------ settlement

    function fixSettlement(Timestamp expiry, uint80 roundId) external returns (Wad price) {
        price = settlementPrice[expiry];
        if (!price.isZero()) return price;
        _requireExpired(expiry);
        uint256 until = expiry.rawTime() + DISPUTE_WINDOW;
        if (block.timestamp < until) revert DisputeOpen(expiry, _time(until));
        uint256 round = _roundPrice(expiry, roundId);
        price = Wad.wrap(round > 0 ? round : _twap.average(expiry.rawTime(), WINDOW));
        _fix(expiry, price, roundId, round == 0);
    }

    /// @dev The one alternative to the round is what the guard itself saw in the window before the expiry, and only where
    /// the two are further apart than two feeds may be: the guardian can refuse an outlier, not pick the better price.
    function dispute(Timestamp expiry, uint80 roundId) external {
        if (msg.sender != GUARDIAN) revert OnlyGuardian(msg.sender);
        _requireExpired(expiry);
        uint256 end = expiry.rawTime();
        if (block.timestamp >= end + DISPUTE_WINDOW) revert DisputeOver(expiry, _time(end + DISPUTE_WINDOW));
        if (!settlementPrice[expiry].isZero()) revert DisputeOver(expiry, _time(block.timestamp));
        uint256 round = _roundPrice(expiry, roundId);
        uint256 average = _twap.lastBy(end) + WINDOW >= end ? _twap.average(end, WINDOW) : 0;
        if (round == 0 || average == 0) revert NothingToDispute(expiry, Wad.wrap(round), Wad.wrap(average));
        if (FixedPointMathLib.dist(round, average) * ONE <= DEGRADED_SPREAD * average) {
            revert NothingToDispute(expiry, Wad.wrap(round), Wad.wrap(average));
        }
        emit SettlementDisputed(expiry, Wad.wrap(round), Wad.wrap(average));
        _fix(expiry, Wad.wrap(average), roundId, true);
    }

    function _requireExpired(Timestamp expiry) private view {
        if (block.timestamp < expiry.rawTime()) revert NotExpired(expiry, _time(block.timestamp));
    }

    function _fix(Timestamp expiry, Wad price, uint80 roundId, bool fromTwap) private {
        if (price.isZero()) revert NoSettlementPrice(expiry);
        settlementPrice[expiry] = price;
        emit SettlementFixed(expiry, price, roundId, fromTwap);
    }

    // ------------------------------------------------------------ the sequencer

    /// @dev While it is down only who can afford the base chain acts, on prices that are old; for a while afterwards
    /// those who could not act must be able to before they are priced.
    function _combined() private view returns (OracleView memory seen) {
        seen = _fromFeeds();
        if (_sequencerRuns()) return seen;
        (seen.mode, seen.confidence) = (Mode.FROZEN, Wad.wrap(0));
    }

    function _sequencerRuns() private view returns (bool) {
        if (SEQUENCER == address(0) || SEQUENCER_GRACE == 0) return true;
        (bool up, uint256 since) = FeedReader.uptime(SEQUENCER);
        return up && block.timestamp > since + SEQUENCER_GRACE;
    }

    // ------------------------------------------------------------ the two feeds

    function _fromFeeds() private view returns (OracleView memory) {
        FeedReader.Reading memory push = _alive(FeedReader.push(PUSH, PUSH_SCALE));
        FeedReader.Reading memory pull = _alive(FeedReader.pull(PULL, PULL_ID));
        if (push.valid && pull.valid) return _both(push, pull);
        if (push.valid) return _survivor(push);
        if (pull.valid) return _survivor(pull);
        return _lastAccepted();
    }

    function _alive(FeedReader.Reading memory r) private view returns (FeedReader.Reading memory) {
        if (r.valid && block.timestamp - r.time > VOID_AGE) r.valid = false;
        return r;
    }

    /// @dev The newer price; the band covers both feeds and the confidence interval.
    function _both(FeedReader.Reading memory push, FeedReader.Reading memory pull)
        private
        view
        returns (OracleView memory seen)
    {
        FeedReader.Reading memory newer = pull.time >= push.time ? pull : push;
        uint256 doubt = _doubt(push, pull);
        seen.price = Wad.wrap(newer.price);
        seen.low = Wad.wrap(FixedPointMathLib.min(push.price, pull.price - pull.conf));
        seen.high = Wad.wrap(FixedPointMathLib.max(push.price, pull.price + pull.conf));
        seen.asOf = Timestamp.wrap(uint64(newer.time));
        seen.confidence = Wad.wrap(doubt > ONE ? LEAST_CONFIDENCE : ONE - doubt * (ONE - LEAST_CONFIDENCE) / ONE);
        seen.mode = doubt == 0 ? Mode.NORMAL : doubt > ONE ? Mode.FROZEN : Mode.REDUCE_ONLY;
    }

    /// @dev One feed alone is nobody's check: FROZEN, but closes and liquidations can still be priced, at a band as
    /// wide as the disagreement that two feeds might have had.
    function _survivor(FeedReader.Reading memory r) private view returns (OracleView memory seen) {
        uint256 width = FixedPointMathLib.max(r.conf, r.price * DEGRADED_SPREAD / ONE);
        seen.price = Wad.wrap(r.price);
        seen.low = Wad.wrap(FixedPointMathLib.zeroFloorSub(r.price, width));
        seen.high = Wad.wrap(r.price + width);
        seen.asOf = Timestamp.wrap(uint64(r.time));
        seen.confidence = Wad.wrap(LEAST_CONFIDENCE);
        seen.mode = Mode.FROZEN;
    }

    function _lastAccepted() private view returns (OracleView memory seen) {
        seen.price = seen.low = seen.high = Wad.wrap(_twap.price);
        seen.asOf = Timestamp.wrap(_memory.asOf);
        seen.mode = Mode.FROZEN;
    }

    /// @dev 0: trusted on every count; up to 1: degraded; above: not trustworthy. A wide confidence interval only
    /// degrades, because the band covers it.
    function _doubt(FeedReader.Reading memory push, FeedReader.Reading memory pull) private view returns (uint256 d) {
        uint256 lower = FixedPointMathLib.min(push.price, pull.price);
        uint256 spread = FixedPointMathLib.fullMulDivUp(FixedPointMathLib.dist(push.price, pull.price), ONE, lower);
        uint256 conf = FixedPointMathLib.fullMulDivUp(pull.conf, ONE, pull.price);
        d = _grade(spread, TRUSTED_SPREAD, DEGRADED_SPREAD);
        d = FixedPointMathLib.max(d, _grade(block.timestamp - push.time, PUSH_AGE, VOID_AGE));
        d = FixedPointMathLib.max(d, _grade(block.timestamp - pull.time, PULL_AGE, VOID_AGE));
        d = FixedPointMathLib.max(d, FixedPointMathLib.min(ONE, _grade(conf, MAX_CONFIDENCE, DEGRADED_SPREAD)));
    }

    /// @dev 0 up to `trusted`, rising to 1 at `limit`, VOID beyond.
    function _grade(uint256 x, uint256 trusted, uint256 limit) private pure returns (uint256) {
        if (x <= trusted) return 0;
        if (x > limit) return VOID;
        return FixedPointMathLib.max(1, (x - trusted) * ONE / (limit - trusted));
    }

    // ------------------------------------------------------------ TWAP and jumps

    /// @dev A price that nobody trusts does not enter the TWAP: the last accepted one is carried on.
    function _remember(OracleView memory seen) private {
        bool accepted = seen.mode != Mode.FROZEN;
        if (!accepted && _twap.time == 0) return;
        Memory memory m = _memory;
        _twap.record(accepted ? seen.price.raw() : _twap.price, WINDOW);
        m.average = uint128(_twap.average(block.timestamp, WINDOW));
        if (accepted) m.asOf = uint64(seen.asOf.rawTime());
        if (accepted && _jumps(seen.price.raw(), m.average)) _startCooldown(m, seen.price);
        _memory = m;
        Mode mode = _jumpChecked(seen, m).mode;
        emit Poked(seen.price, seen.low, seen.high, seen.confidence, uint8(mode), Wad.wrap(m.average));
    }

    function _startCooldown(Memory memory m, Wad price) private {
        m.jumpUntil = uint64(block.timestamp + JUMP_COOLDOWN);
        emit JumpDetected(price, Wad.wrap(m.average), Timestamp.wrap(m.jumpUntil));
    }

    function _jumpChecked(OracleView memory seen, Memory memory m) private view returns (OracleView memory) {
        bool cooling = JUMP_LIMIT != 0 && block.timestamp < m.jumpUntil;
        if (seen.mode == Mode.NORMAL && (cooling || _jumps(seen.price.raw(), m.average))) seen.mode = Mode.REDUCE_ONLY;
        return seen;
    }

    function _jumps(uint256 price, uint256 average) private view returns (bool) {
        if (JUMP_LIMIT == 0 || average == 0) return false;
        return FixedPointMathLib.dist(price, average) * ONE > JUMP_LIMIT * average;
    }

    // ------------------------------------------------------------ rounds

    /// @dev The price of the one round that settles `expiry`; 0 = the TWAP decides. Which of the two applies depends
    /// on the feed's rounds, not on the caller: reverts until the round exists or its deadline has passed.
    function _roundPrice(Timestamp expiry, uint80 roundId) private view returns (uint256) {
        FeedReader.Reading memory round = FeedReader.pushRound(PUSH, PUSH_SCALE, roundId);
        FeedReader.Reading memory previous;
        if (roundId > 0) previous = FeedReader.pushRound(PUSH, PUSH_SCALE, roundId - 1);
        uint256 end = expiry.rawTime();
        uint256 deadline = end + PUSH_AGE;
        if (_brackets(previous.time, round.time, end)) return round.valid && round.time <= deadline ? round.price : 0;
        bool silent = block.timestamp > deadline && FeedReader.push(PUSH, PUSH_SCALE).time < end;
        bool broken = block.timestamp >= end + PATIENCE && round.time >= end && previous.time == 0;
        if (silent || broken) return 0;
        revert WrongRound(roundId, Timestamp.wrap(uint64(round.time)), Timestamp.wrap(uint64(previous.time)), expiry);
    }

    /// @dev The first round at or after `end`. A missing previous round (time 0) proves nothing.
    function _brackets(uint256 previous, uint256 round, uint256 end) private view returns (bool) {
        return previous > 0 && previous < end && round >= end && round <= block.timestamp;
    }

    function _time(uint256 value) private pure returns (Timestamp) {
        return Timestamp.wrap(uint64(value));
    }

    function _seconds(uint256 value) private pure returns (Seconds) {
        return Seconds.wrap(uint64(value));
    }
}
