"""The chain port: artefacts, ABI codec, JSON-RPC, the Anvil process and a small client.

``Chain`` is what tests, studies and the engine use; everything below it is replaceable. Nothing
outside this package knows an ABI, a selector or a hexadecimal quantity.
"""

from amm_sim.chain.anvil import Anvil, Fork
from amm_sim.chain.artifacts import Artifact, Artifacts
from amm_sim.chain.client import Chain, Receipt, Revert
from amm_sim.chain.codec import Codec, DecodedError, Event

__all__ = [
    "Anvil",
    "Artifact",
    "Artifacts",
    "Chain",
    "Codec",
    "DecodedError",
    "Event",
    "Fork",
    "Receipt",
    "Revert",
]
