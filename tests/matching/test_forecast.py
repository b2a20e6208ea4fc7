import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cells import cell_of
from geo.points import LatLng
from matching import forecast as room
from matching.forecast import SLOTS, forecast

HERE, THERE = cell_of(LatLng(43.73, 7.42), 7), cell_of(LatLng(43.9, 7.4), 7)
NOWHERE = cell_of(LatLng(0, 0), 7)

requests = st.lists(st.tuples(st.sampled_from([HERE, THERE]), st.integers(0, SLOTS - 1)), max_size=30)


def of(seen: list[tuple[int, int]], days: int = 1) -> room.Forecast:
    cells, slots = np.array([c for c, _ in seen], np.uint64), np.array([s for _, s in seen], np.intp)
    return forecast(cells, slots, days=days)


@given(requests, st.integers(1, 9))
def test_a_day_s_forecast_adds_up_to_what_was_asked_a_day(seen: list[tuple[int, int]], days: int) -> None:
    assert of(seen, days).mean.sum() == pytest.approx(len(seen) / days)


@given(requests.filter(len), st.integers(1, 9))
def test_more_days_of_the_same_leave_less_doubt(seen: list[tuple[int, int]], times: int) -> None:
    once, again = of(seen, 1), of(seen * times, times)
    assert again.mean == pytest.approx(once.mean)
    assert (again.sd <= once.sd + 1e-12).all()


@given(st.permutations([(HERE, 3), (THERE, 3), (HERE, 95), (HERE, 0)]))
def test_the_order_of_requests_changes_nothing(seen: list[tuple[int, int]]) -> None:
    one, other = of(seen), of(sorted(seen))
    assert (one.cells == other.cells).all()
    assert (one.mean == other.mean).all()


def test_a_quarter_hour_lends_to_its_neighbours_and_the_day_is_round() -> None:
    mean = of([(HERE, 0)]).mean[0]
    assert (mean[95], mean[0], mean[1]) == (0.25, 0.5, 0.25)


def test_a_need_looks_a_little_into_the_next_quarter_hour() -> None:
    it = of([(HERE, 5)] * 4)
    assert it.need(4)[0] == pytest.approx(1.0 + 0.3 * 2.0)
    assert it.doubt(4)[0] > 0


def test_a_cell_where_nothing_was_asked_is_in_no_zone() -> None:
    cells = np.array([HERE, NOWHERE], np.uint64)
    assert of([(HERE, 1)]).zones_of(cells).tolist() == [0, -1]
    assert of([]).zones_of(cells).tolist() == [-1, -1]


def test_a_forecast_from_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="0 days"):
        of([], 0)


def test_a_forecast_is_given_cells_and_quarter_hours_and_nothing_of_anybody() -> None:
    assert set(inspect.signature(forecast).parameters) == {"cells", "slots", "days"}
