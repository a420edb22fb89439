"""What a run shows while it works."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

import click

LINE_EVERY = 0.25
JSON_EVERY = 2.0


class Line:
    """What is shown while a run works: one live line on a terminal, JSON lines elsewhere."""

    def __init__(self, name: str, block_seconds: int) -> None:
        self.name, self.block_seconds = name, block_seconds
        self.terminal = sys.stdout.isatty()
        self.blocks = 0
        self._next = 0.0
        self._open = False
        if self.terminal:
            click.echo(f"{name}: starting Anvil, deploying the protocol …", nl=False)
            self._open = True

    def start(self, prepared: Any) -> None:
        """The protocol stands."""
        seconds = round(prepared.seconds, 2)
        if self.terminal:
            click.echo(f" {seconds} s")
            self._open = False
        else:
            click.echo(
                json.dumps({"event": "start", "scenario": self.name, "prepare_seconds": seconds})
            )

    def block(self, progress: Any) -> None:
        """A block was mined."""
        self.blocks += 1
        now = time.monotonic()
        if now < self._next and progress.done < progress.blocks:
            return
        self._next = now + (LINE_EVERY if self.terminal else JSON_EVERY)
        facts = _facts(progress)
        if self.terminal:
            click.echo("\r\x1b[2K" + _sentence(facts), nl=False)
            self._open = True
        else:
            click.echo(json.dumps({"event": "block", **facts}))

    def end(self) -> None:
        """Leaves the live line."""
        if self._open:
            click.echo()
            self._open = False


def _facts(progress: Any) -> dict[str, Any]:
    seconds = max(progress.seconds, 1e-9)
    rate = progress.done / seconds
    return {
        "block": progress.done,
        "blocks": progress.blocks,
        "transactions": progress.transactions,
        "filled": progress.filled,
        "refusals": dict(progress.refusals.most_common(4)),
        "blocks_per_second": round(rate, 1),
        "transactions_per_second": round(progress.transactions / seconds, 1),
        "eta_seconds": round((progress.blocks - progress.done) / rate, 1) if rate else None,
    }


def _sentence(facts: Mapping[str, Any]) -> str:
    share = 100 * facts["block"] // max(1, facts["blocks"])
    refusals = " ".join(f"{name}:{count}" for name, count in facts["refusals"].items())
    text = (
        f"{share:3d} % · block {facts['block']}/{facts['blocks']}"
        f" · {facts['blocks_per_second']:.0f} blocks/s"
        f" · {facts['transactions_per_second']:.0f} tx/s"
        f" · ETA {facts['eta_seconds'] or 0:.0f} s · {refusals}"
    )
    return text[: shutil.get_terminal_size().columns - 1]
