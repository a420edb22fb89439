"""``amm-sim prove``: run the contracts on problems whose answer is known from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amm_sim.errors import ScenarioError

if TYPE_CHECKING:
    from amm_sim.market.klines import Bars
    from amm_sim.proofs.replay import Replay

HOUR = 3600
GENESIS = 1_600_000_000
DAY = 86_400
POSITIVE = click.FloatRange(0, min_open=True)


@click.group()
def prove() -> None:
    """Check the whole chain of contracts against closed forms and textbook replays."""


@prove.command("insolvency")
@click.option("--paths", "-n", type=click.IntRange(1), default=4000, show_default=True)
@click.option("--kind", type=click.Choice(["call", "put"]), default="call", show_default=True)
@click.option("--spot", type=POSITIVE, default=2000.0, show_default=True)
@click.option("--strike", type=POSITIVE, default=2000.0, show_default=True)
@click.option("--count", type=POSITIVE, default=100.0, show_default=True, help="Options sold.")
@click.option(
    "--equity", type=POSITIVE, default=50_000.0, show_default=True, help="Premium included."
)
@click.option("--vol", type=click.FloatRange(0.01, 5.0), default=0.8, show_default=True)
@click.option("--days", type=click.FloatRange(0.1, 700), default=30.0, show_default=True)
def prove_insolvency(paths: int, kind: str, **numbers: float) -> None:
    """Probability that an unhedged pool becomes insolvent, through the contracts.

    Every defence is off. Path i ends at the quantile (i + 1/2) / n of a lognormal price;
    settlement, sweep and payout run on the contracts; the closed form stands beside them. Exit
    code 1 if the probability is off by more than 1 / n or the shortfall by more than 1 %.

    \b
    Published cases:
      amm-sim prove insolvency
      amm-sim prove insolvency --kind put --strike 1800 --equity 60000
    """
    from amm_sim.chain import Anvil, Artifacts, Chain
    from amm_sim.proofs import insolvency

    case = insolvency.Case(is_call=kind == "call", **numbers)
    bar: Any = click.progressbar(length=paths, label="paths", show_pos=True)
    with Chain(Anvil(GENESIS), Artifacts()) as chain, bar:
        proof = insolvency.prove(chain, case, paths, lambda *_: bar.update(1))
    click.echo(f"{'':28}{'contracts':>16}{'closed form':>16}")
    for label, measured, exact in (
        ("P(insolvent)", proof.measured.probability, proof.exact.probability),
        ("expected bad debt", proof.measured.expected, proof.exact.expected),
        (
            "shortfall given insolvent",
            proof.measured.given_insolvent,
            proof.exact.given_insolvent,
        ),
    ):
        click.echo(f"{label:28}{measured:16.6f}{exact:16.6f}")
    _end(proof.holds)


@prove.command("replay")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Kline CSV (.gz too).")
@click.option("--start", required=True, help="Open of the first bar, like 2020-03-12T00:00.")
@click.option("--days", type=click.FloatRange(0.1, 365), default=7.0, show_default=True)
@click.option("--vol", type=click.FloatRange(0.01, 5.0), default=0.8, show_default=True)
@click.option(
    "--hours",
    default="1,4,24",
    show_default=True,
    help="Hedge intervals, comma separated; the band stands beside them.",
)
@click.option(
    "--cost",
    type=click.FloatRange(0, 0.1),
    default=0.0,
    show_default=True,
    help="Taker fee of the venue; 0 is the frictionless venue.",
)
@click.option(
    "--gaps",
    type=click.Choice(["refuse", "hold"]),
    default="refuse",
    show_default=True,
    help="Missing bars: refuse, or hold the last close.",
)
def prove_replay(data: Path, start: str, days: float, vol: float, **how: Any) -> None:
    """Delta hedging of one short at-the-money straddle on hourly closes, through the contracts.

    \b
    Example:
      amm-sim prove replay --data eth_1h.csv.gz --start 2020-03-12T00:00 --cost 0.0005
    """
    from amm_sim.chain import Anvil, Artifacts, Chain
    from amm_sim.market.klines import load_bars
    from amm_sim.proofs.replay import replay

    first = _time(start)
    prices = _closes(load_bars(data), first, round(days * 24), how["gaps"])
    cost = how["cost"]
    venue = {"venue": "perp", "hedge.targetLeverage": 1, "perp.takerFee": cost} if cost else {}
    click.echo(
        f"{'policy':12}{'premium':>12}{'profit':>14}{'worst mark':>14}{'hedges':>8}{'cost':>12}"
    )
    for name, policy in _policies(how["hours"], first + HOUR, cost).items():
        with Chain(Anvil(first - DAY), Artifacts()) as chain:
            result = replay(chain, prices, first + HOUR, vol, {**policy, **venue})
        click.echo(_row(name, result))


@prove.command("overshoot")
@click.option("--liquidations", "-n", type=click.IntRange(2), default=5000, show_default=True)
@click.option("--vol", type=click.FloatRange(0.01, 5.0), default=0.8, show_default=True)
@click.option(
    "--step", type=click.IntRange(1, HOUR), default=12, show_default=True, help="Seconds."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
def prove_overshoot(liquidations: int, vol: float, step: int, seed: int) -> None:
    """How far beyond its threshold an account is found when prices come every STEP seconds.

    Accounts with staggered collateral, calls and puts, are put up for auction on the contracts
    while spot is a Brownian motion; Siegmund's 0.5826 vol sqrt(step) stands beside the mean. Exit
    code 1 if it is more than 4 standard errors away (paths are the clusters).
    """
    import numpy as np

    from amm_sim.chain import Anvil, Artifacts, Chain
    from amm_sim.proofs import overshoot

    case = overshoot.Case(vol=vol, step=step, liquidations=liquidations)
    bar: Any = click.progressbar(length=liquidations, label="liquidations", show_pos=True)
    with Chain(Anvil(GENESIS), Artifacts()) as chain, bar:
        rng = np.random.default_rng(seed)
        proof = overshoot.prove(chain, case, rng, lambda done, _: bar.update(done - bar.pos))
    click.echo(f"{proof.liquidations} liquidations on {proof.paths} paths, {proof.blocks} blocks")
    click.echo(f"{'mean overshoot':28}{proof.mean * 1e4:12.4f} bp +- {proof.error * 1e4:.4f}")
    click.echo(f"{'0.5826 vol sqrt(step)':28}{proof.expected * 1e4:12.4f} bp, z = {proof.z:+.2f}")
    _end(proof.holds)


@prove.command("frontier")
@click.option("--incentive", type=click.FloatRange(0.001, 0.24), default=0.05, show_default=True)
def prove_frontier(incentive: float) -> None:
    """Where the auction stops paying liquidators from the account: debt / collateral 1 / (1 + i).

    Found by bisection on the contracts. Beyond it a liquidation paid by the account would leave it
    worse; there the insurance fund pays. Exit code 1 if it is off by more than 1e-6.
    """
    from amm_sim.analyzers.liquidation import toxic_frontier
    from amm_sim.chain import Anvil, Artifacts, Chain
    from amm_sim.proofs.frontier import Frontier

    with Chain(Anvil(GENESIS), Artifacts()) as chain:
        found = Frontier(chain, incentive).find()
    exact = toxic_frontier(incentive)
    click.echo(f"{'incentive':>12}{'contracts':>16}{'1 / (1 + i)':>16}")
    click.echo(f"{incentive:12g}{found:16.9f}{exact:16.9f}")
    _end(abs(found - exact) <= 1e-6)


@prove.command("deficit")
@click.option("--paths", "-n", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--kind", type=click.Choice(["call", "put"]), default="call", show_default=True)
@click.option("--spot", type=POSITIVE, default=2000.0, show_default=True)
@click.option("--strike", type=POSITIVE, default=2200.0, show_default=True)
@click.option("--vol", type=click.FloatRange(0.01, 5.0), default=0.8, show_default=True)
@click.option("--days", type=click.FloatRange(0.1, 700), default=7.0, show_default=True)
@click.option(
    "--realised",
    type=click.FloatRange(0.01, 20),
    default=2.5,
    show_default=True,
    help="Volatility that drives spot.",
)
@click.option(
    "--delay",
    type=click.IntRange(1, 30 * DAY),
    default=DAY,
    show_default=True,
    help="Seconds in which nobody liquidates.",
)
def prove_deficit(paths: int, kind: str, **numbers: Any) -> None:
    """P(deficit) of an account at its maintenance margin, through the contracts.

    One short option, exact revaluation, a lognormal spot. Exit code 1 if the share of paths is off
    the closed form by more than 1 / n.
    """
    from amm_sim.chain import Anvil, Artifacts, Chain
    from amm_sim.proofs import deficit

    case = deficit.Case(is_call=kind == "call", **numbers)
    if case.delay >= case.days * DAY:
        raise ScenarioError("--delay", case.delay, f"less than the {case.days:g} days to expiry")
    with Chain(Anvil(GENESIS), Artifacts()) as chain:
        proof = deficit.prove(chain, case, paths)
    click.echo(f"maintenance margin {proof.margin:.4f} for one {kind}")
    click.echo(f"{'':28}{'contracts':>16}{'closed form':>16}")
    click.echo(f"{'P(deficit)':28}{proof.measured:16.6f}{proof.exact:16.6f}")
    _end(proof.holds)


def _end(holds: bool) -> None:
    """The last line and the exit code of a proof."""
    click.echo("they agree" if holds else "they do NOT agree")
    raise SystemExit(0 if holds else 1)


def _policies(hours: str, start: int, cost: float) -> Mapping[str, Mapping[str, Any]]:
    from amm_sim.proofs.replay import interval_policy

    try:
        every = [int(text) for text in hours.split(",")]
    except ValueError:
        every = []
    if not every or min(every) < 1:
        raise ScenarioError("--hours", hours, "whole numbers of hours, like 1,4,24")
    policies: dict[str, Mapping[str, Any]] = {f"{h} h": interval_policy(start, h) for h in every}
    return {**policies, "band": {"policy": "band"}} if cost else policies


def _row(name: str, r: Replay) -> str:
    return f"{name:12}{r.premium:12.4f}{r.profit:14.6f}{r.worst:14.6f}{r.hedges:8d}{r.cost:12.4f}"


def _time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ScenarioError("--start", text, "a time like 2020-03-12T00:00") from None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def _closes(bars: Bars, start: int, count: int, gaps: str) -> list[float]:
    """``count`` + 1 hourly closes from the bar that opens at ``start``."""
    close = dict(zip(bars.times.tolist(), bars.prices[:, 3].tolist(), strict=True))
    if bars.interval != HOUR or start not in close:
        span = f"{_shown(int(bars.times[0]))} to {_shown(int(bars.times[-1]))}"
        raise ScenarioError("--start", _shown(start), f"an hourly bar of {bars.file}: {span}")
    prices = [close[start]]
    for hour in range(1, count + 1):
        now = start + hour * HOUR
        if now not in close and (gaps == "refuse" or now > bars.times[-1]):
            raise ScenarioError("--gaps", gaps, f"the bar of {_shown(now)} is missing: try hold")
        prices.append(close.get(now, prices[-1]))
    return prices


def _shown(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M}"
