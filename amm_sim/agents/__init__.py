"""Behaviours, by the ``kind`` of a scenario's [[agents]]."""

from amm_sim.agents.agent import Behaviour
from amm_sim.agents.filler import Filler
from amm_sim.agents.keeper import Keeper
from amm_sim.agents.liquidator import Liquidator
from amm_sim.agents.lp_flighty import FlightyLP
from amm_sim.agents.lp_loyal import LoyalLP
from amm_sim.agents.retail import Retail
from amm_sim.agents.short_seller import ShortSeller
from amm_sim.agents.sniper import Sniper
from amm_sim.agents.spot import Sandwich, SpotArbitrageur, SpotProvider
from amm_sim.agents.vol_trader import VolTrader

AGENTS: dict[str, type[Behaviour]] = {
    "filler": Filler,
    "keeper": Keeper,
    "liquidator": Liquidator,
    "lp_flighty": FlightyLP,
    "lp_loyal": LoyalLP,
    "retail": Retail,
    "sandwich": Sandwich,
    "short_seller": ShortSeller,
    "sniper": Sniper,
    "spot_arbitrageur": SpotArbitrageur,
    "spot_provider": SpotProvider,
    "vol_trader": VolTrader,
}

__all__ = [
    "AGENTS",
    "Behaviour",
    "Filler",
    "FlightyLP",
    "Keeper",
    "Liquidator",
    "LoyalLP",
    "Retail",
    "Sandwich",
    "ShortSeller",
    "Sniper",
    "SpotArbitrageur",
    "SpotProvider",
    "VolTrader",
]
