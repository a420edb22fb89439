"""Mutation testing of the contracts: which planted bugs do the tests find.

A seeded sample stratified by file and kind, then every sign mutant of the pricing, hedging, margin
and waterfall files. Each is compiled without via-IR in a copy of the project and run against its
file's tests (tools/mutation_map.json, quickest first). The ledger is appended to: a run may be
stopped and goes on where it was; what was judged in a file that has changed since does not count.

    python -m tools.mutation [--minutes 60] [--sample 200] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.mutants import ROOT, Mutant, draw, is_sign_of_group, mutants_of, syntax, tests_of

TREE = ROOT / "build" / "mutation"
LEDGER = ROOT / "benchmarks" / "mutation.jsonl"
RESULT = ROOT / "benchmarks" / "mutation.json"
FORGE, PYTEST = str(ROOT / ".venv/bin/forge"), str(ROOT / ".venv/bin/pytest")
PATIENCE = 900
ENV = os.environ | {
    "FOUNDRY_PROFILE": "lite",
    "FOUNDRY_FUZZ_RUNS": "64",
    "FOUNDRY_INVARIANT_RUNS": "1",
    "PYTHONPATH": str(ROOT),
    "SOLC_CACHE": str(TREE / "solc-cache"),
    "AMM_SIM_ARTIFACTS": str(TREE / "build/forge-lite"),
}


def call(words: list[str], folder: Path) -> tuple[bool, str]:
    """Whether a command ended well in time, and what it said."""
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env=ENV,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, "timeout"
    said = done.stdout + done.stderr
    return done.returncode == 0 and "[FAIL" not in done.stdout, said


def prepare() -> None:
    """The copy that mutants are planted in, compiled once."""
    for name in ("contracts", "fuzz"):
        shutil.rmtree(TREE / name, ignore_errors=True)
        shutil.copytree(ROOT / name, TREE / name, ignore=shutil.ignore_patterns(".cache"))
    shutil.copy(ROOT / "foundry.toml", TREE)
    for name in ("node_modules", ".solc", "tools"):
        if not (TREE / name).exists():
            (TREE / name).symlink_to(ROOT / name)
    if not (TREE / "solc-cache").exists():
        shutil.copytree(ROOT / "build/solc-cache", TREE / "solc-cache", copy_function=os.link)
    ok, said = call([FORGE, "build", "contracts"], TREE)
    if not ok:
        raise SystemExit(f"the unchanged contracts do not compile: {said[-3000:]}")


def code() -> dict[str, str]:
    """Bytecode of every contract of the copy, less the hash of its sources at the end."""
    found = {}
    for path in (TREE / "build/forge-lite").glob("*.sol/*.json"):
        if not path.parent.name.endswith(".t.sol"):
            text = json.loads(path.read_text())["bytecode"]["object"]
            tail = 2 * int(text[-4:], 16) + 4 if len(text) > 4 and text[-4:].isalnum() else 0
            found[f"{path.parent.name}:{path.stem}"] = text[:-tail] if tail < len(text) else text
    return found


def passes(test: list[str]) -> tuple[bool, str]:
    """Whether tests pass on the copy as it is, and what failed."""
    is_forge = test[0].startswith("fuzz/")
    words = [FORGE, "test", "--match-path", *test] if is_forge else [PYTEST, "-x", "-q", *test]
    ok, said = call(words, TREE if is_forge else ROOT)
    failed = [x for x in said.splitlines() if "[FAIL" in x or x.startswith("FAILED")]
    return ok, (failed or [said[-80:]])[0].strip()[:160] + f" ({test[0]})"


def judge(mutant: Mutant, original: dict[str, str]) -> tuple[str, str]:
    """The verdict on a planted mutant, and what killed it."""
    ok, _ = call([FORGE, "build", "contracts"], TREE)
    if not ok:
        return "invalid", "does not compile"
    if code() == original:
        return "equivalent", "same bytecode"
    for test in tests_of(mutant.file):
        ok, by = passes(test)
        if not ok:
            return "killed", by
    return "survived", ""


def trial(mutant: Mutant, original: dict[str, str]) -> dict[str, Any]:
    """Plants, judges, removes."""
    path = TREE / mutant.file
    text = path.read_bytes()
    cache = set((TREE / "solc-cache").iterdir())
    began = time.monotonic()
    after = mutant.at + len(mutant.old.encode())
    path.write_bytes(text[: mutant.at] + mutant.new.encode() + text[after:])
    try:
        verdict, by = judge(mutant, original)
    finally:
        path.write_bytes(text)
        for file in set((TREE / "solc-cache").iterdir()) - cache:
            file.unlink()
    line = text[: mutant.at].count(b"\n") + 1
    found = {"line": line, "verdict": verdict, "by": by, "seconds": round(time.monotonic() - began)}
    return {"key": mutant.key} | asdict(mutant) | found


def wilson(killed: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share."""
    middle, spread = killed + z * z / 2, z * math.sqrt(killed * (of - killed) / of + z * z / 4)
    return (middle - spread) / (of + z * z), (middle + spread) / (of + z * z)


def report(rows: list[dict[str, Any]]) -> None:
    """The share killed by kind, the survivors; writes mutation.json."""
    counted, table = [r for r in rows if r["verdict"] in ("killed", "survived")], {}
    sets = defaultdict(list, {"all": counted})
    for row in counted:
        sets[row["kind"]].append(row)
        if is_sign_of_group(row["file"], row["kind"]):
            sets["signs: pricing, hedging, margin, waterfall"].append(row)
    for name, part in sets.items():
        killed = sum(r["verdict"] == "killed" for r in part)
        low, high = wilson(killed, len(part)) if part else (0.0, 1.0)
        table[name] = {
            "mutants": len(part),
            "killed": killed,
            "low": round(low, 3),
            "high": round(high, 3),
        }
        print(f"{name:44}{killed:>5} of {len(part):<5}{low:>7.1%} -{high:>6.1%}")
    left = [r for r in counted if r["verdict"] == "survived"]
    for row in left:
        print(f"survived  {row['file']}:{row['line']}  {row['old']!r} -> {row['new']!r}")
    others = {v: sum(r["verdict"] == v for r in rows) for v in ("invalid", "equivalent")}
    survivors = [f"{r['file']}:{r['line']} {r['old']} -> {r['new']}" for r in left]
    RESULT.write_text(
        json.dumps({"table": table, "others": others, "survivors": survivors}, indent=1) + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    drawn = draw(
        [m for file, tree in syntax().items() for m in mutants_of(file, tree)],
        options.sample,
        options.seed,
    )
    lines = LEDGER.read_text().splitlines() if LEDGER.exists() else []
    current = {m.key for m in drawn}
    rows = [row for row in map(json.loads, lines) if row["key"] in current]
    known = {row["key"] for row in rows}
    todo = [m for m in drawn if m.key not in known]
    print(f"{len(drawn)} mutants drawn, {len(drawn) - len(todo)} judged before")
    if todo:
        prepare()
        original = code()
    sound: set[str] = set()  # tests that pass without a mutant
    for mutant in todo:
        if time.monotonic() > end:
            print("time is over; the next run goes on here")
            break
        for test in tests_of(mutant.file):
            if test[0] not in sound and not passes(test)[0]:
                raise SystemExit(f"fails without a mutant: {test}")
            sound.add(test[0])
        row = trial(mutant, original)
        rows.append(row)
        with LEDGER.open("a") as ledger:
            ledger.write(json.dumps(row) + "\n")
        change = f"{row['file']}:{row['line']} {row['old']!r} -> {row['new']!r}"
        print(f"{row['verdict']:10} {change} {row['by']} [{row['seconds']} s]", flush=True)
    report(rows)


if __name__ == "__main__":
    main()
