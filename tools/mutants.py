"""Mutants of the contracts over solc's AST, all planted at once, each behind a switch.

A mutant is chosen when the tests run, by the chain's id, which no contract reads otherwise:
`a + b` becomes `(block.chainid == 9000017 ? a - b : a + b)`. So that functions may read it, `pure`
ones become `view` in the copy.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MAP = json.loads((ROOT / "tools" / "mutation_map.json").read_text())
"""mutated: patterns of files; groups: those whose signs are all tried; tests: of each file."""
FIRST = 9_000_000
"""The chain's id that chooses no mutant; those after it choose one each."""
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
UNTOUCHED: tuple[str, ...] = (
    "PragmaDirective",
    "ImportDirective",
    "UsingForDirective",
    "RevertStatement",
)
UNTOUCHED += ("EmitStatement", "ArrayTypeName", "StructuredDocumentation")
POINTED = ("mload", "mstore", "keccak256", "revert", "returndatacopy")
"""Yul functions whose first argument is a place in memory."""
Node = dict[str, Any]


def twins(table: dict[str, list[tuple[str, str]]]) -> dict[str, tuple[str, str]]:
    """Kind and replacement of each word, both ways; of two replacements the first."""
    found: dict[str, tuple[str, str]] = {}
    for kind, rows in table.items():
        for a, b in rows:
            found.setdefault(a, (kind, b))
            found.setdefault(b, (kind, a))
    return found


WORDS, YUL_WORDS = twins(SWAPS), twins(YUL)


@dataclass(frozen=True)
class Edit:
    """What stands at bytes [start, end) of a file while its mutant is chosen."""

    file: str
    start: int
    end: int
    text: str
    cast: str = ""
    is_yul: bool = False

    def switch(self, number: int, original: str, planted: str) -> str:
        """The expression that is `text` under this number, and `planted` under others."""
        if self.is_yul:
            return f"xor({planted}, mul(eq(chainid(), {number}), xor({original}, {self.text})))"
        cast = self.cast
        return f"(block.chainid == {number} ? {cast}({self.text}) : {cast}({planted}))"


@dataclass(frozen=True)
class Mutant:
    """A change of one place; of a constant, of all its uses."""

    key: str  # names file, function, a hash of its text, the place in it, and the change
    file: str
    line: int
    kind: str
    old: str
    new: str
    edits: tuple[Edit, ...] = field(compare=False)

    @property
    def number(self) -> int:
        """The chain's id that chooses it: as lasting as its name, so that less is compiled anew."""
        return FIRST + 1 + int(hashlib.sha256(self.key.encode()).hexdigest()[:8], 16)


def compiled(sources: dict[str, str]) -> dict[str, Any]:
    """What solc says of sources: syntax trees, errors; no code."""
    settings = {
        "remappings": ["solady/=node_modules/solady/src/"],
        "outputSelection": {"*": {"": ["ast"]}},
    }
    files = {name: {"content": text} for name, text in sources.items()}
    job = json.dumps({"language": "Solidity", "sources": files, "settings": settings})
    words: list[str | Path] = [next(ROOT.glob(".solc/solc-v*")), "--standard-json"]
    out = subprocess.run(words, input=job, capture_output=True, text=True, check=True).stdout
    result: dict[str, Any] = json.loads(out)
    return result


def sources() -> dict[str, str]:
    """The contracts, and what they import."""
    paths = [*ROOT.glob("contracts/**/*.sol"), *ROOT.glob("node_modules/solady/src/**/*.sol")]
    return {str(p.relative_to(ROOT)): p.read_text() for p in paths if ".cache" not in p.parts}


def link(node: object, parent: Node | None = None) -> Iterator[Node]:
    """Every node that computes, told its parent: no imports, events, errors, nor Yul's pointers."""
    if isinstance(node, list):
        for value in node:
            yield from link(value, parent)
    if not isinstance(node, dict) or node.get("nodeType") in UNTOUCHED:
        return
    values = list(node.values())
    if "nodeType" in node and "src" in node:
        node["parent"] = parent
        yield node
        parent = node
        if node.get("functionName", {}).get("name") in POINTED:
            values = node["arguments"][1:]
    for value in values:
        yield from link(value, parent)


def span(node: Node) -> tuple[int, int]:
    """First byte, and the one after the last."""
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def type_of(node: Node | None, name: str = "typeIdentifier") -> str:
    """The name of an expression's type, empty if it is none."""
    found: str = ((node or {}).get("typeDescriptions") or {}).get(name) or ""
    return found


def halved(text: str) -> str:
    """Another number: the next one of a small, half of a large."""
    digits, _, unit = text.replace("_", "").partition(" ")
    try:
        value = Decimal(int(digits, 16)) if digits.startswith("0x") else Decimal(digits)
    except InvalidOperation:
        return f"({text} / 2)"
    if value != int(value):
        return f"({text} / 2)"
    return f"{int(value) + 1 if value < 1000 else int(value) // 2} {unit}".strip()


def changes(node: Node, code: bytes) -> Iterator[tuple[int, str, str, str]]:
    """Place, kind, old and new text of what may become of a node."""
    start, end = span(node)
    text, kind = code[start:end].decode(), node["nodeType"]
    if kind in ("BinaryOperation", "Assignment") and node["operator"] in WORDS:
        word = node["operator"]
        at = code.index(word.encode(), span(node.get("leftExpression") or node["leftHandSide"])[1])
        yield at, WORDS[word][0], word, WORDS[word][1]
    elif kind == "UnaryOperation" and node["operator"] in "-!":
        yield start, "sign" if node["operator"] == "-" else "operator", node["operator"], ""
    elif kind == "Literal" and node["kind"] == "number" and len(text) != 42:
        yield start, "constant", text, halved(text)
    elif kind == "YulFunctionCall" and node["functionName"]["name"] in YUL_WORDS:
        word = node["functionName"]["name"]
        yield start, YUL_WORDS[word][0], word, YUL_WORDS[word][1]
    elif kind in ("MemberAccess", "Identifier") and is_called(node):
        word = node.get("memberName") or node["name"]
        if word == "isNegative":
            yield start, "sign", "", "!"
        elif word in WORDS:
            yield end - len(word), WORDS[word][0], word, WORDS[word][1]
    elif kind == "IfStatement" and reverts(node):
        low, high = span(node["condition"])
        yield low, "guard", code[low:high].decode(), "false"


def is_called(node: Node) -> bool:
    """Whether it names the function of a call."""
    return bool(
        node["parent"]["nodeType"] == "FunctionCall" and node["parent"]["expression"] is node
    )


def reverts(node: Node) -> bool:
    """Whether an `if` does nothing but revert."""
    body = node["trueBody"]
    only = body.get("statements", [body])
    return not node.get("falseBody") and [x["nodeType"] for x in only] == ["RevertStatement"]


def whole(node: Node) -> Node:
    """The expression that a switch is put around: constants are computed by the compiler."""
    if node["nodeType"] in ("MemberAccess", "Identifier"):
        return whole(node["parent"])
    if node["nodeType"] == "IfStatement":
        return dict(node["condition"])
    while type_of(node).startswith("t_rational"):
        above = node["parent"]
        if not type_of(above).startswith("t_rational") and above["nodeType"] != "TupleExpression":
            return node
        if above["nodeType"] == "TupleExpression" and len(above["components"]) > 1:
            return node
        node = above
    return node


def cast_of(node: Node) -> str:
    """The type that the place of a constant wants, where it must be said."""
    above = node["parent"]
    kind, wanted = above["nodeType"], ""
    if not type_of(node).startswith("t_rational"):
        return ""
    if kind == "BinaryOperation":
        is_power = above["operator"] in ("<<", ">>", "**")
        is_right = above["rightExpression"] is node
        wanted = above["commonType"]["typeString"]
        wanted = "uint256" if is_power and is_right else wanted
    elif kind == "Assignment":
        wanted = type_of(above["leftHandSide"], "typeString")
    elif kind == "VariableDeclarationStatement" and len(above["declarations"]) == 1:
        wanted = type_of(above["declarations"][0], "typeString")
    elif kind == "FunctionCall" and node is not above["expression"]:
        found = re.match(r"function \(([^()]*)\)", type_of(above["expression"], "typeString"))
        types = found[1].split(",") if found else []
        here = [x is node for x in above["arguments"]].index(True)
        wanted = types[here] if len(types) == len(above["arguments"]) else ""
    elif kind == "Conditional":
        wanted = type_of(above, "typeString")
    negative = "int256" if "minus" in type_of(node) else ""
    return wanted if re.fullmatch(r"u?int\d+", wanted) else negative


def member(node: Node) -> Node:
    """The function, or the constant, that a node is in."""
    while node["parent"] and node["nodeType"] not in ("FunctionDefinition", "ModifierDefinition"):
        if node["nodeType"] == "VariableDeclaration" and node.get("constant"):
            break
        node = node["parent"]
    return node


def mutants(texts: dict[str, str], patterns: list[str]) -> list[Mutant]:
    """All of the files that match."""
    own = {f: text.encode() for f, text in texts.items() if is_own(f)}
    answer = compiled(texts)["sources"]
    nodes = {file: list(link(answer[file]["ast"])) for file in own}
    uses: dict[int, list[tuple[str, Node]]] = {}
    for file, found in nodes.items():
        for node in found:
            uses.setdefault(node.get("referencedDeclaration") or 0, []).append((file, node))
            for outer in node.get("externalReferences", []):
                uses.setdefault(outer["declaration"], []).append((file, node))
    mutated = [f for f in own if any(fnmatch(f, p) for p in patterns)]
    return [m for file in mutated for node in nodes[file] for m in of_node(file, node, own, uses)]


def is_own(file: str) -> bool:
    """A contract that is deployed."""
    return file.startswith("contracts/") and "/mocks/" not in file


def of_node(
    file: str, node: Node, own: dict[str, bytes], uses: dict[int, list[tuple[str, Node]]]
) -> Iterator[Mutant]:
    """The mutants of a node."""
    code, inside = own[file], member(node)
    low, high = span(inside)
    digest = hashlib.sha256(code[low:high]).hexdigest()[:8]
    name = f"{inside.get('name') or inside.get('kind', '')}@{digest}"
    for at, kind, old, new in changes(node, code):
        edits = tuple(edits_of(file, node, (at, old, new), own, uses))
        key = f"{file}:{name}+{at - low}:{kind}:{new}"
        yield Mutant(key, file, code[:at].count(b"\n") + 1, kind, old, new, edits)


def edits_of(
    file: str,
    node: Node,
    change: tuple[int, str, str],
    own: dict[str, bytes],
    uses: dict[int, list[tuple[str, Node]]],
) -> Iterator[Edit]:
    """Where a mutant is planted: at its place; of a constant, at each use; nowhere if it cannot."""
    inside, (at, old, new) = member(node), change
    is_constant = inside["nodeType"] == "VariableDeclaration"
    target = inside["value"] if is_constant else whole(node)
    start, end = span(target)
    after = at + len(old.encode())
    text = (own[file][start:at] + new.encode() + own[file][after:end]).decode()
    if not is_constant:
        yield Edit(file, start, end, text, cast_of(target), node["nodeType"].startswith("Yul"))
        return
    sites = uses.get(inside["id"], [])
    if any(n["nodeType"] == "InlineAssembly" for _, n in sites):
        return
    wanted = type_of(inside, "typeString")
    cast = wanted if re.fullmatch(r"u?int\d+", wanted) else ""
    for where, site in sites:
        if member(site)["nodeType"] != "VariableDeclaration":
            yield Edit(where, *span(site), text, cast)


def planted(code: bytes, edits: list[tuple[Edit, int]], start: int = 0, end: int = -1) -> str:
    """A file's text with its switches: an inner expression's within those of the outer."""
    end = len(code) if end < 0 else end
    parts, rest = [], sorted(edits, key=lambda e: (e[0].start, -e[0].end))
    while rest:
        low, high = rest[0][0].start, rest[0][0].end
        here = [e for e in rest if (e[0].start, e[0].end) == (low, high)]
        inner = [e for e in rest if e[0].end <= high and e not in here]
        rest = [e for e in rest if e[0].end > high]
        text = planted(code, inner, low, high) if inner else code[low:high].decode()
        for edit, number in here:
            text = edit.switch(number, code[low:high].decode(), text)
        parts += [code[start:low].decode(), text]
        start = high
    return "".join(parts) + code[start:end].decode()


def readable(file: str, text: str) -> str:
    """Functions that may read the chain's id; operators of types may not."""
    return text if file.endswith("types/Units.sol") else re.sub(r"\bpure\b", "view", text)


def is_sign_of_group(file: str, kind: str) -> bool:
    """Of pricing, hedging, margin or the waterfall."""
    return kind == "sign" and any(fnmatch(file, p) for p in MAP["groups"])


def draw(everything: list[Mutant], size: int, seed: int) -> list[Mutant]:
    """A sample, strata of file and kind weighed by the root of their size; then all group signs.

    A mutant's chance hangs on its key: an edit elsewhere leaves it drawn, or not, as it was.
    """
    strata = Counter((m.file, m.kind) for m in everything)

    def rank(mutant: Mutant) -> float:
        """Least first: the logarithm of a uniform number over the weight (Efraimidis, Spirakis)."""
        number = hashlib.sha256(f"{seed} {mutant.key}".encode()).digest()[:8]
        uniform = (int.from_bytes(number) + 1) / 2**64
        return -math.log(uniform) * math.sqrt(strata[mutant.file, mutant.kind])

    ranked = sorted(everything, key=rank)
    rest = [m for m in ranked[size:] if is_sign_of_group(m.file, m.kind)]
    return ranked[:size] + rest


def tests_of(file: str, deep: bool) -> list[list[str]]:
    """Arguments of forge (a file of fuzz) or of pytest, quickest first; the slow ones if deep."""
    row = next(row for row in MAP["tests"] if any(fnmatch(file, p) for p in row["files"]))
    found: list[list[str]] = row["tests"] + (row.get("slow", []) if deep else [])
    return found
