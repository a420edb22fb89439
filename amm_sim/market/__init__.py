"""The truth: generators of the world outside the chain, by the ``kind`` of [market]."""

from amm_sim.market.anchored import Anchored
from amm_sim.market.gbm_jumps import GbmJumps
from amm_sim.market.generator import Generator
from amm_sim.market.path import Path
from amm_sim.market.quantile import Quantile
from amm_sim.market.replay import Replay

MARKETS: dict[str, type[Generator]] = {
    "anchored": Anchored,
    "gbm_jumps": GbmJumps,
    "quantile": Quantile,
    "replay": Replay,
}

__all__ = ["MARKETS", "Anchored", "GbmJumps", "Generator", "Path", "Quantile", "Replay"]
