"""The charts of the page: one function each, from a tape to a Plotly figure."""

from __future__ import annotations

from datetime import UTC, datetime

import plotly.graph_objects as go
import polars as pl

from amm_sim.tape import Tape
from amm_sim.types import LP_FLOWS, Evaluation, Mode

INK, MUTED, GRID = "#1c2733", "#6b7a8a", "#e6ebf0"
BLUE, ORANGE, GREEN, RED, PURPLE = "#1f6fb4", "#d9822b", "#2e8b57", "#c0392b", "#7d5ba6"
SHADE = {
    Mode.REDUCE_ONLY: "rgba(217,130,43,0.15)",
    Mode.FROZEN: "rgba(31,111,180,0.18)",
    Mode.WIND_DOWN: "rgba(192,57,43,0.18)",
}


def empty_figure(title: str, y_title: str) -> go.Figure:
    """A chart without traces in the house's style."""
    figure = go.Figure()
    figure.update_layout(
        title={"text": title, "font": {"size": 16, "color": INK}, "x": 0, "xanchor": "left"},
        yaxis={"title": {"text": y_title}, "gridcolor": GRID, "zerolinecolor": GRID},
        xaxis={"gridcolor": GRID},
        legend={"orientation": "h", "y": -0.15},
        margin={"l": 70, "r": 20, "t": 48, "b": 50},
        height=360,
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        hovermode="x unified",
    )
    return figure


def _moments(frame: pl.DataFrame) -> list[datetime]:
    return [datetime.fromtimestamp(t, UTC) for t in frame["time"].to_list()]


def _values(frame: pl.DataFrame, column: str) -> list[float]:
    return [float(v) for v in frame[column].cast(pl.Float64).to_list()]


def _line(
    figure: go.Figure, x: list[datetime], y: list[float], name: str, colour: str, **style: object
) -> None:
    line = {"color": colour, "width": 1.6, **style}
    figure.add_trace(go.Scatter(x=x, y=y, name=name, mode="lines", line=line))


def _shade_modes(figure: go.Figure, tape: Tape) -> None:
    """Marks the spells in which the pool was not in NORMAL mode."""
    pool = tape.table("pool")
    moments, modes = _moments(pool), pool["mode"].to_list()
    start = 0
    for i in range(1, len(modes) + 1):
        if i == len(modes) or modes[i] != modes[start]:
            if modes[start] != Mode.NORMAL:
                end = moments[min(i, len(modes) - 1)]
                figure.add_vrect(
                    x0=moments[start], x1=end, fillcolor=SHADE[Mode(modes[start])], line_width=0
                )
            start = i


def spot(tape: Tape) -> go.Figure:
    """The truth against what the chain was told."""
    figure = empty_figure("Spot: the truth and what the chain was told", "quote")
    market, pool = tape.table("market"), tape.table("pool")
    _line(figure, _moments(market), _values(market, "spot"), "true spot", INK)
    _line(figure, _moments(market), _values(market, "venue"), "hedge venue", PURPLE, dash="dot")
    _line(figure, _moments(pool), _values(pool, "spot"), "oracle", ORANGE)
    _shade_modes(figure, tape)
    return figure


def delta(tape: Tape) -> go.Figure:
    """Delta of the option book and of the hedge, and their sum against the policy's band."""
    figure = empty_figure("Delta: book, hedge, and the net against the band", "underlying")
    pool = tape.table("pool")
    at, book, hedge = _moments(pool), _values(pool, "delta"), _values(pool, "hedge_size")
    band = _values(pool, "hedge_band")
    _line(figure, at, book, "option book", BLUE)
    _line(figure, at, hedge, "hedge", GREEN)
    _line(figure, at, [b + h for b, h in zip(book, hedge, strict=True)], "net", RED, width=2.2)
    _line(figure, at, band, "band", MUTED, dash="dot")
    _line(figure, at, [-b for b in band], "band (lower)", MUTED, dash="dot")
    _shade_modes(figure, tape)
    return figure


def nav(tape: Tape) -> go.Figure:
    """NAV, cash, insurance and the worst stressed NAV."""
    figure = empty_figure("Net asset value", "quote")
    pool = tape.table("pool")
    at = _moments(pool)
    _line(figure, at, _values(pool, "nav"), "NAV", BLUE, width=2.2)
    _line(figure, at, _values(pool, "worst_stress_nav"), "NAV in the worst stress", RED, dash="dot")
    _line(figure, at, _values(pool, "cash"), "cash", MUTED)
    _line(figure, at, _values(pool, "insurance"), "insurance fund", GREEN)
    _shade_modes(figure, tape)
    return figure


def scale(tape: Tape) -> go.Figure:
    """Payout scale: 1 means that every long can be paid in full."""
    figure = empty_figure("Payout scale (below 1 the pool is insolvent)", "ratio")
    pool = tape.table("pool")
    _line(figure, _moments(pool), _values(pool, "scale"), "payout scale", RED)
    figure.update_yaxes(range=[0, 1.05])
    return figure


def share_price(tape: Tape) -> go.Figure:
    """What a liquidity provider's share is worth."""
    figure = empty_figure("LP share price", "quote")
    pool = tape.table("pool")
    _line(figure, _moments(pool), _values(pool, "share_price"), "share price", BLUE)
    _shade_modes(figure, tape)
    return figure


def explain(evaluation: Evaluation) -> go.Figure:
    """The change of NAV by its causes, what liquidity providers brought or took left out."""
    figure = empty_figure("Why NAV changed, deposits and withdrawals of LPs aside", "quote")
    terms = [(name, value) for name, value in evaluation.explain if name != LP_FLOWS]
    total = sum(value for _, value in terms)
    figure.add_trace(
        go.Waterfall(
            x=[*(name for name, _ in terms), "profit of the pool"],
            y=[*(value for _, value in terms), total],
            measure=["relative"] * len(terms) + ["total"],
            increasing={"marker": {"color": GREEN}},
            decreasing={"marker": {"color": RED}},
            totals={"marker": {"color": BLUE}},
            name="P&L",
        )
    )
    figure.update_layout(height=420, xaxis={"tickangle": -35}, hovermode="x")
    return figure


def liquidations(tape: Tape) -> go.Figure:
    """When accounts were liquidated and what it cost."""
    figure = empty_figure("Liquidations and bad debt", "quote")
    _points(figure, tape, "bid_filled", "penalty", "auction fill (penalty paid)", ORANGE)
    _points(figure, tape, "closed_by_pool", "paid", "closed by the pool (collateral taken)", PURPLE)
    _points(figure, tape, "bad_debt", "loss", "bad debt", RED)
    return figure


def _points(figure: go.Figure, tape: Tape, event: str, column: str, name: str, colour: str) -> None:
    frame = tape.event(event)
    x = [] if frame is None else _moments(frame)
    y = [] if frame is None else _values(frame, column)
    figure.add_trace(
        go.Scatter(x=x, y=y, name=name, mode="markers", marker={"color": colour, "size": 9})
    )


def refusals(evaluation: Evaluation) -> go.Figure:
    """Refused orders by the name of the contract's error."""
    figure = empty_figure("Refusals by name", "orders")
    names = [name for name, _ in evaluation.refusals]
    counts = [n for _, n in evaluation.refusals]
    figure.add_trace(go.Bar(x=names, y=counts, marker={"color": MUTED}, name="refused"))
    figure.update_layout(hovermode="x")
    return figure


def all_charts(tape: Tape, evaluation: Evaluation) -> dict[str, go.Figure]:
    """Every chart by the id of its place in the page."""
    return {
        "spot": spot(tape),
        "delta": delta(tape),
        "nav": nav(tape),
        "scale": scale(tape),
        "share_price": share_price(tape),
        "explain": explain(evaluation),
        "liquidations": liquidations(tape),
        "refusals": refusals(evaluation),
    }
