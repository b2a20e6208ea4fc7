from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.whatif.city import City, Day, Shifts, most_at_once, steady_fleet
from matching.whatif.fleet import Fleet
from matching.whatif.learnt import learn, others
from matching.whatif.travel import PRIOR, PRIOR_DETOUR, fit_travel
from tests.matching.whatif.town import PLANE, cars_at, learnt_of, town, town_day


def power_law_day(a: float, p: float, trips: int = 3_000) -> Day:
    """Trips that take exactly a * km^p seconds."""
    day = town_day("2026-03-05", trips, 3)
    return replace(day, duration_s=a * (day.crow_m / 1_000) ** p)


@given(st.sampled_from([150.0, 300.0]), st.sampled_from([0.4, 0.6, 0.9]))
def test_a_power_law_is_found_again(a: float, p: float) -> None:
    fit = fit_travel([power_law_day(a, p)])
    assert fit.a == pytest.approx(np.full(24, a), rel=1e-6)
    assert fit.p == pytest.approx(np.full(24, p), rel=1e-6)
    assert fit.detour == pytest.approx(1.3, rel=1e-3)
    assert fit.seconds(np.array([2_000.0]), 3_600.0)[0] == pytest.approx(a * 2**p)


def test_an_hour_with_few_trips_travels_as_the_whole_day_does() -> None:
    day = power_law_day(200.0, 0.5, trips=60)
    assert len(set(fit_travel([day]).a.tolist())) == 1


def test_before_anything_is_learnt_the_prior_holds() -> None:
    day = town_day("2026-03-05", 3, 1)
    fit = fit_travel([replace(day, driven_m=np.full(3, np.nan))])
    assert (fit.a[0], fit.p[0], fit.detour) == (*PRIOR, PRIOR_DETOUR)


def test_days_that_are_not_lived_teach_and_else_all_but_the_day() -> None:
    city = town(50)
    thursday, friday, saturday = city.days
    assert others(city, friday, ("2026-03-06",)) == (thursday, saturday)
    assert others(city, friday, ("2026-03-06", "2026-03-07")) == (thursday,)
    assert others(city, friday, tuple(day.name for day in city.days)) == (thursday, saturday)
    alone = City(plane=PLANE, days=(friday,))
    assert others(alone, friday, ("2026-03-06",)) == (friday,)
    assert not learn(alone, friday, ("2026-03-06",)).honest


def test_demand_is_learnt_from_days_of_the_same_kind_where_there_are_any() -> None:
    city = town(50)
    assert learnt_of(city, "2026-03-06").demand_days == ("2026-03-05",)
    assert learnt_of(city, "2026-03-07").demand_days == ("2026-03-05", "2026-03-06")
    assert learnt_of(city).honest


def test_a_zone_s_middle_is_where_its_people_were_picked_up() -> None:
    city = town(50)
    learnt = learnt_of(city)
    zone = learnt.demand.zones_of(city.days[0].pickup_cell)
    for z in range(len(learnt.demand.cells)):
        assert learnt.middles[z] == pytest.approx(city.days[0].pickup[zone == z].mean(axis=0))


def test_a_day_refuses_what_no_day_is() -> None:
    day = town_day("2026-03-05", 5, 1)
    with pytest.raises(ValueError, match="has 4 rows, not 5"):
        replace(day, duration_s=day.duration_s[:4])
    with pytest.raises(ValueError, match="not in order"):
        replace(day, request_s=day.request_s[::-1])
    with pytest.raises(ValueError, match="negative"):
        replace(day, duration_s=-day.duration_s)


def test_a_city_knows_its_days_by_name() -> None:
    assert town(5).day("2026-03-07").weekend
    with pytest.raises(KeyError):
        town(5).day("2026-03-08")


def test_the_busiest_moment_counts_who_is_under_way() -> None:
    day = town_day("2026-03-05", 3, 1)
    busy = replace(day, request_s=np.array([0.0, 10.0, 30.0]), duration_s=np.array([20.0, 20.0, 5.0]))
    assert most_at_once(busy) == 2
    assert most_at_once(town_day("2026-03-05", 0, 1)) == 0


def test_a_fleet_starts_where_people_go_by_night_or_by_day_if_there_is_no_night() -> None:
    by_day = town_day("2026-03-05", 40, 1, from_s=30_000.0)
    assert steady_fleet(3, [by_day], np.random.default_rng(1)).place.shape == (3, 2)
    assert steady_fleet(3, [town_day("2026-03-05", 200, 1)], np.random.default_rng(1)).cars == 3
    assert cars_at().cars == 0


def test_work_that_outlasts_a_shift_is_time_on_duty_and_the_next_shift_waits_for_it() -> None:
    shifts = Shifts(
        car=np.array([0, 0]),
        on_s=np.array([0.0, 1_000.0]),
        off_s=np.array([500.0, 5_000.0]),
        place=np.zeros((2, 2)),
    )
    fleet = Fleet(shifts)
    assert fleet.turn_up(0.0)
    car = np.array([0])
    fleet.take(
        car, until_s=np.array([1_500.0]), at=np.ones((1, 2)), approach_m=np.zeros(1), fares=np.array([9.0])
    )
    assert not fleet.turn_up(1_000.0), "still at work"
    assert fleet.turn_up(1_600.0)
    assert fleet.on_duty_s(2_500.0).tolist() == [2_500.0]
    assert np.isnan(Fleet(shifts).income_per_hour(car, 0.0)).all()
    assert fleet.income_per_hour(car, 3_600.0).tolist() == [9.0]


def test_a_shift_that_ended_before_it_could_begin_is_none() -> None:
    shifts = Shifts(car=np.array([0]), on_s=np.array([5.0]), off_s=np.array([8.0]), place=np.zeros((1, 2)))
    fleet = Fleet(shifts)
    assert not fleet.turn_up(10.0)
    assert len(fleet.idle(10.0)) == 0
