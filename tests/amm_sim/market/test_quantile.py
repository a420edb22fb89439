import math

import numpy as np
import pytest
from scipy.stats import norm

from amm_sim.errors import ScenarioError
from amm_sim.market import Quantile

DAY = 86_400
KEYS = {"spot": 2000.0, "vol": 0.8, "horizon": 7 * DAY}


def terminal(index, count, **changes):
    generator = Quantile(**{**KEYS, **changes}, index=index, count=count)
    return generator.path(0, 3600, 24 * 8, np.random.default_rng(0)).spot[7 * 24]


@pytest.mark.parametrize("index", [0, 17, 999, 1999])
def test_path_ends_at_its_quantile(index):
    deviation = 0.8 * math.sqrt(7 / 365)
    z = norm.ppf((index + 0.5) / 2000)
    expected = 2000.0 * math.exp(-(deviation**2) / 2 + deviation * z)
    assert terminal(index, 2000) == pytest.approx(expected, rel=1e-8)


def test_mean_over_all_paths_is_the_forward():
    values = [Quantile(**KEYS, drift=0.1, index=i, count=4000).terminal for i in range(4000)]
    assert np.mean(values) == pytest.approx(2000.0 * math.exp(0.1 * 7 / 365), rel=2e-5)


def test_path_stays_at_its_end_after_the_horizon():
    path = Quantile(**KEYS, index=3, count=10).path(0, DAY, 10, np.random.default_rng(0))
    assert (path.spot[7:] == path.spot[7]).all()
    assert path.spot[0] == 2000.0


def test_index_beyond_count_is_refused():
    with pytest.raises(ScenarioError, match=r"market\.index"):
        Quantile(**KEYS, index=10, count=10)
