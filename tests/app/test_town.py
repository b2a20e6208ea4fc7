"""The simulated town, as far as it can be told without living in it (`tests/bench` does)."""

import asyncio
import warnings

import numpy as np

from app.town.run import arrive, in_step
from app.town.tally import Tally
from app.town.ways import near, on_a_street
from geo.points import LatLng
from geo.streets import Profile, StreetGraph
from tests.geo.cities import grid_town, place_of


def test_each_kind_arrives_in_step_with_the_others():
    drivers, customers = [1, 2, 3, 4], ["a", "b"]
    shares = {somebody: share for share, somebody in in_step([*drivers, *customers])}
    assert [shares[driver] for driver in drivers] == [0.0, 0.25, 0.5, 0.75]
    assert [shares[customer] for customer in customers] == [0.0, 0.5]


def test_a_stroll_ends_on_a_street_and_not_in_the_harbour():
    streets, rng = StreetGraph(grid_town()), np.random.default_rng(1)
    quay = LatLng(*place_of(0, 0))  # a corner: beyond it there is nothing
    for _ in range(50):
        there = on_a_street(streets, near(quay, rng, 250.0), Profile.WALK)
        assert streets.snap(there, Profile.WALK).offset_m < 1.0


class Newcomer:
    lived = False

    async def live(self) -> None:
        self.lived = True


async def test_a_town_told_to_stop_while_people_still_arrive_stops_without_a_word():
    newcomer = Newcomer()
    with warnings.catch_warnings(record=True) as said:
        arriving = asyncio.create_task(arrive(newcomer, 3_600.0, Tally()))
        await asyncio.sleep(0)  # it is under way
        arriving.cancel()
        await asyncio.gather(arriving, return_exceptions=True)
    assert not newcomer.lived
    assert not said
