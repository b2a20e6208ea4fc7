"""The simulated town, as far as it can be told without living in it (`tests/bench` does)."""

import asyncio
import warnings

from app.town.run import arrive, in_step
from app.town.tally import Tally


def test_each_kind_arrives_in_step_with_the_others():
    drivers, customers = [1, 2, 3, 4], ["a", "b"]
    shares = {somebody: share for share, somebody in in_step([*drivers, *customers])}
    assert [shares[driver] for driver in drivers] == [0.0, 0.25, 0.5, 0.75]
    assert [shares[customer] for customer in customers] == [0.0, 0.5]


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
