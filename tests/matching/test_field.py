"""Columns say what the records said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.cost import TERMS, IncomeLevel, Weighing, terms, weigh
from matching.feasible import CALL_CHECKS, DISPATCH_CHECKS, FREE, Case, feasible, first_broken
from matching.field import Field, PairSet, columns, field_of, lacking
from matching.policy import ALLOWED_FEATURES, COST_TERMS, PRIORS
from matching.problem import Pairs, Problem
from matching.rank import eligible_for_call
from matching.reasons import CODES, REASONS, Reason
from tests.matching.factories import arrivals_of, ask, provider
from tests.matching.strategies import problems


@given(problems())
def test_many_pairs_are_judged_as_each_would_be_alone(of: Problem) -> None:
    field = field_of(of)
    case = Case.of_pairs(field)
    pairs = arrivals_of(of)

    def told(codes: list[int]) -> list[Reason | None]:
        return [None if code == FREE else REASONS[code] for code in codes]

    assert told(first_broken(case, DISPATCH_CHECKS).tolist()) == [
        feasible(of.asks[i], of.supply[j], eta_s, of.policy) for i, j, eta_s in pairs
    ]
    assert told(first_broken(case, CALL_CHECKS).tolist()) == [
        eligible_for_call(of.asks[i], of.supply[j], eta_s) for i, j, eta_s in pairs
    ]
    level = IncomeLevel(2_000.0, 1_000.0)
    weighed = weigh(field.asks, field.supply, case.i, case.j, Weighing(case.eta_s, of.policy, level))
    for column, (i, j, eta_s) in enumerate(pairs):
        alone = terms(of.asks[i], of.supply[j], eta_s, of.policy, level=level)
        assert {
            name: value
            for name, value in zip(COST_TERMS, weighed[:, column].tolist(), strict=True)
            if name != "anticipation" or of.policy.anticipation
        } == alone
    assert field.supply.available.tolist() == [one.available for one in of.supply]


def test_the_terms_are_those_of_the_policy_and_read_what_it_allows() -> None:
    assert tuple(term.name for term in TERMS) == COST_TERMS
    assert {name for term in TERMS for name in term.reads} == ALLOWED_FEATURES


def test_every_reason_has_a_code_that_fits_its_column() -> None:
    assert [REASONS[CODES[reason]] for reason in Reason] == list(Reason)
    assert len(REASONS) <= np.iinfo(np.int8).max


def test_more_than_a_word_of_tags_are_told_apart() -> None:
    names = [f"tag-{number}" for number in range(130)]
    asks = [ask(f"a{number:03}", needs=frozenset({name})) for number, name in enumerate(names)]
    all_but_one = provider("ann", tags=frozenset(names) - {"tag-129"})
    asked, supply = columns(asks, [all_but_one])
    assert asked.needs.shape == (130, 3)
    assert np.flatnonzero(lacking(asked.needs, supply.tags)).tolist() == [129]


@given(
    st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))), st.tuples(st.integers(0, 5), st.integers(0, 5))
)
def test_a_relation_holds_its_pairs_and_no_others(pairs: set[tuple[int, int]], one: tuple[int, int]) -> None:
    held = PairSet.of(pairs, 6)
    assert held.holds(np.array([one[0]]), np.array([one[1]])).tolist() == [one in pairs]


def test_a_field_with_a_pair_given_twice_is_refused() -> None:
    asked, supply = columns([ask()], [provider()])
    twice = Pairs.of([(0, 0, 1.0, 1.0), (0, 0, 2.0, 1.0)], "streets")
    with pytest.raises(ValueError, match="paired twice"):
        Field(asked, supply, twice, PRIORS, 1)
