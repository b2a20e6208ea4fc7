"""Factors learnt from finished approaches: pulled towards what is known above, the same in any order."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.calibration import (
    NOTHING_LEARNT,
    P90_PRIOR,
    PULL,
    Approach,
    Calibration,
    kept,
    kept_by_hour,
    learn,
)
from geo.travel import Travel

HERE, THERE = 613164447670304767, 613164447672401919


def approach(ratio: float, *, cell: int = HERE, hour: int = 8, streets_s: float = 100.0) -> Approach:
    return Approach(cell, hour, streets_s, streets_s, streets_s * P90_PRIOR, streets_s * ratio)


approaches = st.lists(
    st.builds(
        lambda ratio, cell, hour: approach(ratio, cell=cell, hour=hour),
        st.floats(0.05, 20.0),
        st.sampled_from([HERE, THERE]),
        st.integers(0, 23),
    ),
    max_size=30,
)


def test_with_nothing_learnt_the_factors_are_one_and_the_version_says_so():
    assert learn([]) == Calibration()
    assert Calibration().version == NOTHING_LEARNT
    assert list(Calibration().factors(HERE, 8)) == pytest.approx([1.0, P90_PRIOR])


def test_a_long_record_is_believed_and_a_short_one_pulls_a_little():
    believed = learn([approach(2.0)] * 5_000).factors(HERE, 8)
    assert list(believed) == pytest.approx([2.0, 2.0], rel=0.02)
    once = learn([approach(2.0)]).city[0]
    assert once == pytest.approx(math.log(2.0) / (1 + PULL))


def test_an_hour_and_a_cell_keep_what_is_theirs_and_lend_to_those_without_any():
    rush = [approach(3.0, cell=HERE, hour=8)] * 400
    calm = [approach(1.0, cell=THERE, hour=8)] * 400
    night = [approach(0.8, cell=HERE, hour=3)] * 400
    learnt = learn(rush + calm + night)
    assert learnt.factors(HERE, 8)[0] > learnt.factors(THERE, 8)[0] > learnt.factors(HERE, 3)[0]
    assert learnt.factors(0, 3) == pytest.approx(np.exp(learnt.hours[3]).tolist())
    assert learnt.factors(0, 15)[0] == pytest.approx(math.exp(learnt.city[0]))


def test_parking_and_impossible_clocks_teach_nothing():
    assert learn([approach(5.0, streets_s=10.0), approach(-1.0)]) == Calibration()


@given(approaches, st.randoms())
def test_the_order_of_approaches_does_not_matter(found, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert learn(shuffled) == learn(found)


@given(approaches, st.integers(0, 23))
def test_factors_are_bounded_and_the_slow_one_is_never_the_faster(found, hour):
    for cell in (HERE, THERE, 0):
        p50, p90 = learn(found).factors(cell, hour)
        assert 0.25 <= p50 <= p90 <= 4.0


@given(approaches)
def test_the_city_s_factor_lies_between_one_and_its_own_median(found):
    median = float(
        np.median([math.log(min(max(one.took_s / one.streets_s, 0.1), 10.0)) for one in found] or [0])
    )
    assert min(0.0, median) - 1e-9 <= learn(found).city[0] <= max(0.0, median) + 1e-9


def test_how_often_a_promise_held_is_counted_overall_and_by_hour():
    found = [approach(0.9, hour=7), approach(1.2, hour=7), approach(1.5, hour=9), approach(2.0, hour=9)]
    overall = kept(found)
    assert overall is not None
    assert (overall.count, overall.within_p50, overall.within_p90) == (4, 0.25, 0.75)
    assert overall.median_ratio == pytest.approx(1.35)
    assert {hour: one.count for hour, one in kept_by_hour(found).items()} == {7: 2, 9: 2}
    assert kept([]) is None


def test_a_travel_under_factors_remembers_the_streets_seconds_and_names_the_factors():
    plain = Travel(np.array([100, np.inf], np.float32), np.array([1_000, np.inf], np.float32), "streets")
    assert plain.plain_s is plain.seconds
    assert plain.slow_s.tolist() == [pytest.approx(160), np.inf]
    learnt = learn([approach(2.0)] * 1_000)
    travel = plain.calibrated(learnt, [HERE], 8)
    assert travel.calibration == learnt.version
    assert travel.plain_s.tolist() == [100, np.inf]
    assert travel.seconds[0] == pytest.approx(200, rel=0.05)
    assert travel.slow_s[0] >= travel.seconds[0]
    none = Travel(np.empty(0, np.float32), np.empty(0, np.float32), "streets").calibrated(learnt, [], 8)
    assert (none.seconds.tolist(), none.calibration) == ([], learnt.version)
