"""Forge's invariant runs again and again with new seeds until the time is over; then what was done.

Calls per second, total, and the call mix: of every function of the protocol how often it succeeded
and by which error it was refused. Ends with 1 at the first violation, and says the command that
shows it again.

    python -m tools.fuzz_deep --minutes 60 [--seed 1] [--depth 300] [--json benchmarks/fuzz.json]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "forge-lite"
MIX = ROOT / "build" / "fuzz" / "mix.txt"
CALLS = re.compile(r"\(runs: \d+, calls: (\d+), reverts: (\d+)")
SUCCESS = "0x00000000"
Mix = dict[str, Counter[str]]


def error_names() -> dict[str, str]:
    """Names of custom errors by selector, from every compiled contract."""
    names = {SUCCESS: "ok"}
    for path in OUT.glob("*.sol/*.json"):
        for item in json.loads(path.read_text()).get("abi", []):
            if item["type"] == "error":
                signature = f"{item['name']}({','.join(map(kind, item['inputs']))})"
                names["0x" + keccak(signature.encode())[:4].hex()] = item["name"]
    return names


def kind(argument: dict[str, Any]) -> str:
    """An argument's canonical type."""
    if not argument["type"].startswith("tuple"):
        return str(argument["type"])
    inner = ",".join(map(kind, argument["components"]))
    return f"({inner}){argument['type'].removeprefix('tuple')}"


def read_mix(names: dict[str, str]) -> Mix:
    """What the handlers wrote, one line a run."""
    mix: Mix = defaultdict(Counter)
    for line in MIX.read_text().splitlines() if MIX.exists() else ():
        for entry in filter(None, line.split(",")):
            function, reason, times = entry.rsplit(":", 2)
            mix[function][names.get(reason, reason)] += int(times)
    return mix


def command(seed: int, match: str) -> list[str]:
    tests = ["--match-test", "invariant_", "--match-contract", match]
    return [str(ROOT / ".venv/bin/forge"), "test", *tests, "--fuzz-seed", hex(seed)]


def settings(runs: int, depth: int) -> dict[str, str]:
    return {
        "FOUNDRY_PROFILE": "lite",
        "FOUNDRY_INVARIANT_RUNS": str(runs),
        "FOUNDRY_INVARIANT_DEPTH": str(depth),
        "FUZZ_MIX": str(MIX),
    }


def rounds(options: argparse.Namespace) -> Iterator[tuple[int, int]]:
    """Seed and calls of each round; exits at a violation."""
    end, seed = time.monotonic() + 60 * options.minutes, options.seed
    env = settings(options.runs, options.depth)
    while time.monotonic() < end:
        words = command(seed, options.match)
        done = subprocess.run(
            words, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
        )
        found = CALLS.findall(done.stdout)
        if done.returncode or "[FAIL" in done.stdout or not found:
            print(done.stdout[-6000:], done.stderr[-2000:])
            again = " ".join(f"{key}={value}" for key, value in env.items() if key != "FUZZ_MIX")
            sys.exit(f"VIOLATION with seed {seed}; again: {again} {' '.join(words)}")
        yield seed, sum(int(calls) for calls, _ in found)
        seed += 1


def table(mix: Mix) -> None:
    """One row a function: successes, refusals, refusals by error."""
    print(f"\n{'function':28}{'done':>9}{'refused':>9}  by")
    for function, row in sorted(mix.items()):
        refusals = {name: n for name, n in row.most_common() if name != "ok"}
        by = ", ".join(f"{name} {n:,}" for name, n in refusals.items())
        print(f"{function:28}{row['ok']:>9,}{sum(refusals.values()):>9,}  {by}")


def commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def save(path: Path, campaign: dict[str, Any], mix: Mix) -> None:
    """Adds a campaign to the file and its mix to the sum."""
    old = json.loads(path.read_text()) if path.exists() else {"campaigns": [], "mix": {}}
    for function, row in old["mix"].items():
        mix[function].update(row)
    campaigns = [*old["campaigns"], campaign]
    total = sum(c["calls"] for c in campaigns)
    sums = {f: dict(row.most_common()) for f, row in sorted(mix.items())}
    result = {"calls": total, "violations": 0, "campaigns": campaigns, "mix": sums}
    path.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--depth", type=int, default=300)
    parser.add_argument("--match", default="Invariants")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    MIX.parent.mkdir(parents=True, exist_ok=True)
    MIX.unlink(missing_ok=True)
    began, calls, last = time.monotonic(), 0, options.seed
    for last, more in rounds(options):
        calls += more
        seconds = time.monotonic() - began
        print(f"seed {last}: {calls:,} calls, {calls / seconds:,.0f} calls/s", flush=True)
    seconds = time.monotonic() - began
    mix = read_mix(error_names())
    table(mix)
    print(f"\n{calls:,} calls in {seconds:,.0f} s, {calls / seconds:,.0f} calls/s, no violation")
    campaign = {
        "commit": commit(),
        "calls": calls,
        "seconds": round(seconds),
        "seeds": [options.seed, last],
        "depth": options.depth,
    }
    if options.json:
        save(options.json, campaign, mix)


if __name__ == "__main__":
    main()
