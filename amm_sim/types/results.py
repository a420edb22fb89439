"""What analyzers say of a run, and studies of many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LP_FLOWS = "LP flows"
"""The term of P&L explain that is no profit: deposits less withdrawals of liquidity providers."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of the report. The interval is None where one run stands alone (n = 1)."""

    name: str
    value: float
    unit: str
    ci_low: float | None = None
    ci_high: float | None = None
    n: int = 1
    method: str = "read from the chain"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Every analyzer's result for one run."""

    insolvent: bool
    verdict: str
    metrics: tuple[Metric, ...]
    explain: tuple[tuple[str, float], ...]
    """P&L terms and the residual, in quote; they sum to the change of NAV."""
    refusals: tuple[tuple[str, int], ...]
    fills: tuple[tuple[str, int], ...]
    """Filled orders by kind of agent."""


@dataclass(frozen=True, slots=True)
class PathResult:
    """One path of a study, as its ledger keeps it."""

    point: str
    """Hash of the parameter point."""
    seed: int
    status: str
    """done | failed."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What the point changes, by dotted key."""
    insolvent_after: int | None = None
    """Seconds after the start at which the pool first could not pay longs in full."""
    ran: int = 0
    """Seconds that the path lived; less than the scenario's duration only when it failed."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    digest: str = ""
    seconds: float = 0.0
    """Wall time."""
    error: str = ""
    """Traceback of a failed path."""

    @property
    def key(self) -> tuple[str, int]:
        """What a path is known by."""
        return self.point, self.seed

    @property
    def insolvent(self) -> bool:
        """Whether the pool ever became insolvent."""
        return self.insolvent_after is not None


@dataclass(frozen=True, slots=True)
class PointResult:
    """What the paths of one parameter point say together."""

    point: str
    changes: Mapping[str, Any]
    paths: int
    failed: int
    stopped: bool
    """Whether the wanted precision ended it before the last path."""
    metrics: tuple[Metric, ...]
    curve: tuple[Metric, ...]
    """P(insolvent) by horizon; the name says which."""
    paired: tuple[Metric, ...]
    """Differences from the first point over common seeds; empty for that point."""


@dataclass(frozen=True, slots=True)
class StudyResult:
    """A study's points and what is to be known about them."""

    points: tuple[PointResult, ...]
    verdict: str
    warnings: tuple[str, ...]
