"""Behaviours, by the ``kind`` of a scenario's [[agents]]."""

from amm_sim.agents.agent import Behaviour
from amm_sim.agents.filler import Filler
from amm_sim.agents.forecaster import Forecaster, SignalAttacker
from amm_sim.agents.griefer import Griefer
from amm_sim.agents.keeper import Keeper
from amm_sim.agents.liquidation_sandwich import LiquidationSandwich
from amm_sim.agents.liquidator import Liquidator
from amm_sim.agents.lp_flighty import FlightyLP
from amm_sim.agents.lp_jit import JustInTimeLP
from amm_sim.agents.lp_loyal import LoyalLP
from amm_sim.agents.oracle_attacker import OracleAttacker
from amm_sim.agents.patient_liquidator import PatientLiquidator
from amm_sim.agents.retail import Retail
from amm_sim.agents.settlement_manipulator import SettlementManipulator
from amm_sim.agents.short_seller import ShortSeller
from amm_sim.agents.sniper import Sniper
from amm_sim.agents.spot import Sandwich, SpotArbitrageur, SpotProvider
from amm_sim.agents.top_up import TopUp
from amm_sim.agents.vol_trader import VolTrader

AGENTS: dict[str, type[Behaviour]] = {
    "filler": Filler,
    "forecaster": Forecaster,
    "griefer": Griefer,
    "keeper": Keeper,
    "liquidation_sandwich": LiquidationSandwich,
    "liquidator": Liquidator,
    "lp_flighty": FlightyLP,
    "lp_jit": JustInTimeLP,
    "lp_loyal": LoyalLP,
    "oracle_attacker": OracleAttacker,
    "patient_liquidator": PatientLiquidator,
    "retail": Retail,
    "sandwich": Sandwich,
    "settlement_manipulator": SettlementManipulator,
    "short_seller": ShortSeller,
    "signal_attacker": SignalAttacker,
    "sniper": Sniper,
    "spot_arbitrageur": SpotArbitrageur,
    "spot_provider": SpotProvider,
    "top_up": TopUp,
    "vol_trader": VolTrader,
}

__all__ = [
    "AGENTS",
    "Behaviour",
    "Filler",
    "FlightyLP",
    "Forecaster",
    "Griefer",
    "JustInTimeLP",
    "Keeper",
    "LiquidationSandwich",
    "Liquidator",
    "LoyalLP",
    "OracleAttacker",
    "PatientLiquidator",
    "Retail",
    "Sandwich",
    "SettlementManipulator",
    "ShortSeller",
    "SignalAttacker",
    "Sniper",
    "SpotArbitrageur",
    "SpotProvider",
    "TopUp",
    "VolTrader",
]
