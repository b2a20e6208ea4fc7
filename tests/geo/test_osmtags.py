from math import inf, isinf

import pytest

from geo.osmtags import KMH, STEPS_KMH, URBAN_DELAY, WALK_KMH, Street, Wait, stops_cars, street_of, wait_of


def kmh(pace: float) -> float:
    return 1 / pace / KMH


def street(**tags: str) -> Street:
    found = street_of({key.replace("__", ":"): value for key, value in tags.items()})
    assert found is not None
    return found


def open_ways(pace: tuple[float, float]) -> tuple[bool, bool]:
    return not isinf(pace[0]), not isinf(pace[1])


def test_a_street_is_driven_walked_and_cycled_both_ways():
    rue = street(highway="residential", name="Rue Grimaldi", ref="D1")
    assert rue.name == "Rue Grimaldi"
    assert kmh(rue.drive[0]) == pytest.approx(25 / URBAN_DELAY)
    assert kmh(rue.walk[0]) == pytest.approx(WALK_KMH)
    assert open_ways(rue.drive) == open_ways(rue.walk) == open_ways(rue.cycle) == (True, True)


def test_a_road_without_a_name_goes_by_its_number():
    assert street(highway="primary", ref="D 6098").name == "D 6098"
    assert street(highway="primary").name == ""


@pytest.mark.parametrize(
    ("tags", "drive", "cycle"),
    [
        ({"oneway": "yes"}, (True, False), (True, False)),
        ({"oneway": "-1"}, (False, True), (False, True)),
        ({"oneway": "no", "junction": "roundabout"}, (True, True), (True, True)),
        ({"junction": "roundabout"}, (True, False), (True, False)),
        ({"junction": "circular"}, (True, False), (True, False)),
        ({"oneway": "yes", "oneway:bicycle": "no"}, (True, False), (True, True)),
        ({"oneway": "-1", "cycleway": "opposite_lane"}, (False, True), (True, True)),
    ],
)
def test_one_ways_bind_drivers_and_cyclists_but_not_walkers(tags, drive, cycle):
    rue = street_of({"highway": "tertiary", **tags})
    assert rue is not None
    assert open_ways(rue.drive) == drive
    assert open_ways(rue.cycle) == cycle
    assert open_ways(rue.walk) == (True, True)


def test_a_motorway_is_one_way_for_cars_alone():
    road = street(highway="motorway")
    assert open_ways(road.drive) == (True, False)
    assert kmh(road.drive[0]) == pytest.approx(90 / URBAN_DELAY)
    assert isinf(road.walk[0])
    assert isinf(road.cycle[0])


def test_steps_are_walked_slowly():
    stairs = street(highway="steps", bicycle="yes")
    assert kmh(stairs.walk[0]) == pytest.approx(STEPS_KMH)
    assert isinf(stairs.drive[0])
    assert isinf(stairs.cycle[0])


@pytest.mark.parametrize(
    ("maxspeed", "driven"),
    [("30", 24), ("20 mph", 20 * 1.609344 * 0.8), ("FR:urban", 40), ("none", 55), ("0", 55)],
)
def test_posted_limits_slow_down_and_words_do_not(maxspeed, driven):
    assert kmh(street(highway="secondary", maxspeed=maxspeed).drive[0]) == pytest.approx(driven / URBAN_DELAY)


@pytest.mark.parametrize(
    "tags",
    [
        {"access": "private"},
        {"access": "no"},
        {"motor_vehicle": "no"},
        {"vehicle": "private", "access": "yes"},
        {"service": "emergency_access"},
        {"area": "yes"},
    ],
)
def test_cars_stay_out_where_they_are_not_allowed(tags):
    found = street_of({"highway": "service", **tags})
    assert found is None or isinf(found.drive[0])


def test_the_more_specific_sign_decides():
    assert open_ways(street(highway="service", access="no", motor_vehicle="yes").drive) == (True, True)
    assert open_ways(street(highway="service", access="private", foot="yes").walk) == (True, True)
    assert isinf(street(highway="residential", foot="no").walk[0])
    assert isinf(street(highway="residential", bicycle="dismount").cycle[0])


def test_streets_for_their_residents_are_no_short_cut():
    assert kmh(street(highway="residential", access="destination").drive[0]) == pytest.approx(5)


def test_car_parks_are_crossed_at_half_speed():
    aisle = street(highway="service", service="parking_aisle")
    assert kmh(aisle.drive[0]) == pytest.approx(15 / 2 / URBAN_DELAY)


def test_cyclists_use_paths_and_footways_that_welcome_them():
    assert kmh(street(highway="path").cycle[0]) == pytest.approx(12)
    assert kmh(street(highway="footway", bicycle="yes").cycle[0]) == pytest.approx(6)
    assert isinf(street(highway="footway").cycle[0])
    assert kmh(street(highway="cycleway").cycle[0]) == pytest.approx(15)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"route": "ferry"},
        {"highway": "platform"},
        {"highway": "construction"},
        {"highway": "raceway"},
        {"highway": "footway", "access": "private"},
    ],
)
def test_what_nobody_may_use_is_no_street(tags):
    assert street_of(tags) is None


@pytest.mark.parametrize(
    ("tags", "stops"),
    [
        ({"barrier": "bollard"}, True),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, False),
        ({"barrier": "gate"}, False),
        ({"barrier": "gate", "access": "private"}, True),
        ({"barrier": "toll_booth"}, False),
        ({"highway": "crossing"}, False),
    ],
)
def test_bollards_and_private_gates_stop_cars(tags, stops):
    assert stops_cars(tags) is stops


def test_a_pace_is_never_zero():
    assert street(highway="living_street").drive < (inf, inf)


def test_a_limit_may_be_said_beside_the_speed():
    said = street(highway="secondary", source__maxspeed="FR:rural")
    assert kmh(said.drive[0]) == pytest.approx(80 * 0.8 / URBAN_DELAY)


def test_a_rough_surface_is_driven_slowly_and_a_smooth_one_is_not_driven_faster():
    assert kmh(street(highway="primary", surface="cobblestone").drive[0]) == pytest.approx(30 / URBAN_DELAY)
    assert kmh(street(highway="residential", surface="sett").drive[0]) == pytest.approx(25 / URBAN_DELAY)


@pytest.mark.parametrize("tags", [{"maxwidth": "1.8 m"}, {"oneway": "reversible"}])
def test_cars_stay_out_of_what_is_too_narrow_or_turns_with_the_hour(tags):
    found = street_of({"highway": "residential", **tags})
    assert found is not None
    assert isinf(found.drive[0])
    assert not isinf(found.walk[0])


@pytest.mark.parametrize(
    ("tags", "wait"),
    [
        ({"highway": "traffic_signals"}, Wait(2 * URBAN_DELAY)),
        ({"highway": "stop", "direction": "forward"}, Wait(2 * URBAN_DELAY, against=False)),
        ({"highway": "give_way", "direction": "backward"}, Wait(URBAN_DELAY, with_it=False)),
        (
            {"highway": "traffic_signals", "traffic_signals:direction": "backward", "direction": "forward"},
            Wait(2 * URBAN_DELAY, with_it=False),
        ),
        ({"barrier": "gate"}, Wait(60 * URBAN_DELAY)),
        ({"highway": "crossing"}, None),
    ],
)
def test_drivers_wait_at_lights_signs_and_gates(tags, wait):
    assert wait_of(tags) == wait
