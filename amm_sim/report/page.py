"""One self-contained HTML page: it opens without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io
from plotly.offline import get_plotlyjs

from amm_sim.report import charts
from amm_sim.tape import Tape
from amm_sim.types import Evaluation, Metric

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")

NOT_MODELLED = (
    "Governance and keys: parameters are fixed for the run and nobody can move users' money.",
    "Other protocols that hold the same tokens, and a depeg of the quote token.",
    "Interest: the forward equals spot, options carry no discount.",
    "The hedge venue's own failure beyond the depth, pauses and liquidations of the scenario.",
    "Reorganisations of the chain, and censorship beyond the latencies of the scenario.",
    "How likely this path is: one run says what happened; probabilities come from many paths.",
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
    ("reducing_share", "of users' delta, brought the pool's back"),
    ("margin_call_probability", "largest P(margin call at the hedge venue within an hour)"),
    ("trades_bought", "option trades, trader buys"),
    ("trades_sold", "option trades, trader sells"),
    ("auctions", "liquidation auctions"),
    ("insolvent_fills", "insolvent fills, paid by the insurance fund"),
    ("closed_by_pool", "insolvent accounts closed by the pool"),
    ("mode_changes", "changes of mode"),
)

SECTIONS = (
    ("What happened", ("spot", "nav", "scale", "share_price")),
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
        listing("What is not modelled", NOT_MODELLED),
        _provenance(manifest),
    ]
    return document(str(title), "\n".join(body))


def document(title: str, body: str) -> str:
    """A whole page: styles and scripts inside, nothing fetched."""
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
    parts += [f'<div class="chart">{chart_html(name, figures[name])}</div>' for name in names]
    if "spot" in names:
        parts.append('<p class="note">Shaded: orange REDUCE_ONLY, blue FROZEN, red WIND_DOWN.</p>')
    return "".join(parts)


def chart_html(name: str, figure: go.Figure) -> str:
    """A chart as a fragment whose place is named."""
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
    rows = table_rows((kind, f"{n:,}") for kind, n in evaluation.fills)
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
    names = ("metric", "value", "unit", "95 % interval", "runs", "method")
    head = f"<tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>"
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
        rows = table_rows((str(key), _plain(value)) for key, value in fields.items())
        blocks.append(f"<section><h3>{escape(str(table))}</h3><table>{rows}</table></section>")
    heading = "<h2>Parameters, read back from the chain</h2>"
    return f'{heading}<div class="card columns">{"".join(blocks)}</div>'


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def listing(heading: str, items: tuple[str, ...]) -> str:
    """A heading with a list."""
    rows = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<h2>{escape(heading)}</h2><div class="card"><ul>{rows}</ul></div>'


def _provenance(manifest: Mapping[str, Any]) -> str:
    keep = ("scenario_hash", "seed", "digest", "blocks", "transactions", "status", "versions")
    facts = {key: manifest[key] for key in keep if key in manifest}
    started = manifest.get("start")
    if isinstance(started, int):
        facts["simulated from"] = f"{datetime.fromtimestamp(started, UTC):%d %b %Y %H:%M} UTC"
    rows = table_rows((key, v if isinstance(v, str) else json.dumps(v)) for key, v in facts.items())
    command = escape(str(manifest.get("reproduce", "")))
    card = f'<pre id="reproduce">{command}</pre><table>{rows}</table>'
    return f'<h2>Reproduce it</h2><div class="card">{card}</div>'


def table_rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Rows of two cells."""
    return "".join(
        f'<tr><td>{escape(key)}</td><td class="n">{escape(value)}</td></tr>' for key, value in pairs
    )
