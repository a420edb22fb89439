"""Renews the golden digest: ``make golden``. Commit the result together with the reason for it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from amm_sim import assemble, scenario, tape

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCENARIO, GOLDEN = HERE / "tiny.toml", HERE / "tiny.json"
LOCKS = ("requirements.lock", "package-lock.json")


def measured(folder: Path) -> dict[str, object]:
    """The digest of a fresh run, with what it was computed from."""
    loaded = scenario.load(SCENARIO)
    assemble.run(loaded, folder, reproduce="make golden")
    run = tape.load(folder)
    statuses = run.table("txs")["status"].value_counts().sort("status").iter_rows()
    return {
        "digest": run.manifest["digest"],
        "transactions": dict(statuses),
        "scenario": loaded.digest,
        "contracts": run.manifest["artifacts"]["all"],
        "locks": locks(),
    }


def locks() -> str:
    """sha256 over both lock files."""
    joined = b"".join((ROOT / name).read_bytes() for name in LOCKS)
    return hashlib.sha256(joined).hexdigest()


def main() -> None:
    """Writes the golden file."""
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder))
    GOLDEN.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
