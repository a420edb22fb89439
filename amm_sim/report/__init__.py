"""The page and the machine-readable summary of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from amm_sim.report.page import render
from amm_sim.tape import Tape
from amm_sim.types import Evaluation, Metric

__all__ = ["summary", "write"]


def write(tape: Tape, evaluation: Evaluation, folder: Path) -> None:
    """Writes ``report.html`` and ``eval.json`` into ``folder``."""
    (folder / "report.html").write_text(render(tape, evaluation), encoding="utf-8")
    text = json.dumps(summary(tape, evaluation), indent=1, allow_nan=False)
    (folder / "eval.json").write_text(text + "\n", encoding="utf-8")


def summary(tape: Tape, evaluation: Evaluation) -> dict[str, Any]:
    """The content of ``eval.json``; a number that is not finite is left out rather than written."""
    manifest = tape.manifest
    return {
        "scenario": manifest.get("scenario"),
        "seed": manifest.get("seed"),
        "digest": manifest.get("digest"),
        "blocks": manifest.get("blocks"),
        "transactions": manifest.get("transactions"),
        "insolvent": evaluation.insolvent,
        "metrics": [_metric(m) for m in evaluation.metrics if math.isfinite(m.value)],
        "reproduce": manifest.get("reproduce"),
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {
        "name": metric.name,
        "value": metric.value,
        "unit": metric.unit,
        "ci_low": metric.ci_low,
        "ci_high": metric.ci_high,
        "n": metric.n,
        "method": metric.method,
    }
