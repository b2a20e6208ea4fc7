"""The corridor index against a plain walk along every line."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.corridor import Corridors, Line, Trip, bearable, detour_s, samples

FAR = 6_000.0

places = st.tuples(st.floats(-FAR, FAR), st.floats(-FAR, FAR))
moments = st.integers(-3_600, 3_600).map(float)


@st.composite
def lines(draw: st.DrawFn, name: str) -> Line:
    begin = draw(moments)
    return Line(
        id=name,
        xy=np.array(draw(st.lists(places, min_size=1, max_size=5))),
        seconds=draw(st.floats(0, 3_600)),
        from_s=begin,
        until_s=begin + draw(st.floats(0, 3_600)),
        seats=draw(st.integers(1, 3)),
    )


crowds = st.integers(0, 12).flatmap(lambda n: st.tuples(*[lines(f"l{k:02}") for k in range(n)]))
trips = st.builds(
    lambda pickup, drop, begin, more, seats: Trip(pickup, drop, begin, begin + more, seats),
    places,
    places,
    moments,
    st.floats(0, 7_200),
    st.integers(1, 3),
)


def walked(line: Line, trip: Trip, reach_m: float) -> tuple[float, float] | None:
    """The earliest and latest moment at the pickup, by walking along one line's samples; None: does not pass."""
    xy, along, _ = samples([line.xy], 600.0)
    boards = [a for a, p in zip(along, xy, strict=True) if away2(p, trip.pickup) <= reach_m**2]
    leaves = [a for a, p in zip(along, xy, strict=True) if away2(p, trip.drop) <= reach_m**2]
    if not boards or not leaves or min(boards) > max(leaves) or line.seats < trip.seats:
        return None
    to_here = line.seconds * min(boards) / max(float(along[-1]), 1e-9)
    early, late = line.from_s + to_here, line.until_s + to_here
    return (early, late) if early <= trip.until_s and late >= trip.from_s else None


def away2(p: np.ndarray, q: tuple[float, float]) -> float:
    away = p - q
    return float((away * away).sum())


@given(crowds, trips, st.sampled_from([100.0, 1_000.0, 2_500.0]), st.data())
def test_the_index_finds_whom_a_walk_along_every_line_finds(
    crowd: tuple[Line, ...], trip: Trip, reach_m: float, data: st.DataObject
) -> None:
    found = Corridors(data.draw(st.permutations(crowd))).passing(trip, reach_m)
    walks = {line.id: walked(line, trip, reach_m) for line in crowd}
    expected = {name: walk for name, walk in walks.items() if walk is not None}
    assert list(found.ids) == sorted(expected)
    by_id = {line.id: line for line in crowd}
    for k, name in enumerate(found.ids):
        assert (found.early_s[k], found.late_s[k]) == pytest.approx(expected[name])
        assert found.seconds[k] == by_id[name].seconds
        assert found.start[k].tolist() == by_id[name].xy[0].tolist()
        assert found.end[k].tolist() == by_id[name].xy[-1].tolist()


@given(crowds, crowds, st.lists(st.integers(0, 11)), trips)
def test_lines_that_come_and_go_leave_the_index_as_if_built_anew(
    crowd: tuple[Line, ...], later: tuple[Line, ...], gone: list[int], trip: Trip
) -> None:
    index = Corridors(crowd)
    index.passing(trip)
    for line in later[::2]:
        index.put(line)
    index.passing(trip)
    for k in gone:
        index.remove(f"l{k:02}")
    for line in later[1::2]:
        index.put(line)
    kept = {line.id: line for line in (*crowd, *later[::2])}
    for k in gone:
        kept.pop(f"l{k:02}", None)
    kept |= {line.id: line for line in later[1::2]}
    assert len(index) == len(kept)
    found, anew = index.passing(trip), Corridors(kept.values()).passing(trip)
    assert found.ids == anew.ids
    assert found.early_s.tolist() == anew.early_s.tolist()
    assert found.start.tolist() == anew.start.tolist()


@given(st.lists(st.lists(places, min_size=1, max_size=12).map(np.array), max_size=6))
def test_how_long_a_line_is_does_not_hang_on_the_lines_before_it(ways: list[np.ndarray]) -> None:
    _, along, row = samples(ways, 600.0)
    for k, way in enumerate(ways):
        assert along[row == k].tolist() == samples([way], 600.0)[1].tolist()


@given(st.lists(st.lists(places, min_size=1, max_size=5).map(np.array), max_size=4))
def test_samples_lie_on_their_line_no_further_apart_than_asked(of: list[np.ndarray]) -> None:
    xy, along, row = samples(of, 600.0)
    assert sorted(set(row.tolist())) == list(range(len(of)))
    for k, line in enumerate(of):
        mine, at = xy[row == k], along[row == k]
        length = float(np.hypot(*np.diff(line, axis=0).T).sum())
        assert at[0] == 0.0
        assert at[-1] == pytest.approx(length, abs=1e-6)
        assert np.all(np.diff(at) <= 600.0 + 1e-6)
        assert mine[0] == pytest.approx(line[0], abs=1e-3)
        assert mine[-1] == pytest.approx(line[-1], abs=1e-3)
        assert np.all(np.hypot(*np.diff(mine, axis=0).T) <= np.diff(at) + 1e-3)


def test_the_opposite_way_is_not_the_same_way() -> None:
    there = Line("there", np.array([(0.0, 0.0), (10_000.0, 0.0)]), 1_000.0)
    back = replace(there, id="back", xy=there.xy[::-1])
    index = Corridors([there, back])
    assert index.passing(Trip((2_000.0, 100.0), (8_000.0, 100.0))).ids == ("there",)
    assert index.passing(Trip((8_000.0, 100.0), (2_000.0, 100.0))).ids == ("back",)
    assert index.passing(Trip((2_000.0, 5_000.0), (8_000.0, 100.0))).ids == ()
    one_place = Trip((5_000.0, 0.0), (5_000.0, 0.0))
    assert index.passing(one_place).ids == ("back", "there")


def test_a_detour_is_borne_within_a_quarter_of_an_hour_and_a_fifth_of_the_way() -> None:
    direct = np.array([1_000.0, 1_000.0, 10_000.0, 10_000.0])
    detour = detour_s(np.array([500.0, 500.0, 5_000.0, 5_000.0]), np.full(4, 300.0), direct * 0.4, direct)
    assert detour.tolist() == [200.0, 200.0, 0.0, 0.0]
    assert bearable(np.array([200.0, 200.1, 900.0, 901.0]), direct).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"xy": np.zeros((0, 2))}, "no points"),
        ({"xy": np.zeros(2)}, "no points"),
        ({"xy": np.array([[math.inf, 0.0]])}, "not finite"),
        ({"seconds": -1.0}, "less than nothing"),
        ({"from_s": 2.0, "until_s": 1.0}, "sets out"),
        ({"seats": 0}, "no seat"),
    ],
)
def test_a_line_that_cannot_be_is_refused(said: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(Line("l", np.zeros((1, 2)), 0.0), **said)  # type: ignore[arg-type]


def test_a_few_new_lines_do_not_build_the_many_anew() -> None:
    rng = np.random.default_rng(1)
    many = [Line(f"m{k}", rng.uniform(-FAR, FAR, (2, 2)), 600.0) for k in range(400)]
    index = Corridors(many)
    trip = Trip((0.0, 0.0), (1_000.0, 0.0))
    before = index.passing(trip).ids
    fits = Line("a", np.array([(-5_000.0, 0.0), (5_000.0, 0.0)]), 600.0)
    index.put(fits)
    assert index.passing(trip).ids == ("a", *before)
    index.put(replace(fits, id="z"))
    assert index.passing(trip).ids == ("a", *before, "z")
    index.remove("a")
    index.remove("a")
    assert index.passing(trip).ids == (*before, "z")
