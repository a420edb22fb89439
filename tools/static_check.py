"""Slither's findings of high and medium impact against those argued in docs/static_analysis.md.

Ends with 1 at a finding that the page does not argue, or an argument without its finding.

    tools/static.sh             (which runs Slither first)
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOUND = ROOT / "build" / "static" / "slither.json"
PAGE = ROOT / "docs" / "static_analysis.md"
ROW = re.compile(r"^\| `([\w-]+)` \| (`.+`) \|", re.MULTILINE)


def findings() -> set[tuple[str, str]]:
    """Detector and `Contract.function` of each."""
    results = json.loads(FOUND.read_text())["results"].get("detectors", [])
    return {
        (result["check"], place(result["elements"][0]))
        for result in results
        if result["impact"] in ("High", "Medium")
    }


def place(element: dict[str, Any]) -> str:
    """The function that a finding is in."""
    while element["type"] not in ("function", "contract"):
        element = element["type_specific_fields"]["parent"]
    parent = element.get("type_specific_fields", {}).get("parent")
    return f"{parent['name']}.{element['name']}" if parent else str(element["name"])


def argued() -> set[tuple[str, str]]:
    """What the page's tables excuse."""
    rows = ROW.findall(PAGE.read_text())
    return {(check, name) for check, names in rows for name in re.findall(r"`([^`]+)`", names)}


def main() -> None:
    found, excused = findings(), argued()
    for check, name in sorted(found - excused):
        print(f"not argued: {check} in {name}")
    for check, name in sorted(excused - found):
        print(f"argued, but not found: {check} in {name}")
    print(f"{len(found)} findings of high or medium impact, {len(found & excused)} argued")
    sys.exit(found != excused)


if __name__ == "__main__":
    main()
