"""The error tree.

AmmSimError
├── ScenarioError      bad input: exit code 2, one line that names key, value and what is allowed
├── SetupError         a tool, a version, a port or a folder does not fit: exit code 2
└── ChainError         the adapter broke, not the protocol: exit code 1

A revert of the protocol is never an exception: it is data (see ``types.Outcome``).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AmmSimError(Exception):
    """Root of every error that this project raises on purpose."""

    exit_code = 1


class ScenarioError(AmmSimError):
    """Bad input.

    ``path`` is the dotted key or file, ``value`` what was given, ``allowed`` what would do.
    """

    exit_code = 2

    def __init__(self, path: str, value: object, allowed: str) -> None:
        self.path = path
        self.value = value
        self.allowed = allowed
        super().__init__(f"{path} = {value!r}: {allowed}")


class SetupError(AmmSimError):
    """The surroundings do not fit.

    A missing tool, a wrong version, a port in use, an unwritable folder.
    """

    exit_code = 2


class ChainError(AmmSimError):
    """The chain adapter broke.

    Anvil died, an answer was malformed, an order of transactions was violated.
    """


def unknown(key: object, names: Iterable[str]) -> str:
    """``unknown key: did you mean X?``, or the known names where none is near."""
    known = sorted(names)
    near = get_close_matches(str(key), known, 1, 0.5)
    return "unknown key: " + (
        f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
    )
