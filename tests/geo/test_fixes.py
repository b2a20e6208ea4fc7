"""Fixes by the column: checked as one is, and taken in turns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.fixes import Fix, Fixes, turns
from geo.live import LiveIndex


@pytest.mark.parametrize(("lat", "lon", "at"), [(91, 0, 0), (0, -181, 0), (np.nan, 0, 0), (0, 0, np.inf)])
def test_one_bad_fix_refuses_the_column(lat, lon, at):
    with pytest.raises(ValueError, match=r"outside|no moment"):
        Fixes.of([0, lat], [0, lon], [0, at])


def test_columns_are_of_one_length():
    with pytest.raises(ValueError, match="one length"):
        Fixes.of([0, 1], [0, 1], [0])
    with pytest.raises(ValueError, match="1 fixes of 0 providers"):
        LiveIndex().report_many([], Fixes.of([0], [0], [0]), 0.0)


def test_what_the_phone_did_not_say_is_none():
    fixes = Fixes.of([1, 2], [3, 4], [5, 6], heading_deg=[7, np.nan])
    assert fixes.fix(0) == Fix(1, 3, 5, heading_deg=7)
    assert fixes.fix(1) == Fix(2, 4, 6)


@given(st.lists(st.integers(0, 5), max_size=30))
def test_in_a_turn_nobody_comes_twice_and_everybody_in_their_own_order(rows):
    split = turns(np.array(rows, np.int64), 6)
    assert sorted(np.concatenate(split).tolist()) == list(range(len(rows)))
    for turn in split:
        assert len({rows[n] for n in turn}) == len(turn)
    turn_of = {n: at for at, turn in enumerate(split) for n in turn.tolist()}
    for who in range(6):
        mine = [turn_of[n] for n in range(len(rows)) if rows[n] == who]
        assert mine == sorted(set(mine))
