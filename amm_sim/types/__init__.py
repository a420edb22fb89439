"""Values that cross module borders: orders, what agents see, results.

Floats here are for decisions; the exact integers of the chain go straight to the recorder. Prices
and amounts are in quote, sizes in contracts (+ long, - short, from the trader's side),
volatilities and ratios in 1 = 100 %, times in seconds since 1970, Greeks from the pool's side (+
the pool gains if the variable rises).
"""

from amm_sim.types.orders import *  # noqa: F403
from amm_sim.types.results import *  # noqa: F403
from amm_sim.types.seen import *  # noqa: F403
