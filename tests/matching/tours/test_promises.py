"""A running plan that cannot be kept is found before anything is added to it, by the stop it breaks at."""

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matching.reasons import Language
from matching.tours.answer import WORDS, Unplanned
from matching.tours.layout import lay_out
from matching.tours.problem import Errand, Halt, TourProblem, Vehicle
from matching.tours.promises import Broken, broken

pytestmark = pytest.mark.timeout(300)  # the first call compiles

LINE = np.abs(np.subtract.outer([0, 100, 200, 900], [0, 100, 200, 900])).astype(float)


def of(vehicle: Vehicle, *errands: Errand, seconds: NDArray[np.float64] = LINE) -> Broken | None:
    """What breaks of one vehicle's plan; places lie at 0, 100, 200 and 900 s of a street."""
    return broken(TourProblem(errands=errands, vehicles=(vehicle,), seconds=seconds, seed=0), vehicle)


def errand(*, fetched_by: float = math.inf, brought_by: float = math.inf, load: int = 1) -> Errand:
    """From 100 to 200, a minute of work at each."""
    return Errand(
        id="a",
        pickup=Halt(place=1, latest_s=fetched_by, service_s=60),
        drop=Halt(place=2, latest_s=brought_by, service_s=60),
        load=load,
    )


BOTH = ("+a", "-a")


def test_a_plan_that_is_kept_to_the_second_is_kept():
    vehicle = Vehicle(id="v", start=0, end=0, until_s=520, plan=BOTH)
    assert of(vehicle, errand(fetched_by=100, brought_by=260)) is None


def test_the_first_stop_that_is_late_is_named_and_by_how_much():
    vehicle = Vehicle(id="v", start=0, from_s=50, plan=BOTH)
    assert of(vehicle, errand(fetched_by=100, brought_by=260)) == Broken("+a", 50)
    assert of(vehicle, errand(brought_by=260)) == Broken("-a", 50)


def test_a_wait_for_a_window_counts():
    early = Errand(id="a", pickup=Halt(place=1, earliest_s=500), drop=Halt(place=2, latest_s=590))
    assert of(Vehicle(id="v", start=0, plan=BOTH), early) == Broken("-a", 10)


def test_a_vehicle_that_would_be_back_too_late_is_named_by_its_end():
    assert of(Vehicle(id="v", start=0, end=0, until_s=500, plan=BOTH), errand()) == Broken("", 20)
    assert of(Vehicle(id="v", start=0, until_s=320, plan=BOTH), errand()) is None
    assert of(Vehicle(id="v", start=0, until_s=250, plan=BOTH), errand()) == Broken("", 70)


def test_more_aboard_than_it_holds_is_told_where_it_is_taken():
    aboard = ((Halt(place=3), 1),)
    vehicle = Vehicle(id="v", start=0, capacity=1, onboard=aboard, plan=("+a", "-a", "=0"))
    assert of(vehicle, errand()) == Broken("+a", 0)
    first_down = Vehicle(id="v", start=0, capacity=1, onboard=aboard, plan=("=0", "+a", "-a"))
    assert of(first_down, errand()) is None


def test_where_no_way_leads_there_is_no_promise():
    apart = LINE.copy()
    apart[1, 2] = math.inf
    assert of(Vehicle(id="v", start=0, plan=BOTH), errand(), seconds=apart) == Broken("-a", math.inf)


def test_nothing_promised_is_nothing_broken():
    assert of(Vehicle(id="v", start=0, end=3)) is None


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 600),
    fetched_by=st.integers(0, 900),
    brought_by=st.integers(0, 900),
    load=st.integers(0, 3),
)
def test_what_is_not_broken_can_be_laid_out_and_nothing_else_can(
    start: int, fetched_by: int, brought_by: int, load: int
):
    vehicle = Vehicle(id="v", start=0, from_s=start, capacity=2, plan=BOTH)
    one = errand(fetched_by=fetched_by, brought_by=brought_by, load=load)
    problem = TourProblem(errands=(one,), vehicles=(vehicle,), seconds=LINE, seed=0)
    if broken(problem, vehicle) is None:
        lay_out(problem, set())
    else:
        with pytest.raises(ValueError, match="breaks its own promises"):
            lay_out(problem, set())


def test_every_reason_has_words_in_every_language():
    assert set(WORDS) == set(get_args(Language))
    assert all(set(words) == set(Unplanned) for words in WORDS.values())
