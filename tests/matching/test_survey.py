"""The order of a survey's candidates, and surveys that are put together."""

from dataclasses import fields, replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matching.field import Field, Floats, Rows, field_of
from matching.problem import Pairs, Problem
from matching.survey import Survey, _order, joined, survey
from tests.matching.strategies import problems

costs = st.one_of(
    st.integers(-3, 3).map(lambda n: n / 1_000),
    st.integers(-5_000_000, 5_000_000).map(lambda n: n / 1_000),
    st.sampled_from([-1e15, 1e15]),
)
candidates = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([np.inf, np.inf, 0.0, 1.0]),
        costs,
        st.sampled_from([0.0, 1e-7, 2e-7]),
    ),
    max_size=30,
)


def columns_of(seen: Survey) -> dict[str, list[float]]:
    return {column.name: getattr(seen, column.name).tolist() for column in fields(Survey)}


@given(candidates, st.booleans())
def test_candidates_are_in_order_of_ask_place_cost_and_lot(
    rows: list[tuple[int, float, float, float]], queued: bool
) -> None:
    asks = np.array([ask for ask, *_ in rows], dtype=np.intp)
    places = np.array([place if queued else np.inf for _, place, *_ in rows])
    seconds, lots = np.array([cost for _, _, cost, _ in rows]), np.array([lot for *_, lot in rows])
    expected = np.lexsort((lots, seconds, places, asks)) if rows else np.empty(0)
    assert _order(asks, places, seconds, lots).tolist() == expected.tolist()


def test_a_large_survey_is_ordered_as_four_sorts_would() -> None:
    dice = np.random.default_rng(2)
    asks: Rows = dice.integers(0, 60, 20_000)
    seconds: Floats = np.round(dice.uniform(-1, 5, 20_000), 3)
    lots: Floats = np.asarray(dice.integers(0, 3, 20_000) * 1e-8, np.float64)
    nowhere = np.full(20_000, np.inf)
    assert (
        _order(asks, nowhere, seconds, lots).tolist() == np.lexsort((lots, seconds, nowhere, asks)).tolist()
    )


@given(problems())
def test_two_surveys_put_together_are_that_of_all_their_pairs(problem: Problem) -> None:
    whole = field_of(problem)
    cut = len(whole.pairs) // 2

    def part(of: slice) -> Field:
        pairs = whole.pairs
        some = Pairs(pairs.ask[of], pairs.supply[of], pairs.eta_s[of], pairs.meters[of], pairs.source)
        return replace(whole, pairs=some)

    together = joined(survey(part(slice(None, cut))), survey(part(slice(cut, None))))
    assert columns_of(together) == columns_of(survey(whole))
