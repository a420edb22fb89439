"""What is shown while something works: one live line on a terminal, JSON lines elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import click

LINE_EVERY = 0.25
"""Seconds between two pictures of the live line."""


class Live:
    """Facts as they change, no oftener than ``LINE_EVERY`` or, as JSON, ``json_every`` seconds."""

    def __init__(self, json_every: float) -> None:
        self.terminal = sys.stdout.isatty()
        self._every = LINE_EVERY if self.terminal else json_every
        self._next = 0.0
        self._open = False

    def due(self, *, last: bool) -> bool:
        """Whether it is time to show something again; the last always is."""
        now = time.monotonic()
        if now < self._next and not last:
            return False
        self._next = now + self._every
        return True

    def show(
        self, event: str, facts: Mapping[str, Any], sentence: Callable[[Mapping[str, Any]], str]
    ) -> None:
        """The facts in a sentence that replaces the last one, or as an event."""
        if self.terminal:
            text = sentence(facts)[: shutil.get_terminal_size().columns - 1]
            click.echo("\r\x1b[2K" + text, nl=False)
            self._open = True
        else:
            self.tell(event, facts)

    def tell(self, event: str, facts: Mapping[str, Any]) -> None:
        """A line of JSON."""
        click.echo(json.dumps({"event": event, **facts}))

    def begin(self, text: str) -> None:
        """Starts a line that ``end`` leaves."""
        click.echo(text, nl=False)
        self._open = True

    def end(self, text: str = "") -> None:
        """Leaves the live line."""
        if self._open:
            click.echo(text)
            self._open = False


class Line(Live):
    """A run: blocks, transactions, refusals."""

    def __init__(self, name: str) -> None:
        super().__init__(json_every=2.0)
        self.name = name
        if self.terminal:
            self.begin(f"{name}: starting Anvil, deploying the protocol …")

    def start(self, prepared: Any) -> None:
        """The protocol stands."""
        seconds = round(prepared.seconds, 2)
        if self.terminal:
            self.end(f" {seconds} s")
        else:
            self.tell("start", {"scenario": self.name, "prepare_seconds": seconds})

    def block(self, progress: Any) -> None:
        """A block was mined."""
        if self.due(last=progress.done >= progress.blocks):
            self.show("block", _facts(progress), _sentence)


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
    return (
        f"{share:3d} % · block {facts['block']}/{facts['blocks']}"
        f" · {facts['blocks_per_second']:.0f} blocks/s"
        f" · {facts['transactions_per_second']:.0f} tx/s"
        f" · ETA {facts['eta_seconds'] or 0:.0f} s · {refusals}"
    )
