"""The gates of the simulator's speed: a number, its target, whether it is met."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def gate(value: float, target: float, *, at_most: bool = False) -> dict[str, Any]:
    """A number against its target."""
    met = value <= target if at_most else value >= target
    return {"value": round(value, 4), "target": target, "at_most": at_most, "met": met}


def gates(found: Mapping[str, Any]) -> dict[str, Any]:
    """Every gate with its value, target and whether it is met."""
    run, many, busy = (found[name] for name in ("crash", "hundred_agents", "hundred_busy_agents"))
    drifted, ordered, side = (found[name] for name in ("drift", "order", "processes"))
    trades, growth = found["web3_automine"], found["scaling"]
    steepest = max(each["exponent"] for each in growth.values() if isinstance(each, dict))
    reads = many["milliseconds_of_reads_per_block"]
    return {
        "seconds for 72 hours": gate(run["seconds_for_72_hours"], 90, at_most=True),
        "speed / same transactions without agents": gate(run["ratio_to_bare"], 0.7),
        "the same by processor time": gate(run["ratio_to_bare_by_processor"], 0.7),
        "100 agents: speed / same transactions": gate(many["ratio_to_bare"], 0.9),
        "100 busy agents: speed / same transactions": gate(busy["ratio_to_bare"], 0.9),
        "100 agents: milliseconds of reads a block": gate(reads, 2, at_most=True),
        "trades per second / web3.py automine": gate(
            trades["port_per_second"] / trades["per_second"], 40
        ),
        "speed of late / early blocks": gate(drifted["late_over_early"], 0.9),
        "violations of order": gate(ordered["violations"], 0, at_most=True),
        "digests of processes that differ": gate(len(set(side["digests"])) - 1, 0, at_most=True),
        "two workers / one, a core each": gate(side["two_over_one"], 1.8),
        "recording's share of the run": gate(run["recording"], 0.05, at_most=True),
        "steepest exponent of cost": gate(steepest, 1.1, at_most=True),
    }
