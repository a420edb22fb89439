"""Who acts in a run, and where each draws its randomness from."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np

from amm_sim.types import Agent, Order, Outcome, Population, Read, Seen

PUBLISHER, AGENT = 0, 1
"""Class of an actor: publishers come before agents where all else is equal."""


@dataclass(frozen=True)
class Bid:
    """What a sender pays for a place in a block: keys beside its behaviour's in a scenario.

    Fees are multiples of the normal gas price.
    """

    tip: float = field(default=0.0, metadata={"low": 0.0, "high": 1e9})
    """Offered beyond the base fee."""
    max_fee: float = field(default=math.inf, metadata={"low": 0.0, "high": 1e12})
    """Base fee and tip together at most; while the base fee is higher its orders wait."""
    replace: bool = False
    """Whether a new order takes the place of one that waits and asks for the same."""
    bump: float = field(default=0.125, metadata={"low": 0.0, "high": 100.0})
    """Relative rise of the tip by which it does."""


@dataclass
class Actor:
    """An agent or publisher in a run. ``index`` is its stable identity among its class."""

    agent: Agent
    kind: str
    rank: int
    index: int
    address: str
    rng: np.random.Generator
    bid: Bid = field(default_factory=Bid)
    inbox: list[Outcome] = field(default_factory=list)
    gas_paid: float = 0.0
    """Quote spent on gas so far; accounted here, the chain charges nothing."""

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.agent.name

    def reads(self, what: Read) -> bool:
        """Whether it declared this read."""
        return what in self.agent.reads

    def take(self) -> tuple[Outcome, ...]:
        """Results since the last wake-up; the inbox is empty afterwards."""
        taken = tuple(self.inbox)
        self.inbox.clear()
        return taken

    def act(self, seen: Seen) -> list[Order]:
        """Orders of a wake-up."""
        return self.agent.act(seen, self.rng)

    def disturb(self) -> None:
        """Somebody else has changed its account."""


@dataclass(kw_only=True)
class Member(Actor):
    """One of a population. ``rng`` is the population's."""

    population: Population
    place: int
    """Among its members."""

    def reads(self, what: Read) -> bool:
        """Its own account only if it does not know it."""
        if what is Read.OWN:
            return self.population.unsure(self.place)
        return super().reads(what)

    def act(self, seen: Seen) -> list[Order]:
        """Orders, if something has come up for it."""
        return self.population.act(self.place, seen)

    def disturb(self) -> None:
        """It must look at its account before it acts again."""
        self.population.forget(self.place)


def stream(seed: int, purpose: str, name: str) -> np.random.Generator:
    """A generator for (seed, purpose, name): adding an agent never changes another's draws."""
    words = np.frombuffer(hashlib.sha256(f"{purpose}\0{name}".encode()).digest(), dtype=np.uint32)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *map(int, words)])))


def address_of(name: str) -> str:
    """The address of an actor: its name's hash, so that it never depends on who else is there."""
    return "0x" + hashlib.sha256(f"actor\0{name}".encode()).hexdigest()[:40]
