"""Accuracy and gas of the on-chain Black-76 beside published pricers; writes pricing.json.

Gas is an external call's less that of an empty function with the same arguments and results, both
to a warm address. Errors are against mpmath with 60 digits.

    python benchmarks/bench_pricing.py
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from amm_sim.chain import Anvil, Artifacts, Chain
from tools.exact_black76 import WAD, YEAR, Point, exact

RESULT = Path(__file__).with_name("pricing.json")
START = 1_600_000_000
DAY = 86_400
BATCH = 500
RATIOS = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.999, 1.0, 1.001, 1.01, 1.1, 1.5, 2, 3, 10, 100)
TIMES = (1, 60, 3600, DAY, 30 * DAY, YEAR, 2 * YEAR)
VOLS = (0.01, 0.05, 0.3, 0.8, 2.0, 5.0)
PUBLISHED = (
    ("Derive, published", "5,070", "9.1e-17", "-"),
    ("DeFiMath, published", "2,900", "-", "5.6e-12"),
    ("Lyra v1, published", "31,000-51,000", "8.6e-17", "-"),
)


@dataclass(frozen=True)
class Gas:
    """Of one function over a set of points."""

    least: int
    mean: float
    most: int


@dataclass(frozen=True)
class Accuracy:
    """Largest errors over a set of points."""

    points: int
    absolute: float
    """Of call and put beyond 2 wei, per max(F, K)."""
    relative: float
    """Of call and put where the value is at least 1e-9 F and 1e12 wei."""
    delta: float


def usual(count: int) -> list[Point]:
    """Forward 1,000-4,000, K/F 0.6-1.6, 1-180 days, volatility 30-200 %, uniform."""
    rng = np.random.default_rng(1)
    low, high = np.array([1000.0, 0.6, DAY, 0.3]), np.array([4000.0, 1.6, 180 * DAY, 2.0])
    rows = rng.uniform(low, high, (count, 4))
    return [(int(f * WAD), int(f * m * WAD), int(t), int(v * WAD)) for f, m, t, v in rows]


def domain() -> list[Point]:
    """The whole stated domain at a forward of 1,000, and 2,000 points drawn from it."""
    rng = np.random.default_rng(2)
    cells = list(product(RATIOS, TIMES, VOLS))
    for _ in range(2000):
        seconds = math.exp(rng.uniform(0.0, math.log(2 * YEAR)))
        vol = 0.01 * 500 ** rng.random()
        reach = rng.uniform(-6, 6) * vol * math.sqrt(seconds / YEAR)
        cells.append((math.exp(np.clip(reach, -4.6, 4.6)), int(seconds), vol))
    return [(1000 * WAD, int(1000 * m * WAD), t, int(v * WAD)) for m, t, v in cells]


def accuracy(chain: Chain, points: list[Point]) -> Accuracy:
    harness = chain.deploy("Black76Harness")
    absolute = relative = delta = 0.0
    for i in range(0, len(points), BATCH):
        batch = points[i : i + BATCH]
        answers = chain.call(harness, "Black76Harness", "prices", batch)
        for point, got in zip(batch, answers, strict=True):
            true = exact(point)
            delta = max(delta, float(abs(got[2] - true.callDelta) - 1) / WAD)
            for price, value in ((got[0], true.call), (got[1], true.put)):
                error = abs(price - value)
                absolute = max(absolute, float(error - 2) / max(point[:2]))
                if value >= max(point[0] // 10**9, 10**12):
                    relative = max(relative, float(error / value))
    return Accuracy(len(points), *(float(f"{x:.1e}") for x in (absolute, relative, delta)))


def gas(chain: Chain, name: str, points: list[Point]) -> Gas:
    """Of contract ``name``Gas less ``name``Empty."""
    meter = chain.deploy("GasMeter")
    used = []
    for suffix in ("Gas", "Empty"):
        contract = name + suffix
        target = chain.deploy(contract)
        calls = [chain.function(contract, "run").pack(*point) for point in points]
        used.append(np.array(chain.call(meter, "GasMeter", "measure", target, calls)))
    net = used[0] - used[1]
    return Gas(int(net.min()), round(float(net.mean()), 1), int(net.max()))


def compiler(artifacts: Artifacts) -> str:
    path = artifacts.folder / "Black76Harness.sol" / "Black76PriceGas.json"
    found = json.loads(path.read_text())["metadata"]
    settings = found["settings"]
    version = found["compiler"]["version"].split("+")[0]
    runs = settings["optimizer"]["runs"]
    via_ir = "via IR" if settings.get("viaIR") else "without IR"
    return f"solc {version}, {settings['evmVersion']}, {via_ir}, {runs} runs"


def show(result: dict[str, Any]) -> None:
    """A table for people."""
    usual_, domain_ = result["accuracy"]["usual"], result["accuracy"]["domain"]
    rows = [("", "gas (most)", "abs / max(F, K)", "relative")]
    for label, key in (("call, put, delta", "price"), ("and all Greeks", "greeks")):
        cost = f"{result['gas'][key]['mean']:,.0f} ({result['gas'][key]['most']:,})"
        rows.append((label, cost, f"{usual_['absolute']:.1e}", f"{usual_['relative']:.1e}"))
    most = f"- ({result['gas']['price_domain']['most']:,})"
    whole = ("whole domain", most, f"{domain_['absolute']:.1e}", f"{domain_['relative']:.1e}")
    rows += [whole, *PUBLISHED]
    print(result["compiler"])
    for row in rows:
        print("{:<24}{:>18}{:>18}{:>12}".format(*row))


def main() -> None:
    artifacts = Artifacts()
    with Chain(Anvil(START), artifacts) as chain:
        result = {
            "compiler": compiler(artifacts),
            "gas": {
                "price": asdict(gas(chain, "Black76Price", usual(300))),
                "greeks": asdict(gas(chain, "Black76Greeks", usual(300))),
                "price_domain": asdict(gas(chain, "Black76Price", domain())),
            },
            "accuracy": {
                "usual": asdict(accuracy(chain, usual(2000))),
                "domain": asdict(accuracy(chain, domain())),
            },
            "published": [
                dict(zip(("name", "gas", "absolute", "relative"), row, strict=True))
                for row in PUBLISHED
            ],
        }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    show(result)


if __name__ == "__main__":
    main()
