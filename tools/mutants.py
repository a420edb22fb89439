"""Mutants of the contracts over solc's AST: signs, operators, comparisons, constants, roundings."""

from __future__ import annotations

import hashlib
import json
import math
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MAP = json.loads((ROOT / "tools" / "mutation_map.json").read_text())
"""mutated: patterns of files; groups: those whose signs are all tried; tests: of each file."""
SWAPS = {
    "sign": [("+", "-"), ("+=", "-=")],
    "operator": [("*", "/"), ("<<", ">>"), ("&", "|"), ("&&", "||"), ("%", "*")],
    "comparison": [("<", "<="), (">", ">="), ("==", "!=")],
    "rounding": [
        ("mulUp", "mulDown"),
        ("divUp", "divDown"),
        ("fullMulDivUp", "fullMulDiv"),
        ("ceilUnit", "floorUnit"),
        ("toTokenUp", "toTokenDown"),
        ("min", "max"),
        ("minWad", "maxWad"),
        ("minSWad", "maxSWad"),
    ],
}
YUL = {
    "sign": [("add", "sub")],
    "operator": [("mul", "add"), ("sar", "shl")],
    "comparison": [("lt", "gt")],
}
UNTOUCHED = ("PragmaDirective", "ImportDirective", "RevertStatement", "EmitStatement")
POINTED = ("mload", "mstore", "keccak256", "revert", "returndatacopy")
"""Yul functions whose first argument is a place in memory."""


def twins(table: dict[str, list[tuple[str, str]]]) -> dict[str, tuple[str, str]]:
    """Kind and replacement of each word, both ways; of two replacements the first."""
    found: dict[str, tuple[str, str]] = {}
    for kind, rows in table.items():
        for a, b in rows:
            found.setdefault(a, (kind, b))
            found.setdefault(b, (kind, a))
    return found


WORDS, YUL_WORDS = twins(SWAPS), twins(YUL)


@dataclass(frozen=True, order=True)
class Mutant:
    """Bytes [at, at + len(old)) of a file become `new`."""

    file: str
    digest: str  # of the file's text
    at: int
    kind: str
    old: str
    new: str

    @property
    def key(self) -> str:
        """Its name in the ledger."""
        return f"{self.file}@{self.digest}:{self.at}:{self.kind}:{self.new}"


def syntax() -> dict[str, Any]:
    """The syntax tree of every file that is mutated."""
    paths = [*ROOT.glob("contracts/**/*.sol"), *ROOT.glob("node_modules/solady/src/**/*.sol")]
    sources = {
        str(p.relative_to(ROOT)): {"content": p.read_text()}
        for p in paths
        if ".cache" not in p.parts
    }
    settings = {
        "remappings": ["solady/=node_modules/solady/src/"],
        "outputSelection": {"*": {"": ["ast"]}},
    }
    job = json.dumps({"language": "Solidity", "sources": sources, "settings": settings})
    words: list[str | Path] = [next(ROOT.glob(".solc/solc-v*")), "--standard-json"]
    out = subprocess.run(words, input=job, capture_output=True, text=True, check=True).stdout
    trees = {file: found["ast"] for file, found in json.loads(out)["sources"].items()}
    return {f: tree for f, tree in trees.items() if any(fnmatch(f, p) for p in MAP["mutated"])}


def walk(node: object) -> Iterator[dict[str, Any]]:
    """Every node that computes: no imports, events, errors, nor Yul's places in memory."""
    if isinstance(node, list):
        for value in node:
            yield from walk(value)
    if not isinstance(node, dict) or node.get("nodeType") in UNTOUCHED:
        return
    yield node
    called = node["functionName"] if node.get("nodeType") == "YulFunctionCall" else {}
    if called.get("name") in POINTED:
        node = {"arguments": node["arguments"][1:]}
    for value in node.values():
        yield from walk(value)


def changes(node: dict[str, Any], code: bytes) -> Iterator[tuple[int, str, str, str]]:
    """Place, kind, old and new text of what may become of a node."""
    start, length, _ = map(int, node["src"].split(":"))
    text = code[start : start + length].decode()
    kind = node["nodeType"]
    if kind in ("BinaryOperation", "Assignment") and node["operator"] in WORDS:
        left = node.get("leftExpression") or node["leftHandSide"]
        after = sum(map(int, left["src"].split(":")[:2]))
        word = node["operator"]
        yield code.index(word.encode(), after), WORDS[word][0], word, WORDS[word][1]
    elif kind == "UnaryOperation" and node["operator"] in "-!":
        yield start, "sign" if node["operator"] == "-" else "operator", node["operator"], ""
    elif kind == "Literal" and node["kind"] == "number" and length < 40:
        small = text.isdigit() and int(text) < 1000
        yield start, "constant", text, str(int(text) + 1) if small else f"({text} / 2)"
    elif kind == "YulFunctionCall" and node["functionName"]["name"] in YUL_WORDS:
        word = node["functionName"]["name"]
        yield start, YUL_WORDS[word][0], word, YUL_WORDS[word][1]
    elif kind in ("MemberAccess", "Identifier"):
        word = node.get("memberName") or node["name"]
        if word == "isNegative":
            yield start, "sign", "", "!"
        elif word in WORDS:
            yield start + length - len(word), WORDS[word][0], word, WORDS[word][1]


def mutants_of(file: str, tree: dict[str, Any]) -> Iterator[Mutant]:
    """All of a file."""
    code = (ROOT / file).read_bytes()
    digest = hashlib.sha256(code).hexdigest()[:8]
    for node in walk(tree):
        if "src" in node and "nodeType" in node:
            for at, kind, old, new in changes(node, code):
                yield Mutant(file, digest, at, kind, old, new)


def is_sign_of_group(file: str, kind: str) -> bool:
    """Of pricing, hedging, margin or the waterfall."""
    return kind == "sign" and any(fnmatch(file, p) for p in MAP["groups"])


def draw(everything: list[Mutant], size: int, seed: int) -> list[Mutant]:
    """A sample, strata of file and kind weighed by the root of their size; then all group signs."""
    rng = random.Random(seed)
    strata = defaultdict(list)
    for mutant in everything:
        strata[mutant.file, mutant.kind].append(mutant)
    weights = [math.sqrt(len(rows)) for rows in strata.values()]
    sample: set[Mutant] = set()
    while len(sample) < min(size, len(everything)):
        sample.add(rng.choice(rng.choices(list(strata.values()), weights)[0]))
    signs = {m for m in everything if is_sign_of_group(m.file, m.kind)}
    first, rest = sorted(sample), sorted(signs - sample)
    rng.shuffle(first)
    rng.shuffle(rest)
    return first + rest


def tests_of(file: str) -> list[list[str]]:
    """Arguments of forge (a file of fuzz) or of pytest, quickest first."""
    return next(row["tests"] for row in MAP["tests"] if any(fnmatch(file, p) for p in row["files"]))
