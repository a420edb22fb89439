// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICircuitBreaker} from "../contracts/interfaces/ICircuitBreaker.sol";
import {IGreekLedger} from "../contracts/interfaces/IGreekLedger.sol";
import {IHedgeManager} from "../contracts/interfaces/IHedging.sol";
import {IInsuranceFund} from "../contracts/interfaces/IInsuranceFund.sol";
import {ILPVault} from "../contracts/interfaces/ILPVault.sol";
import {ILiquidationAuction} from "../contracts/interfaces/ILiquidationAuction.sol";
import {IMarginEngine} from "../contracts/interfaces/IMarginEngine.sol";
import {IOptionMarket} from "../contracts/interfaces/IOptionMarket.sol";
import {IOracleGuard} from "../contracts/interfaces/IOracleGuard.sol";
import {IUnderlyingCollateral} from "../contracts/interfaces/IUnderlyingCollateral.sol";
import {IVolSurface} from "../contracts/interfaces/IVolSurface.sol";
import {MockPullFeed} from "../contracts/mocks/MockPullFeed.sol";
import {MockPushFeed} from "../contracts/mocks/MockPushFeed.sol";
import {MockToken} from "../contracts/mocks/MockToken.sol";
import {MockVolFeed} from "../contracts/mocks/MockVolFeed.sol";
import {PerpVenue} from "../contracts/mocks/PerpVenue.sol";
import {
    AuctionParams, BandParams, BreakerParams, CollateralParams, HedgeParams, InsuranceParams, MarginParams, MarketParams, OracleParams,
    PerpParams, PricingParams, VaultParams
} from "../contracts/types/Params.sol";
import {Addresses, SviSlice, TradeResult} from "../contracts/types/Types.sol";
import {SWad, Seconds, SeriesId, Timestamp, Wad, seriesId} from "../contracts/types/Units.sol";
import {Base} from "./Base.sol";

/// The whole real protocol on a fresh chain: spot 2000, vol 80 %, a perp venue, an empty pool. Tests override the
/// parameter functions, then call `deploy`. The test contract is lister and guardian.
abstract contract World is Base {
    uint256 internal constant START = 1_600_000_000;
    uint256 internal constant DAY = 86_400;
    bytes32 internal constant PULL_ID = "ETH/USD";
    int256 internal constant NO_LIMIT = type(int128).max;
    uint256 internal constant SPOT = 2000e18;
    uint256 internal constant VOL = 0.8e18;
    uint8 internal immutable DECIMALS = decimals();
    uint256 internal immutable UNIT = 10 ** (18 - decimals());

    MockToken internal token;
    MockToken internal underlying; // this and `collateral` only where the cap is above zero
    MockPushFeed internal push;
    MockPullFeed internal pull;
    MockVolFeed internal volFeed;
    address internal policy;
    PerpVenue internal venue;
    IOracleGuard internal oracle;
    IVolSurface internal surface;
    IGreekLedger internal ledger;
    IMarginEngine internal margin;
    IOptionMarket internal market;
    ILiquidationAuction internal auction;
    IInsuranceFund internal insurance;
    ILPVault internal vault;
    IHedgeManager internal hedge;
    ICircuitBreaker internal breaker;
    IUnderlyingCollateral internal collateral;
    Addresses internal book;
    uint256 internal spotNow = SPOT;
    uint80 internal round;

    // ------------------------------------------------------------ deployment

    function deploy() internal {
        vm.warp(START);
        vm.roll(1);
        token = newToken();
        if (_takesUnderlying()) underlying = newUnderlying();
        push = new MockPushFeed(8);
        pull = new MockPullFeed();
        volFeed = new MockVolFeed();
        policy = _new("BandPolicy", abi.encode(bandParams()));
        venue = newVenue();
        _predict();
        _create();
        token.mint(address(venue), 1e30 / UNIT);
        post(SPOT);
    }

    /// Of the quote token.
    function decimals() internal pure virtual returns (uint8) {
        return 6;
    }

    function newToken() internal virtual returns (MockToken) {
        return new MockToken("US Dollar", "USD", DECIMALS);
    }

    function newUnderlying() internal virtual returns (MockToken) {
        return new MockToken("Ether", "ETH", 18);
    }

    function _takesUnderlying() private view returns (bool) {
        return !collateralParams().cap.isZero();
    }

    function newVenue() internal virtual returns (PerpVenue) {
        return PerpVenue(_new("PerpVenue", abi.encode(token, perpParams())));
    }

    function _predict() private {
        uint256 nonce = vm.getNonce(address(this));
        book.quote = address(token);
        book.oracle = vm.computeCreateAddress(address(this), nonce);
        book.surface = vm.computeCreateAddress(address(this), nonce + 1);
        book.ledger = vm.computeCreateAddress(address(this), nonce + 2);
        book.margin = vm.computeCreateAddress(address(this), nonce + 3);
        book.market = vm.computeCreateAddress(address(this), nonce + 4);
        book.auction = vm.computeCreateAddress(address(this), nonce + 5);
        book.insurance = vm.computeCreateAddress(address(this), nonce + 6);
        book.vault = vm.computeCreateAddress(address(this), nonce + 7);
        book.hedge = vm.computeCreateAddress(address(this), nonce + 8);
        book.breaker = vm.computeCreateAddress(address(this), nonce + 9);
        (book.lister, book.guardian) = (address(this), address(this));
        if (!_takesUnderlying()) return;
        book.underlying = address(underlying);
        book.collateral = vm.computeCreateAddress(address(this), nonce + 10);
    }

    function _create() private {
        _new("OracleGuard", abi.encode(book, oracleParams(), push, pull, PULL_ID, address(0)));
        _new("VolSurface", abi.encode(book, pricingParams(), volFeed));
        _new("GreekLedger", abi.encode(book, pricingParams()));
        _new("MarginEngine", abi.encode(book, marginParams()));
        _new("OptionMarket", abi.encode(book, marketParams()));
        _new("LiquidationAuction", abi.encode(book, auctionParams()));
        _new("InsuranceFund", abi.encode(book, insuranceParams()));
        _new("LPVault", abi.encode(book, vaultParams()));
        _new("HedgeManager", abi.encode(book, hedgeParams(), policy, venue));
        eq(_new("CircuitBreaker", abi.encode(book, breakerParams())), book.breaker, "predicted addresses");
        if (_takesUnderlying()) _new("UnderlyingCollateral", abi.encode(book, collateralParams()));
        _bind();
    }

    /// The compiled artefact instead of `new`: a test file then compiles in seconds, not with the whole protocol in it.
    function _new(string memory name, bytes memory arguments) internal returns (address made) {
        bytes memory code = abi.encodePacked(vm.getCode(string.concat(name, ".sol:", name)), arguments);
        assembly {
            made := create(0, add(code, 32), mload(code))
            if iszero(made) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    function _bind() private {
        oracle = IOracleGuard(book.oracle);
        surface = IVolSurface(book.surface);
        ledger = IGreekLedger(book.ledger);
        margin = IMarginEngine(book.margin);
        market = IOptionMarket(book.market);
        auction = ILiquidationAuction(book.auction);
        insurance = IInsuranceFund(book.insurance);
        vault = ILPVault(book.vault);
        hedge = IHedgeManager(book.hedge);
        breaker = ICircuitBreaker(book.breaker);
        collateral = IUnderlyingCollateral(book.collateral);
    }

    // ------------------------------------------------------------ parameters, as in scenarios/base.toml but for the
    // queue's delays (0) and a wide NAV trigger, which would only slow tests down

    function oracleParams() internal view virtual returns (OracleParams memory) {
        return OracleParams({
            pushHeartbeat: _s(3600),
            pushGrace: _s(90),
            pullMaxAge: _s(90),
            degradedGrace: _s(600),
            trustedSpread: _w(0.005e18),
            degradedSpread: _w(0.02e18),
            maxConfidence: _w(0.003e18),
            jumpLimit: _w(0),
            jumpCooldown: _s(900),
            twapWindow: _s(1800),
            disputeWindow: _s(0),
            sequencerGrace: _s(0)
        });
    }

    function pricingParams() internal view virtual returns (PricingParams memory) {
        return PricingParams({
            impact: _w(1e18),
            maxShift: _w(0.25e18),
            curvatureLimit: _w(0.75e18),
            weightWidth: _w(0.6e18),
            anchorSpeed: _w(0),
            maxFeedGap: _w(0.04e18),
            volMaxAge: _s(365 days),
            minVol: _w(0.05e18),
            maxVol: _w(5e18),
            greekMaxAge: _s(600),
            greekMaxMove: _w(0.01e18),
            stressGap: _w(0.0375e18)
        });
    }

    function marketParams() internal view virtual returns (MarketParams memory) {
        return MarketParams({
            premiumFee: _w(0.005e18),
            spotFee: _w(0.0006e18),
            minFeeDelta: _w(0.1e18),
            bandFee: _w(1e18),
            confidenceFee: _w(3e18),
            insuranceShare: _w(0.1e18),
            minDelta: _w(0.05e18),
            maxDelta: _w(0.95e18),
            cutoff: _s(7200),
            accountDeltaLimit: _w(0.02e18),
            gammaLimit: _w(0.02e18),
            vegaLimit: _w(0.0025e18),
            stressFloor: _w(0.55e18),
            maxLegs: _w(8e18),
            minSize: _w(0.01e18),
            inventoryFee: _w(0),
            inventoryRebate: _w(0),
            largeTrade: _w(0)
        });
    }

    function marginParams() internal view virtual returns (MarginParams memory) {
        return MarginParams({
            initialFactor: _w(1e18),
            maintenanceFactor: _w(0.75e18),
            initialSpot: _w(0.015e18),
            maintenanceSpot: _w(0.01e18),
            initialFloor: _w(0.065e18),
            maintenanceFloor: _w(0.05e18),
            buffer: _w(0.15e18),
            positionCharge: _w(10e18),
            volUp: _w(0.5e18),
            volDown: _w(0.3e18),
            volUpFloor: _w(0.4e18),
            tailDown: _w(0.5e18),
            tailUp: _w(1.6e18),
            tailDownWeight: _w(0.3e18),
            tailUpWeight: _w(0.25e18),
            haircut: _w(0.2e18)
        });
    }

    /// No underlying by default.
    function collateralParams() internal view virtual returns (CollateralParams memory) {
        return CollateralParams({cap: _w(0), discount: _w(0), saleTime: _s(3600)});
    }

    function auctionParams() internal view virtual returns (AuctionParams memory) {
        return AuctionParams({
            startPrice: _w(0.98e18),
            kinkPrice: _w(0.9e18),
            endPrice: _w(0.6e18),
            fast: _s(300),
            slow: _s(3600),
            penaltyShare: _w(0.4e18),
            insurancePart: _w(0.625e18),
            minBounty: _w(20e18),
            dust: _w(50e18),
            bountyTime: _s(1800),
            closeVolFactor: _w(1.25e18),
            closeDrift: _w(0.005e18)
        });
    }

    function insuranceParams() internal view virtual returns (InsuranceParams memory) {
        return InsuranceParams({maxShare: _w(0.5e18), target: _w(0.02e18)});
    }

    function vaultParams() internal view virtual returns (VaultParams memory) {
        return VaultParams({
            depositDelay: _s(0),
            withdrawalDelay: _s(0),
            maxWait: _s(14 days),
            freeBuffer: _w(0.05e18),
            withdrawalFee: _w(0.003e18),
            bandPricing: _w(1e18),
            volBand: _w(0.1e18),
            juniorWeight: _w(0),
            floor: _w(0)
        });
    }

    function hedgeParams() internal view virtual returns (HedgeParams memory) {
        return HedgeParams({
            targetLeverage: _w(2e18),
            topUpLeverage: _w(3e18),
            maxLeverage: _w(4e18),
            gateSlack: _w(0.02e18),
            maxSlippage: _w(0.02e18),
            staleShare: _w(0.5e18),
            lookAge: _s(600)
        });
    }

    function bandParams() internal view virtual returns (BandParams memory) {
        return BandParams({riskAversion: _w(3e18), minBand: _w(0.0025e18), maxBand: _w(0.025e18), minTrade: _w(0.05e18)});
    }

    function breakerParams() internal view virtual returns (BreakerParams memory) {
        return BreakerParams({
            navDrop: _w(0),
            hedgeShortfall: _w(0),
            insuranceFloor: _w(0),
            freeLiquidity: _w(0),
            timeout: _s(0),
            clear: _s(0)
        });
    }

    function perpParams() internal view virtual returns (PerpParams memory) {
        return PerpParams({
            skewScale: _w(1e24),
            takerFee: _w(0.0005e18),
            maxFundingVelocity: _w(9e18),
            maintenanceRatio: _w(0.01e18),
            maxLeverage: _w(20e18)
        });
    }

    // ------------------------------------------------------------ the world moves

    /// Both feeds and the venue's index, now.
    function post(uint256 spot) internal virtual {
        spotNow = spot;
        round = push.post(int256(spot / 1e10), block.timestamp);
        pull.post(PULL_ID, int64(uint64(spot / 1e10)), 0, -8, block.timestamp);
        venue.postIndex(_w(spot), _w(1e18), true);
        oracle.poke();
    }

    /// A flat slice of volatility for one expiry.
    function postVol(Timestamp expiry, uint256 vol) internal {
        volFeed.post(expiry, SviSlice(SWad.wrap(int256(vol * vol / 1e18)), _w(0), SWad.wrap(0), SWad.wrap(0), _w(0.1e18)), _w(1e18));
    }

    function wait(uint256 time) internal {
        vm.warp(block.timestamp + time);
        vm.roll(block.number + 1);
    }

    /// Time passes, prices arrive, every expiry is refreshed.
    function step(uint256 time, uint256 spot) internal {
        wait(time);
        post(spot);
        refreshAll();
    }

    function refreshAll() internal {
        Timestamp[] memory expiries = ledger.expiries();
        for (uint256 i; i < expiries.length; ++i) {
            ledger.refresh(expiries[i]);
        }
    }

    /// Five strikes around 2000: 1600, 1800, 2000, 2200, 2400.
    function list(uint256 time) internal returns (Timestamp expiry) {
        return listAround(time, SPOT);
    }

    /// Five strikes at 80, 90, 100, 110 and 120 % of `middle`.
    function listAround(uint256 time, uint256 middle) internal returns (Timestamp expiry) {
        expiry = Timestamp.wrap(uint64(block.timestamp + time));
        postVol(expiry, VOL);
        Wad[] memory strikes = new Wad[](5);
        for (uint256 i; i < 5; ++i) {
            strikes[i] = _w(middle * (8 + i) / 10);
        }
        market.list(expiry, strikes);
    }

    // ------------------------------------------------------------ people

    function fundPool(address lp, uint256 amount) internal {
        _mint(lp, amount, address(vault));
        vm.prank(lp);
        vault.requestDeposit(_w(amount));
    }

    function fund(address trader, uint256 amount) internal {
        _mint(trader, amount, address(market));
        vm.prank(trader);
        market.deposit(_w(amount));
    }

    /// Wads of underlying into an account.
    function pledge(address trader, uint256 amount) internal {
        underlying.mint(trader, amount / 10 ** (18 - underlying.decimals()));
        vm.prank(trader);
        underlying.approve(address(collateral), type(uint256).max);
        vm.prank(trader);
        collateral.depositUnderlying(_w(amount));
    }

    function insure(uint256 amount) internal {
        _mint(address(this), amount, address(insurance));
        insurance.donate(_w(amount));
    }

    function trade(address who, SeriesId id, int256 size) internal returns (TradeResult memory) {
        vm.prank(who);
        return market.trade(id, SWad.wrap(size), SWad.wrap(NO_LIMIT));
    }

    function _mint(address to, uint256 amount, address spender) private {
        token.mint(to, amount / UNIT);
        vm.prank(to);
        token.approve(spender, type(uint256).max);
    }

    function call(Timestamp expiry, uint256 strike) internal pure returns (SeriesId) {
        return seriesId(expiry, strike, true);
    }

    function put(Timestamp expiry, uint256 strike) internal pure returns (SeriesId) {
        return seriesId(expiry, strike, false);
    }

    function _w(uint256 x) internal pure returns (Wad) {
        return Wad.wrap(x);
    }

    function _s(uint256 x) internal pure returns (Seconds) {
        return Seconds.wrap(uint64(x));
    }
}
