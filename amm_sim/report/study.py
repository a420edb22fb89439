"""The page and the machine-readable summary of a study."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from amm_sim.report import charts, page
from amm_sim.types import Metric, PointResult, StudyResult

COLUMNS = (
    ("p_insolvent", "P(insolvent)"),
    ("bad_debt_mean", "bad debt"),
    ("lp_loss_es_97.5", "ES 97.5 % of LP loss"),
    ("lp_loss_mean", "mean LP loss"),
    ("hedge_cost_mean", "hedge cost"),
    ("p_assets_short", "P(assets short)"),
)
DIFFERENCES = (*COLUMNS[:2], *COLUMNS[3:5])
PALETTE = (charts.BLUE, charts.ORANGE, charts.GREEN, charts.RED, charts.PURPLE, charts.INK)
MOST_LINES = 12
"""Points whose curves are drawn."""

NOTES = (
    "Intervals are 95 %: Wilson's for probabilities, Student's t for means.",
    "Expected shortfall has one only with ten paths in the tail. None: the sample gives none.",
    "LP loss is the fall of the LP share price over the run, as a share of its start.",
    "Insolvent: payout scale below 1. Assets short: less than what longs are owed, floor or not.",
    "Bad debt is what accounts left beyond their collateral.",
    "All points share their random numbers: differences are paired.",
    "Nothing is corrected for comparing many points.",
    "P(insolvent) is conditional on the scenario's market: it is no forecast.",
)


def write(study: StudyResult, manifest: Mapping[str, Any], folder: Path) -> None:
    """Writes ``report.html`` and ``eval.json`` into ``folder``."""
    (folder / "report.html").write_text(render(study, manifest), encoding="utf-8")
    text = json.dumps(summary(study, manifest), indent=1, allow_nan=False)
    (folder / "eval.json").write_text(text + "\n", encoding="utf-8")


def summary(study: StudyResult, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The content of ``eval.json``; what is not finite is null."""
    return {
        **{key: manifest.get(key) for key in ("scenario", "question", "seeds", "reproduce")},
        "verdict": study.verdict,
        "warnings": list(study.warnings),
        "points": [_point(p) for p in study.points],
    }


def _point(p: PointResult) -> dict[str, Any]:
    return {
        "point": p.point,
        "changes": dict(p.changes),
        "paths": p.paths,
        "failed": p.failed,
        "stopped_by_precision": p.stopped,
        "metrics": [_metric(m) for m in p.metrics],
        "insolvency_curve": [_metric(m) for m in p.curve],
        "difference_from_first": [_metric(m) for m in p.paired],
    }


def _metric(m: Metric) -> dict[str, Any]:
    value = m.value if math.isfinite(m.value) else None
    return {
        "name": m.name,
        "value": value,
        "unit": m.unit,
        "ci_low": m.ci_low,
        "ci_high": m.ci_high,
        "n": m.n,
        "method": m.method,
    }


# --------------------------------------------------------------------------- page


def render(study: StudyResult, manifest: Mapping[str, Any]) -> str:
    """The page as text."""
    title = f"Study: {manifest.get('scenario', '')}"
    kind = "bad" if any(_value(p.metrics, "p_insolvent") for p in study.points) else "ok"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="question">{escape(str(manifest.get("question", "")))}</p>',
        f'<p class="verdict {kind}" id="verdict">{escape(study.verdict)}</p>',
        *(f'<p class="verdict bad">{escape(text)}</p>' for text in study.warnings),
        _table("Every point", study.points, COLUMNS),
        *_maps(study.points),
        _curves(study.points),
        _differences(study.points),
        page.listing("How to read it", NOTES),
        page.listing("What is not modelled", page.NOT_MODELLED[:-1]),
        _provenance(manifest),
    ]
    return page.document(title, "\n".join(body))


def _keys(points: Sequence[PointResult]) -> list[str]:
    return list(dict.fromkeys(key for p in points for key in p.changes))


def _table(heading: str, points: Sequence[PointResult], columns: Sequence[tuple[str, str]]) -> str:
    keys = _keys(points)
    heads = [*(key.rpartition(".")[2] for key in keys), *(name for _, name in columns)]
    heads += ["paths", "failed"]
    rows = "".join(_row(p, keys, columns) for p in points)
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return (
        f'<h2>{escape(heading)}</h2><div class="card"><table id="points"><tr>{head}</tr>{rows}'
        "</table></div>"
    )


def _row(p: PointResult, keys: Sequence[str], columns: Sequence[tuple[str, str]]) -> str:
    cells = [f"<td>{escape(str(p.changes.get(key, '')))}</td>" for key in keys]
    cells += [f"<td>{shown(_named(p.metrics, name))}</td>" for name, _ in columns]
    paths = f"{p.paths}{' (precise)' if p.stopped else ''}"
    cells += [f"<td class='n'>{paths}</td><td class='n'>{p.failed}</td>"]
    return f"<tr>{''.join(cells)}</tr>"


def shown(m: Metric | None) -> str:
    """A metric with its interval, as HTML."""
    if m is None:
        return ""
    digits = "{:,.4f}" if m.unit in ("probability", "ratio") else "{:,.0f}"
    text = digits.format(m.value)
    if m.ci_low is None or m.ci_high is None:
        return text
    return (
        f"{text}<br><span class='note'>{digits.format(m.ci_low)} to {digits.format(m.ci_high)}"
        "</span>"
    )


def _named(metrics: Sequence[Metric], name: str) -> Metric | None:
    return next((m for m in metrics if m.name == name), None)


def _value(metrics: Sequence[Metric], name: str) -> float | None:
    found = _named(metrics, name)
    return None if found is None else found.value


# ----------------------------------------------------------------------- heat maps


def _maps(points: Sequence[PointResult]) -> list[str]:
    """A heat map of each column that differs, for a grid of two parameters."""
    axes = _axes(points)
    if axes is None:
        return []
    drawn = [
        f'<div class="chart">{page.chart_html(f"map-{i}", _map(points, axes, name, title))}</div>'
        for i, (name, title) in enumerate(COLUMNS)
        if len({_value(p.metrics, name) for p in points}) > 1
    ]
    return ["<h2>As a map</h2>", *drawn]


def _axes(points: Sequence[PointResult]) -> tuple[str, str] | None:
    keys = _keys(points)
    if len(keys) != 2 or not all(set(keys) == set(p.changes) for p in points):
        return None
    sizes = [len({str(p.changes[key]) for p in points}) for key in keys]
    return (keys[0], keys[1]) if sizes[0] * sizes[1] == len(points) and min(sizes) > 1 else None


def _map(points: Sequence[PointResult], axes: tuple[str, str], name: str, title: str) -> go.Figure:
    figure = charts.empty_figure(title, axes[0])
    x, y = (list(dict.fromkeys(str(p.changes[key]) for p in points)) for key in axes[::-1])
    cells = {(str(p.changes[axes[0]]), str(p.changes[axes[1]])): p for p in points}
    found = [[_named(cells[row, col].metrics, name) for col in x] for row in y]
    z = [[None if m is None else m.value for m in row] for row in found]
    text = [["" if m is None else shown(m) for m in row] for row in found]
    style = {"texttemplate": "%{text}", "colorscale": "YlOrRd", "hoverinfo": "skip"}
    figure.add_trace(
        go.Heatmap(x=x, y=y, z=z, text=[[_plain(t) for t in r] for r in text], **style)
    )
    figure.update_layout(
        hovermode="closest",
        xaxis={"title": {"text": axes[1]}, "type": "category"},
        yaxis={"title": {"text": axes[0]}, "type": "category"},
    )
    return figure


def _plain(html: str) -> str:
    return html.replace("<span class='note'>", "").replace("</span>", "")


# ------------------------------------------------------------------------- curves


def _curves(points: Sequence[PointResult]) -> str:
    figure = charts.empty_figure("P(insolvent) by horizon", "probability")
    for i, p in enumerate(points[:MOST_LINES]):
        _line(figure, p, PALETTE[i % len(PALETTE)])
    figure.update_layout(xaxis={"type": "category"}, yaxis={"rangemode": "tozero"})
    note = f'<p class="note">The first {MOST_LINES} points.</p>' if len(points) > MOST_LINES else ""
    heading = "<h2>When it becomes insolvent</h2>"
    return f'{heading}<div class="chart">{page.chart_html("curve", figure)}</div>{note}'


def _line(figure: go.Figure, p: PointResult, colour: str) -> None:
    known = [m for m in p.curve if m.ci_low is not None and m.ci_high is not None]
    y = [m.value for m in known]
    above = [(m.ci_high or 0.0) - m.value for m in known]
    below = [m.value - (m.ci_low or 0.0) for m in known]
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    figure.add_trace(
        go.Scatter(
            x=[m.name for m in known],
            y=y,
            error_y={**bars, "thickness": 1},
            mode="lines+markers",
            name=words(p),
            line={"color": colour},
        )
    )


def words(p: PointResult) -> str:
    """A point's changes in short."""
    pairs = ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in p.changes.items())
    return pairs or "the scenario as it is"


# -------------------------------------------------------------------- differences


def _differences(points: Sequence[PointResult]) -> str:
    others = [p for p in points if p.paired]
    if not others:
        return ""
    heads = ["point", *(name for _, name in DIFFERENCES), "McNemar p", "pairs"]
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    rows = "".join(_difference(p) for p in others)
    return (
        f"<h2>Differences from {escape(words(points[0]))}</h2>"
        f'<div class="card"><table id="differences"><tr>{head}</tr>{rows}</table></div>'
    )


def _difference(p: PointResult) -> str:
    cells = [f"<td>{escape(words(p))}</td>"]
    cells += [f"<td>{shown(_named(p.paired, name))}</td>" for name, _ in DIFFERENCES]
    test = _named(p.paired, "mcnemar_p")
    cells.append(
        "<td></td><td></td>" if test is None else f"<td>{test.value:.3g}</td><td>{test.n}</td>"
    )
    return f"<tr>{''.join(cells)}</tr>"


def _provenance(manifest: Mapping[str, Any]) -> str:
    keep = ("seeds", "contracts_digest", "scenario_digest", "state", "versions")
    rows = page.table_rows(
        (key, v if isinstance(v, str) else json.dumps(v))
        for key in keep
        if (v := manifest.get(key)) is not None
    )
    command = escape(str(manifest.get("reproduce", "")))
    one = escape(str(manifest.get("reproduce_path", "")))
    card = f'<pre id="reproduce">{command}</pre><p class="note">One path of it:</p><pre>{one}</pre>'
    return f'<h2>Reproduce it</h2><div class="card">{card}<table>{rows}</table></div>'
