"""Behaviours, by the ``kind`` of a scenario's [[agents]]."""

from amm_sim.agents.agent import Behaviour
from amm_sim.agents.keeper import Keeper
from amm_sim.agents.liquidator import Liquidator
from amm_sim.agents.lp_flighty import FlightyLP
from amm_sim.agents.lp_loyal import LoyalLP
from amm_sim.agents.retail import Retail
from amm_sim.agents.short_seller import ShortSeller
from amm_sim.agents.sniper import Sniper
from amm_sim.agents.vol_trader import VolTrader

AGENTS: dict[str, type[Behaviour]] = {
    "keeper": Keeper,
    "liquidator": Liquidator,
    "lp_flighty": FlightyLP,
    "lp_loyal": LoyalLP,
    "retail": Retail,
    "short_seller": ShortSeller,
    "sniper": Sniper,
    "vol_trader": VolTrader,
}

__all__ = [
    "AGENTS",
    "Behaviour",
    "FlightyLP",
    "Keeper",
    "Liquidator",
    "LoyalLP",
    "Retail",
    "ShortSeller",
    "Sniper",
    "VolTrader",
]
