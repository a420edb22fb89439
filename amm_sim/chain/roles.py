"""Which contracts a scenario's protocol is made of, and in which order they are deployed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amm_sim.chain.abi import CodecError
from amm_sim.chain.packing import check_keys
from amm_sim.errors import ScenarioError

POLICIES = {
    "band": "BandPolicy",
    "aimed": "AimedBandPolicy",
    "interval": "IntervalPolicy",
    "threshold": "ThresholdPolicy",
    "none": "NoHedgePolicy",
}
VENUES = {
    "perp": "PerpVenue",
    "async": "AsyncPerpVenue",
    "frictionless": "FrictionlessVenue",
    "uniswap": "UniswapV3Venue",
    "fillers": "HedgeAuction",
}
ROUTER = "router"
INDEXED = frozenset({"perp", "async"})
"""Venues whose reference price is posted."""
SPOT = frozenset({"uniswap", "fillers"})
"""Venues that hold underlying."""
CORE = {
    "oracle": "OracleGuard",
    "surface": "VolSurface",
    "ledger": "GreekLedger",
    "margin": "MarginEngine",
    "market": "OptionMarket",
    "auction": "LiquidationAuction",
    "insurance": "InsuranceFund",
    "vault": "LPVault",
    "hedge": "HedgeManager",
    "breaker": "CircuitBreaker",
}
"""Role in the address book -> contract, in order of deployment."""
COLLATERAL = {"underlying": "MockToken", "collateral": "UnderlyingCollateral"}
"""Likewise, where underlying is taken as collateral."""
TABLE_OF = {"surface": "pricing", "ledger": "pricing"}
"""Roles whose parameters are in a table of another name."""
TABLES = (
    "oracle",
    "pricing",
    "market",
    "margin",
    "collateral",
    "auction",
    "insurance",
    "vault",
    "hedge",
    "breaker",
)
CHOICES = (
    "quote_decimals",
    "policy",
    "venue",
    "venues",
    "band",
    "aim",
    "interval",
    "threshold",
    "perp",
    "async",
    "router",
    "uniswap",
    "reward",
)


def plan(tables: Mapping[str, Any]) -> dict[str, str]:
    """Role -> contract, in order of deployment.

    Raises:
        ScenarioError: a choice that there is not.
    """
    policy = tables.get("policy")
    return {
        "quote": "MockToken",
        "push": "MockPushFeed",
        "pull": "MockPullFeed",
        "vol": "MockVolFeed",
        **({"uptime": "MockUptimeFeed"} if _on_rollup(tables) else {}),
        **({"signal": "MockSignal"} if policy == "aimed" else {}),
        "policy": _choice(tables, "policy", POLICIES),
        **CORE,
        **(COLLATERAL if _takes_underlying(tables) else {}),
        **_venue_plan(venues(tables), tables["venue"] == ROUTER),
        "lens": "PoolLens",
    }


def _on_rollup(tables: Mapping[str, Any]) -> bool:
    """Whether the guard asks an uptime feed of a sequencer."""
    oracle = tables.get("oracle")
    return isinstance(oracle, Mapping) and bool(oracle.get("sequencerGrace"))


def _takes_underlying(tables: Mapping[str, Any]) -> bool:
    """Whether accounts may post underlying."""
    collateral = tables.get("collateral")
    return isinstance(collateral, Mapping) and bool(collateral.get("cap"))


def _venue_plan(venues: Mapping[str, str], routed: bool) -> dict[str, str]:
    """Venues and what they need, in order of deployment; "venue" is the manager's."""
    plan: dict[str, str] = {}
    if SPOT & venues.keys():
        plan["underlying"] = "MockToken"
    if "uniswap" in venues:
        plan |= {"factory": "UniswapV3Factory", "desk": "UniswapDesk"}
    plan |= {role: VENUES[name] for name, role in venues.items()}
    if INDEXED & venues.keys() and routed:
        plan["index"] = "VenueIndex"
    return plan | ({"venue": "HedgeRouter"} if routed else {})


def venues(tables: Mapping[str, Any]) -> dict[str, str]:
    """Name of a venue -> its role.

    Raises:
        ScenarioError: a venue that there is not.
    """
    name = tables.get("venue")
    if not isinstance(name, str) or name not in (*VENUES, ROUTER):
        raise ScenarioError("protocol.venue", name, "one of " + ", ".join((*VENUES, ROUTER)))
    if name != ROUTER:
        return {name: "venue"}
    listed = tables.get("venues")
    if (
        not isinstance(listed, list | tuple)
        or not listed
        or not all(isinstance(each, str) and each in VENUES for each in listed)
        or len(set(listed)) < len(listed)
    ):
        raise ScenarioError("protocol.venues", listed, "different ones of " + ", ".join(VENUES))
    return {each: each for each in listed}


def _choice(tables: Mapping[str, Any], key: str, options: Mapping[str, str]) -> str:
    value = tables.get(key)
    if not isinstance(value, str) or value not in options:
        raise ScenarioError(f"protocol.{key}", value, "one of " + ", ".join(options))
    return options[value]


def decimals(tables: Mapping[str, Any]) -> int:
    """Of the quote token.

    Raises:
        ScenarioError: not a number of decimals.
    """
    value = tables.get("quote_decimals", 6)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 18:
        raise ScenarioError("protocol.quote_decimals", value, "a whole number in [0, 18]")
    return value


def check(tables: Mapping[str, Any]) -> None:
    """That every key of [protocol] is a table or a choice.

    Raises:
        ScenarioError: one that is not.
    """
    known = [*TABLES, *CHOICES]
    optional = dict.fromkeys(CHOICES)
    try:
        check_keys(known, {**optional, **tables}, "protocol")
    except CodecError as error:
        path, _, problem = str(error).partition(": ")
        raise ScenarioError(path, tables.get(path.rpartition(".")[2]), problem) from None
