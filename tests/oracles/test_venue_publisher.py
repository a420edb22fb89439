"""The publisher of one of several venues: named, closed by windows."""

from amm_sim.types import PostVenue
from oracles import Venue
from tests.amm_sim.agents.conftest import World


def test_venue_named_and_closed_in_its_window_only() -> None:
    world = World()
    publisher = Venue(name="venue.perp", venue="perp", closed=((1.0, 2.0),))
    states = []
    for hour in (0.5, 1.5, 2.0):
        seen = world.seen(time=world.start + int(hour * 3600))
        (post,) = publisher.act(seen, world.rng())
        assert isinstance(post, PostVenue)
        assert post.venue == "perp"
        states.append(post.open)
    assert states == [True, False, True]
