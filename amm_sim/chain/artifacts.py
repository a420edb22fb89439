"""Compiled contracts: what forge left in its output folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from amm_sim.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: where build/ and node_modules/ are found."""
UNISWAP = ROOT / "node_modules/@uniswap/v3-core/artifacts/contracts"
ENVIRONMENT = "AMM_SIM_ARTIFACTS"
"""Environment variable that names another forge output folder."""


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    source: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: str
    """Creation code in hexadecimal, without 0x; may hold placeholders of libraries."""
    links: Mapping[str, tuple[int, ...]]
    """Library name -> byte offsets in the creation code where its address belongs."""
    compiler: str
    """Version of solc."""
    size: int
    """Bytes of the deployed code; a public chain takes at most 24,576."""

    @cached_property
    def digest(self) -> str:
        """sha256 of the creation code and the ABI."""
        return hashlib.sha256(self.bytecode.encode() + orjson.dumps(list(self.abi))).hexdigest()

    def linked(self, libraries: Mapping[str, str]) -> bytes:
        """Creation code with the addresses of its external libraries filled in."""
        code = self.bytecode
        for library, offsets in self.links.items():
            for offset in offsets:
                code = code[: 2 * offset] + libraries[library][2:].lower() + code[2 * offset + 40 :]
        return bytes.fromhex(code)


class Artifacts:
    """The contracts of one forge output folder, by name; files are read when asked for.

    Args:
        folder: forge's ``out``; by default the environment variable AMM_SIM_ARTIFACTS, else
        ``build/forge``.

    Raises:
        SetupError: the folder or a contract is missing.

    """

    def __init__(self, folder: Path | str | None = None) -> None:
        self.folder = Path(folder or os.environ.get(ENVIRONMENT) or ROOT / "build" / "forge")
        if not self.folder.is_dir():
            raise SetupError(f"no compiled contracts in {self.folder}: run `make build`")
        vendor = sorted(UNISWAP.glob("UniswapV3*.sol/UniswapV3*.json"))
        own = sorted(self.folder.glob("*.sol/*.json"))
        self._paths = {
            path.stem: path for path in [*vendor, *own] if not path.stem.endswith(".dbg")
        }
        self._loaded: dict[str, Artifact] = {}

    @property
    def production(self) -> bool:
        """Whether these are the project's own output; others may exceed a chain's size limit."""
        return ENVIRONMENT not in os.environ

    def __getitem__(self, name: str) -> Artifact:
        if name not in self._loaded:
            if name not in self._paths:
                raise SetupError(f"contract {name} is not in {self.folder}: run `make build`")
            self._loaded[name] = _load(name, self._paths[name])
        return self._loaded[name]

    def layout(self, name: str) -> Mapping[str, Any]:
        """A contract's storage layout as the compiler states it; empty where it does not."""
        if name not in self._paths:
            return {}
        raw = orjson.loads(self._paths[name].read_bytes())
        found: Mapping[str, Any] = raw.get("storageLayout") or {}
        return found

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[Artifact]:
        """Every contract of the project's own ``contracts`` folder, by name."""
        for name in sorted(self._paths):
            artifact = self[name]
            if artifact.source.startswith("contracts/"):
                yield artifact


def _load(name: str, path: Path) -> Artifact:
    try:
        raw = orjson.loads(path.read_bytes())
        if raw.get("_format") == "hh-sol-artifact-1":
            return _load_vendor(name, raw)
        target = raw.get("metadata", {}).get("settings", {}).get("compilationTarget", {})
        code = raw["bytecode"]
        return Artifact(
            name=name,
            source=next(iter(target), ""),
            abi=tuple(raw["abi"]),
            bytecode=code["object"].removeprefix("0x"),
            links=_links(code.get("linkReferences", {})),
            compiler=raw.get("metadata", {}).get("compiler", {}).get("version", ""),
            size=len(raw["deployedBytecode"]["object"].removeprefix("0x")) // 2,
        )
    except (orjson.JSONDecodeError, KeyError) as error:
        raise SetupError(f"{path} is not a forge artefact ({error}): run `make build`") from error


def _load_vendor(name: str, raw: Mapping[str, Any]) -> Artifact:
    """An artefact of an npm package, as Hardhat writes them; its compiler is not stated."""
    code, deployed = (raw[key].removeprefix("0x") for key in ("bytecode", "deployedBytecode"))
    source = f"node_modules/{raw['sourceName']}"
    return Artifact(name, source, tuple(raw["abi"]), code, {}, "", len(deployed) // 2)


def _links(
    references: Mapping[str, Mapping[str, list[dict[str, int]]]],
) -> dict[str, tuple[int, ...]]:
    return {
        library: tuple(place["start"] for place in places)
        for libraries in references.values()
        for library, places in libraries.items()
    }
