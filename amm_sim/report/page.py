"""One self-contained HTML page: it opens without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from amm_sim.report import charts
from amm_sim.tape import Tape
from amm_sim.types import Evaluation, Metric

STYLE = """
:root{--ink:#1c2733;--muted:#6b7a8a;--line:#e1e7ed;--bg:#f5f7f9}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1100px;margin:0 auto;padding:24px}h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 10px}
.question{color:var(--muted);font-size:16px;margin:0 0 18px}.verdict{border-left:6px solid;border-radius:6px;
background:#fff;padding:16px 20px;font-size:18px}.ok{border-color:#2e8b57}.bad{border-color:#c0392b}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:18px 0}
.tile{background:#fff;border:1px solid var(--line);border-radius:6px;padding:10px 14px}
.tile b{display:block;font-size:20px}.tile span{color:var(--muted);font-size:13px}
.chart,.card{background:#fff;border:1px solid var(--line);border-radius:6px;padding:10px;margin:14px 0}
table{border-collapse:collapse;width:100%;font-size:14px}td,th{padding:4px 10px;border-bottom:1px solid var(--line);
text-align:left;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
code,pre{font:13px/1.45 ui-monospace,monospace;background:#eef2f5;border-radius:4px;padding:2px 5px}
pre{padding:10px 14px;overflow-x:auto}.columns{columns:2;column-gap:24px}.columns section{break-inside:avoid}
.note{color:var(--muted);font-size:13px}@media(max-width:800px){.columns{columns:1}}
"""

NOT_MODELLED = (
    "Governance and key risk: parameters are fixed for the run and nobody can move users' money.",
    "Other protocols that hold the same tokens, and a depeg of the quote token: quote is worth one.",
    "Interest: the forward equals spot, options carry no discount.",
    "The hedge venue's own solvency beyond its depth, pauses and liquidations as the scenario states them.",
    "Reorganisations of the chain, and censorship beyond the latencies and outages that the scenario states.",
    "One run is one path: it says what happened, not how likely it was. Probabilities come from studies of many paths.",
)

TILES = (
    ("nav_end", "net asset value at the end"),
    ("least_payout_scale", "least payout scale"),
    ("share_price_drawdown", "largest fall of the LP share price"),
    ("fees", "fees"),
    ("hedge_cost", "hedge cost"),
    ("hedge_tracking_ratio", "P&L deviation, hedged / unhedged"),
    ("bad_debt_borne_by_pool", "bad debt borne by LPs"),
    ("hedges", "hedges"),
    ("auctions", "liquidation auctions"),
    ("mode_changes", "changes of mode"),
)

SECTIONS = (
    ("What happened", ("spot", "nav", "scale")),
    ("How the pool hedged", ("delta",)),
    ("Where the money went", ("explain",)),
    ("Who failed and what was refused", ("liquidations", "refusals")),
)


def render(tape: Tape, evaluation: Evaluation) -> str:
    """The page as text."""
    figures = charts.all_charts(tape, evaluation)
    manifest = tape.manifest
    title = f"{manifest.get('scenario', 'run')}, seed {manifest.get('seed', '')}"
    body = [
        f"<h1>{escape(str(title))}</h1>",
        f'<p class="question">{escape(str(manifest.get("question", "")))}</p>',
        _verdict(evaluation),
        _tiles(evaluation),
        *(_section(heading, names, figures) for heading, names in SECTIONS),
        _life(evaluation),
        _numbers(evaluation),
        _parameters(manifest.get("parameters", {})),
        _list("What is not modelled", NOT_MODELLED),
        _provenance(manifest),
    ]
    return _document(str(title), "\n".join(body))


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<script>{get_plotlyjs()}</script></head><body><main>{body}</main></body></html>\n"
    )


def _verdict(evaluation: Evaluation) -> str:
    kind = "bad" if evaluation.insolvent else "ok"
    return f'<p class="verdict {kind}" id="verdict">{escape(evaluation.verdict)}</p>'


def _tiles(evaluation: Evaluation) -> str:
    known = {m.name: m for m in evaluation.metrics}
    cells = [
        f'<div class="tile"><b>{_number(known[name])}</b><span>{escape(label)}</span></div>'
        for name, label in TILES
        if name in known
    ]
    return f'<div class="tiles">{"".join(cells)}</div>'


def _section(heading: str, names: tuple[str, ...], figures: Mapping[str, go.Figure]) -> str:
    parts = [f"<h2>{escape(heading)}</h2>"]
    for name in names:
        parts.append(f'<div class="chart">{_chart(name, figures[name])}</div>')
    if "spot" in names:
        parts.append('<p class="note">Shaded: orange REDUCE_ONLY, blue FROZEN, red WIND_DOWN.</p>')
    return "".join(parts)


def _chart(name: str, figure: go.Figure) -> str:
    return str(
        plotly.io.to_html(
            figure,
            include_plotlyjs=False,
            full_html=False,
            div_id=f"chart-{name}",
            config={"displaylogo": False, "responsive": True, "displayModeBar": False},
        )
    )


def _life(evaluation: Evaluation) -> str:
    rows = "".join(
        f'<tr><td>{escape(k)}</td><td class="n">{n:,}</td></tr>' for k, n in evaluation.fills
    )
    return (
        '<h2>Who acted</h2><div class="card"><table><tr><th>kind of agent</th>'
        f'<th class="n">orders filled</th></tr>{rows}</table></div>'
    )


def _numbers(evaluation: Evaluation) -> str:
    rows = "".join(
        f"<tr><td>{escape(m.name)}</td><td class='n'>{_number(m)}</td><td>{escape(m.unit)}</td>"
        f"<td>{_interval(m)}</td><td class='n'>{m.n}</td><td>{escape(m.method)}</td></tr>"
        for m in evaluation.metrics
    )
    head = "<tr><th>metric</th><th class='n'>value</th><th>unit</th><th>95 % interval</th><th class='n'>runs</th><th>method</th></tr>"
    note = '<p class="note">One run has no interval; studies of many paths give them.</p>'
    return f'<h2>All numbers</h2><div class="card"><table>{head}{rows}</table>{note}</div>'


def _number(metric: Metric) -> str:
    value = metric.value
    if metric.unit == "ratio":
        return f"{value:.4f}"
    if metric.unit in ("count", "s", "0 or 1"):
        return f"{value:,.0f}"
    return f"{value:,.2f}"


def _interval(metric: Metric) -> str:
    if metric.ci_low is None or metric.ci_high is None:
        return ""
    return f"{metric.ci_low:,.4g} to {metric.ci_high:,.4g}"


def _parameters(parameters: Mapping[str, Mapping[str, Any]]) -> str:
    blocks = []
    for table, fields in parameters.items():
        rows = "".join(
            f'<tr><td>{escape(str(k))}</td><td class="n">{escape(_plain(v))}</td></tr>'
            for k, v in fields.items()
        )
        blocks.append(f"<section><h3>{escape(str(table))}</h3><table>{rows}</table></section>")
    return f'<h2>Parameters, read back from the chain</h2><div class="card columns">{"".join(blocks)}</div>'


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _list(heading: str, items: tuple[str, ...]) -> str:
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<h2>{escape(heading)}</h2><div class="card"><ul>{rows}</ul></div>'


def _provenance(manifest: Mapping[str, Any]) -> str:
    keep = (
        "scenario_hash",
        "seed",
        "digest",
        "blocks",
        "transactions",
        "status",
        "versions",
        "anvil_flags",
    )
    facts = {key: manifest[key] for key in keep if key in manifest}
    started = manifest.get("start")
    if isinstance(started, int):
        facts["simulated from"] = datetime.fromtimestamp(started, UTC).strftime(
            "%d %b %Y %H:%M UTC"
        )
    rows = "".join(
        f"<tr><td>{escape(str(k))}</td><td>{escape(v if isinstance(v, str) else json.dumps(v))}</td></tr>"
        for k, v in facts.items()
    )
    command = escape(str(manifest.get("reproduce", "")))
    return f'<h2>Reproduce it</h2><div class="card"><pre id="reproduce">{command}</pre><table>{rows}</table></div>'
