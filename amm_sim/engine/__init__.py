"""The engine: clock, mempool, builder, run loop, recorder.

It knows agents by what they see and ask, and the chain by a port (``port.Port``): no ABI, no
address book, no TOML.
"""

from amm_sim.engine.actors import Actor, stream
from amm_sim.engine.mempool import BUILDERS, Mempool, Pending
from amm_sim.engine.port import Port
from amm_sim.engine.recorder import Recorder
from amm_sim.engine.simulation import Progress, Schedule, Simulation, World

__all__ = [
    "BUILDERS",
    "Actor",
    "Mempool",
    "Pending",
    "Port",
    "Progress",
    "Recorder",
    "Schedule",
    "Simulation",
    "World",
    "stream",
]
