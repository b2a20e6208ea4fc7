import inspect
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from matching.reposition import LEAST_CHANCE, STAY, WORTH_S, chance, moves, suggest

needs = st.lists(st.sampled_from([0.0, 0.2, 0.7, 1.5, 3.0]), min_size=1, max_size=3)


@given(st.floats(0, 40), st.integers(0, 40))
def test_the_chance_is_that_of_at_least_k_requests(need: float, k: int) -> None:
    assert float(chance(np.array(need), np.array(float(k)))) == pytest.approx(
        poisson.sf(k - 1, need), abs=1e-9
    )


@st.composite
def towns(draw: st.DrawFn) -> dict[str, Any]:
    need = draw(needs)
    zone = draw(st.lists(st.integers(-1, len(need) - 1), max_size=3))
    row = st.lists(
        st.sampled_from([60.0, 300.0, 900.0, 1_700.0, 2_500.0]), min_size=len(need), max_size=len(need)
    )
    return {
        "zone": np.array(zone, np.intp),
        "seconds": np.array([draw(row) for _ in zone]).reshape(len(zone), len(need)),
        "need": np.array(need),
        "coming": np.array([draw(st.sampled_from([0.0, 1.0, 2.0])) for _ in need]),
    }


def worth(of: dict[str, Any], target: tuple[int, ...]) -> float:
    """Chances by count, worth half an hour of driving each, less the driving; staying in a zone counts there."""
    where = [int(z) if t == STAY else t for t, z in zip(target, of["zone"], strict=True)]
    driven = sum(of["seconds"][i, t] for i, t in enumerate(target) if t not in {STAY, of["zone"][i]})
    total = -float(driven)
    for zone in range(len(of["need"])):
        for k in range(1, where.count(zone) + 1):
            p = float(chance(of["need"][zone], of["coming"][zone] + k))
            total += WORTH_S * p if p >= LEAST_CHANCE else 0.0
    return total


@given(towns())
def test_no_arrangement_of_the_fleet_is_worth_more(of: dict[str, Any]) -> None:
    found = tuple(moves(**of).tolist())
    best = max(worth(of, t) for t in product(range(-1, len(of["need"])), repeat=len(of["zone"])))
    assert worth(of, found) == pytest.approx(best, abs=1e-6)


@given(towns())
def test_nobody_is_sent_where_they_are(of: dict[str, Any]) -> None:
    target = moves(**of)
    assert not ((target == of["zone"]) & (target != STAY)).any()


def test_without_cars_or_without_zones_nobody_moves() -> None:
    nothing = np.empty(0)
    assert (
        moves(zone=np.empty(0, np.intp), seconds=np.empty((0, 0)), need=nothing, coming=nothing).tolist()
        == []
    )
    alone = moves(zone=np.array([-1]), seconds=np.empty((1, 0)), need=nothing, coming=nothing)
    assert alone.tolist() == [STAY]


def suggestions(**change: object):
    about: dict[str, object] = {
        "cells": np.array([11, 12, 13], np.uint64),
        "seconds": np.array([0.0, 120.0, 300.0]),
        "need": np.array([0.1, 4.0, 2.0]),
        "doubt": np.array([0.1, 0.5, 0.5]),
        "waiting": np.array([3.0, 0.0, 0.0]),
        "here": 0,
        "net_per_request": 1_000.0,
        "cost_per_s": 0.2,
    }
    return suggest(**{**about, **change})  # type: ignore[arg-type]


def test_the_best_zone_comes_first_and_its_gain_has_bounds() -> None:
    first, second = suggestions()
    assert (first.cell, second.cell) == (12, 13)
    assert first.gain_low <= first.gain_per_hour <= first.gain_high
    assert first.gain_per_hour <= 4 * 1_000


def test_there_is_nothing_to_suggest_where_nothing_is_expected() -> None:
    assert suggestions(need=np.zeros(3), doubt=np.zeros(3)) == ()


def test_who_is_in_no_zone_has_no_chance_to_lose() -> None:
    crowded = np.array([3.0, 4.0, 2.0])
    away, at_home = suggestions(here=-1, need=crowded), suggestions(here=0, need=crowded)
    gains = [{one.cell: one.gain_per_hour for one in told} for told in (away, at_home)]
    assert gains[0][12] > gains[1][12]


@given(st.integers(0, 5))
def test_more_people_waiting_there_never_make_it_worth_more(others: int) -> None:
    gains = [
        {one.cell: one.gain_per_hour for one in suggestions(waiting=np.array([3.0, float(n), 0.0]))}.get(
            12, 0.0
        )
        for n in (others, others + 1)
    ]
    assert gains[1] <= gains[0]


@given(st.sampled_from([0.0, 200.0, 899.0, 5_000.0]))
def test_further_away_is_never_worth_more(further: float) -> None:
    near, far = (
        {one.cell: one.gain_per_hour for one in suggestions(seconds=np.array([0.0, 120.0 + s, 300.0]))}.get(
            12, 0.0
        )
        for s in (0.0, further)
    )
    assert far <= near


def test_who_followed_a_suggestion_cannot_be_known_here() -> None:
    names = set(inspect.signature(suggest).parameters) | set(inspect.signature(moves).parameters)
    assert names == {
        "cells", "seconds", "need", "doubt", "waiting", "here", "net_per_request", "cost_per_s", "most",
        "zone", "coming", "worth_s",
    }  # fmt: skip
