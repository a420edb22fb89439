"""Mutation testing of the contracts: which planted bugs do the tests find.

A seeded sample stratified by file and kind, then every sign mutant of the pricing, hedging, margin
and waterfall files (tools/mutants.py). All are planted in one copy of the project, compiled once
without via-IR; a mutant is judged by running its file's tests (tools/mutation_map.json) with the
chain's id that chooses it. The ledger is appended to: a run may be stopped and goes on where it
was; what was judged in a function that has changed since does not count.

    python -m tools.mutation [--minutes 60] [--sample 220] [--only REGEX] [--again]
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NoReturn

import pytest

from amm_sim.chain.anvil import find_binary
from tools import mutants
from tools.mutants import FIRST, MAP, ROOT, Mutant, is_sign_of_group, tests_of

TREE = ROOT / "build" / "mutation"
LEDGER = ROOT / "benchmarks" / "mutation.jsonl"
RESULT = ROOT / "benchmarks" / "mutation.json"
ARGUED = ROOT / "tools" / "mutation_equivalent.json"
"""Survivors that change nothing that counts, and why."""
FORGE = str(ROOT / ".venv/bin/forge")
ANVIL = """#!/bin/sh
case "$*" in *--disable-code-size-limit*) ;; *) set -- "$@" --disable-code-size-limit ;; esac
exec {} "$@" --chain-id "$FOUNDRY_CHAIN_ID"
"""
CHANGED = {
    "FOUNDRY_PROFILE": "lite",
    "FOUNDRY_FUZZ_RUNS": "64",
    "FOUNDRY_FUZZ_SEED": "1",
    "FOUNDRY_INVARIANT_RUNS": "1",
    "FOUNDRY_INVARIANT_FAILURE_PERSIST_DIR": str(TREE / "failures"),
    "FOUNDRY_FUZZ_FAILURE_PERSIST_DIR": str(TREE / "failures"),
    "AMM_SIM_ARTIFACTS": str(TREE / "build/forge-lite"),
    "AMM_SIM_ANVIL": str(TREE / "anvil"),
}
SLOW = ("hypothesis.strategies", "mpmath", "scipy.optimize", "QuantLib", "amm_sim.scenario")
"""What tests take long to import."""
Row = dict[str, Any]


def call(words: list[str], number: int, patience: float) -> tuple[bool, str]:
    """Whether tests or a build end well with this number chosen, and what was said.

    Pytest is forked from this process, which has imported what takes long to import. Patience is
    processor time: a mutant that never ends is stopped, a busy machine kills nobody.
    """
    with tempfile.TemporaryFile("w+") as log:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            run(words, number, log.fileno(), math.ceil(patience))
        try:
            _, status = os.waitpid(child, 0)
        except KeyboardInterrupt:
            os.killpg(child, signal.SIGKILL)
            raise
        log.seek(0)
        said = log.read()
    if os.waitstatus_to_exitcode(status) == -signal.SIGXCPU:
        said = "FAILED: timeout"
    return status == 0 and "[FAIL" not in said, said


def run(words: list[str], number: int, log: int, patience: int) -> NoReturn:
    """Becomes the command, or runs the tests; both, and what they start, in so many seconds."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (patience, patience + 5))
    for output in (1, 2):
        os.dup2(log, output)
    os.environ.update(CHANGED | {"FOUNDRY_CHAIN_ID": str(number)})
    if words[0] == "pytest":
        os.chdir(ROOT)
        os._exit(pytest.main(words[1:]))
    os.chdir(TREE)
    os.execv(words[0], words)


def plant(drawn: list[Mutant]) -> dict[str, str]:
    """Writes the copy with all mutants in it; those that solc refuses, and why."""
    original, keys = mutants.sources(), {m.number: m.key for m in drawn}
    refused = {m.key: "no place for a switch" for m in drawn if not m.edits}
    while True:
        texts = original | {
            file: mutants.readable(file, mutants.planted(original[file].encode(), edits))
            for file, edits in numbered(drawn, refused).items()
        }
        wrong = [e for e in mutants.compiled(texts).get("errors", []) if e["severity"] == "error"]
        for error in wrong:
            number = chosen_at(texts, error["sourceLocation"])
            refused[keys[number]] = error["message"]
        if not wrong:
            break
    for file, text in texts.items():
        if file.startswith("contracts/"):
            write(TREE / file, text)
    for path in (ROOT / "fuzz").glob("*.sol"):
        write(TREE / "fuzz" / path.name, mutants.readable(path.name, path.read_text()))
    return refused


def numbered(drawn: list[Mutant], refused: dict[str, str]) -> dict[str, list[tuple[Any, int]]]:
    """Edits of every contract with the numbers that choose them."""
    found: dict[str, list[tuple[Any, int]]] = {
        f: [] for f in mutants.sources() if f.startswith("contracts/")
    }
    for mutant in drawn:
        for edit in mutant.edits:
            if mutant.key not in refused:
                found[edit.file].append((edit, mutant.number))
    return found


def chosen_at(texts: dict[str, str], where: dict[str, Any]) -> int:
    """The mutant whose switch is nearest before the end of an error."""
    text = texts[where["file"]].encode()[: where["end"]].decode(errors="ignore")
    numbers = re.findall(r"chainid(?:\(\),| ==) (\d+)", text)
    if not numbers:
        raise SystemExit(f"the copy does not compile at {where}")
    return int(numbers[-1])


def write(path: Path, text: str) -> None:
    """Only if it says something else: forge goes by the time of change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def build() -> None:
    """Compiles the copy."""
    shutil.copy(ROOT / "foundry.toml", TREE)
    for name in ("node_modules", ".solc", "tools"):
        if not (TREE / name).exists():
            (TREE / name).symlink_to(ROOT / name)
    write(TREE / "anvil", ANVIL.format(find_binary()))
    (TREE / "anvil").chmod(0o755)
    ok, said = call([FORGE, "build"], FIRST, 7200)
    if not ok:
        raise SystemExit(f"the copy does not compile: {said[-3000:]}")


def passes(test: list[str], number: int, patience: float) -> tuple[bool, str]:
    """Whether tests pass with a mutant chosen, and what failed."""
    shutil.rmtree(TREE / "failures", ignore_errors=True)
    if test[0].startswith("fuzz/"):
        words = [FORGE, "test", "--fail-fast", "--match-path", *test]
    else:
        left_out = [word for name in MAP["left_out"] for word in ("--deselect", name)]
        words = [
            "pytest",
            "-x",
            "-q",
            "--ff",
            "-o",
            f"cache_dir={TREE}/pytest",
            "--hypothesis-seed=1",
        ]
        words += [*left_out, *test]
    ok, said = call(words, number, patience)
    failed = [x for x in said.splitlines() if "[FAIL" in x or x.startswith(("FAILED", "ERROR"))]
    return ok, (failed or [said[-160:]])[0].strip()[:160] + f" ({test[0]})"


def judge(mutant: Mutant, sound: dict[str, float], deep: bool) -> tuple[str, str]:
    """The verdict on a planted mutant, and what killed it; tests are tried without one first."""
    for test in tests_of(mutant.file, deep):
        name = " ".join(test)
        if name not in sound:
            began = time.monotonic()
            ok, said = passes(test, FIRST, 900)
            if not ok:
                raise SystemExit(f"fails without a mutant: {said}")
            sound[name] = time.monotonic() - began
            print(f"sound      {name} [{sound[name]:.0f} s]", flush=True)
        ok, by = passes(test, mutant.number, 60 + 8 * sound[name])
        if not ok:
            return "killed", by
    return "survived", ""


def wilson(killed: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share."""
    middle, spread = killed + z * z / 2, z * math.sqrt(killed * (of - killed) / of + z * z / 4)
    return (middle - spread) / (of + z * z), (middle + spread) / (of + z * z)


def report(drawn: list[Mutant], size: int) -> None:
    """The share killed by kind, the survivors; writes mutation.json."""
    rows, sample = list(known(drawn).values()), {m.key for m in drawn[:size]}
    counted, table = [r for r in rows if r["verdict"] in ("killed", "survived")], {}
    sets = defaultdict(list, {"all": counted})
    for row in counted:
        if row["key"] in sample:
            sets["the stratified sample"].append(row)
        if is_sign_of_group(row["file"], row["kind"]):
            sets["signs: pricing, hedging, margin, waterfall"].append(row)
        sets[row["kind"]].append(row)
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
    survivors = [f"{r['file']}:{r['line']} {r['old']} -> {r['new']}" for r in left]
    print(*(f"survived  {line}" for line in survivors), sep="\n")
    others = {v: sum(r["verdict"] == v for r in rows) for v in ("equivalent", "invalid")}
    result = {"drawn": len(drawn), "judged": len(rows)} | others | {"table": table}
    RESULT.write_text(json.dumps(result | {"survivors": survivors}, indent=1) + "\n")


def known(drawn: list[Mutant]) -> dict[str, Row]:
    """The last word on each drawn mutant; survivors argued harmless count as equivalent."""
    lines = LEDGER.read_text().splitlines() if LEDGER.exists() else []
    current = {m.key for m in drawn}
    rows = {row["key"]: row for row in map(json.loads, lines) if row["key"] in current}
    argued = {key for part in json.loads(ARGUED.read_text()) for key in part["mutants"]}
    for key in argued & rows.keys():
        if rows[key]["verdict"] == "survived":
            rows[key]["verdict"] = "equivalent"
    return rows


def note(mutant: Mutant, verdict: str, by: str, deep: bool) -> None:
    """Adds a line to the ledger and to the screen."""
    row = {name: getattr(mutant, name) for name in ("key", "file", "line", "kind", "old", "new")}
    row |= {"verdict": verdict, "by": by, "deep": deep}
    with LEDGER.open("a") as ledger:
        ledger.write(json.dumps(row) + "\n")
    print(
        f"{verdict:10} {mutant.file}:{mutant.line} {mutant.old!r} -> {mutant.new!r} {by}",
        flush=True,
    )


def campaign(drawn: list[Mutant], todo: list[tuple[Mutant, bool]], minutes: float) -> None:
    """Plants all, judges those to do until the time is over."""
    refused = plant(drawn)
    print(f"{len(drawn) - len(refused)} mutants planted, compiling", flush=True)
    build()
    for name in SLOW:
        importlib.import_module(name)
    end, sound = time.monotonic() + 60 * minutes, dict[str, float]()
    for mutant, deep in todo:
        if time.monotonic() > end:
            print("time is over; the next run goes on here")
            break
        if mutant.key in refused:
            note(mutant, "invalid", refused[mutant.key], deep)
        else:
            note(mutant, *judge(mutant, sound, deep), deep)


def to_do(drawn: list[Mutant], rows: dict[str, Row], options: argparse.Namespace) -> list[Any]:
    """What was not judged; then what survived the quick tests and has yet to meet the slow ones."""
    chosen = [m for m in drawn if re.search(options.only, m.key)]
    left = [m for m in chosen if rows.get(m.key, {}).get("verdict") == "survived"]
    again = [(m, True) for m in left if options.again or not rows[m.key]["deep"]]
    return [(m, False) for m in chosen if m.key not in rows] + again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--sample", type=int, default=220)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only mutants whose key matches this expression")
    parser.add_argument("--again", action="store_true", help="judge survivors anew")
    options = parser.parse_args()
    drawn = mutants.draw(
        mutants.mutants(mutants.sources(), MAP["mutated"]), options.sample, options.seed
    )
    rows = known(drawn)
    todo = to_do(drawn, rows, options)
    print(f"{len(drawn)} mutants drawn, {len(rows)} judged before, {len(todo)} to do", flush=True)
    if todo:
        campaign(drawn, todo, options.minutes)
    report(drawn, options.sample)


if __name__ == "__main__":
    main()
