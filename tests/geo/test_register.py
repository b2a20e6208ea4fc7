"""Whose row is whose: the table of many ids answers as the dictionary does, through any comings and goings."""

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import geo
import geo.nearby
import geo.register
import geo.rowtable
from geo.register import Register, numbers_of, prepare_table
from tests.geo.plainkernels import plain_kernels

PLAIN = plain_kernels(geo.rowtable)
CROWDED = [UUID(int=n) for n in (0, 1, 2, 3, 1 << 64, 2 << 64, (1 << 128) - 1, (1 << 127) + 1, 5 << 60)]
deeds = st.lists(
    st.one_of(
        st.tuples(st.just("goes"), st.sampled_from(CROWDED)),
        st.tuples(st.just("comes"), st.sampled_from(CROWDED)),
        st.tuples(st.just("are sought"), st.lists(st.sampled_from(CROWDED))),
    ),
    max_size=40,
)


def setup_module():
    prepare_table()  # before a deadline of Hypothesis looks


@pytest.fixture(scope="module", params=["dictionary", "compiled", "plain"])
def way(request):
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "dictionary":
            patch.setattr(geo.nearby, "GRID_FROM", 0)
            patch.setattr(geo.register, "_MANY", 0)
        if request.param == "plain":
            patch.setattr(geo, "rowtable", PLAIN)
        yield


@given(deeds=deeds, all_begin_together=st.booleans())
def test_rows_are_those_of_a_dictionary(way, deeds, all_begin_together):
    register, known = Register(), dict[UUID, int]()
    register.grow(2)
    with pytest.MonkeyPatch.context() as patch:
        if all_begin_together:  # so that whoever is sought is found behind others, or behind what they left
            patch.setattr(geo.register, "_begins", lambda ids, size: np.full(len(ids), size - 1, np.int64))
        for deed, whom in [*deeds, ("are sought", CROWDED)]:
            if deed == "comes" and whom not in known:
                if register.is_full:
                    register.grow(2 * len(register.ids))
                known[whom] = register.enter(whom)
            elif deed == "goes":
                assert register.leave(whom) == known.pop(whom, None)
            elif deed == "are sought":
                rows = register.rows_of(whom)
                assert rows.tolist() == [known.get(who, -1) for who in whom]
                assert register.providers_of(rows) == [who if who in known else None for who in whom]
            assert len(register) == len(known)
            assert len(set(known.values())) == len(known)


def test_a_large_register_knows_everybody_after_many_came_and_went(way):
    """The table is made anew as places left behind fill it, and after nobody asked for long."""
    dice, register = np.random.default_rng(8), Register()
    fleet = [UUID(bytes=dice.bytes(16)) for _ in range(3_000)]
    register.grow(4_096)
    for who in fleet:
        register.enter(who)
    expected = np.array([register.row(who) for who in fleet])
    assert (register.rows_of(fleet) == expected).all()
    for hour in range(6):
        leaving = fleet[hour::6]
        for who in leaving:
            register.leave(who)
        assert (register.rows_of(leaving) == -1).all()
        for who in reversed(leaving):
            register.enter(who)
        if hour % 2:
            assert register.rows_of(fleet).tolist() == [register.row(who) for who in fleet]
    for _ in range(2):
        for who in fleet:
            register.leave(who)
            register.enter(who)
    assert register.rows_of(fleet).tolist() == [register.row(who) for who in fleet]
    assert [register.who(row) for row in register.rows_of(fleet).tolist()] == fleet


def test_what_waits_for_the_table_is_bounded(way):
    register = Register()
    register.grow(4)
    register.enter(CROWDED[0])
    register.rows_of(CROWDED)
    for _ in range(100):
        register.leave(CROWDED[0])
        register.enter(CROWDED[0])
        assert len(register._newcomers) <= 4
    assert register.rows_of(CROWDED).tolist() == [register.row(CROWDED[0])] + [-1] * (len(CROWDED) - 1)


def test_ids_are_two_numbers_each():
    assert numbers_of([]).shape == (0, 2)
    assert numbers_of([CROWDED[-1], CROWDED[6]]).tolist() == [[0, 5 << 60], [2**64 - 1] * 2]


def test_ids_one_after_another_begin_all_over_a_table():
    """By their high halves or their low ones: an id's kind is not the table's business."""
    for ids in (np.arange(1 << 14), np.arange(1 << 14) << 20):
        for halves in ((ids, ids * 0), (ids * 0, ids), (ids, ids)):
            begins = geo.register._begins(np.column_stack(halves).astype(np.uint64), 1 << 16)
            assert 0 <= begins.min() <= begins.max() < 1 << 16
            assert np.bincount(begins).max() <= 12
