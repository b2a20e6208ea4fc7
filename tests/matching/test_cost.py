from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.cost import IncomeLevel, income_level, nobody_price, terms, total
from matching.policy import COST_TERMS, PRIORS
from tests.matching.factories import ask, provider

FAIR = replace(PRIORS, fairness_s=60.0)
EVERYTHING = replace(FAIR, anticipation=0.25)
incomes = st.one_of(st.none(), st.floats(0, 1e6, allow_nan=False))


def test_by_default_a_cost_is_the_approach_and_nothing_else() -> None:
    assert terms(ask(), provider(income_per_hour=9_999.0), 240.0, PRIORS) == {
        "approach": 240.0,
        "fairness": 0.0,
    }


def test_those_who_earned_less_cost_less_and_those_who_earned_more_cost_more() -> None:
    level = income_level([provider(income_per_hour=1_000.0), provider(income_per_hour=3_000.0)])
    assert level == IncomeLevel(2_000.0, 1_000.0)
    fairness = [
        terms(ask(), provider(income_per_hour=income), 240.0, FAIR, level=level)["fairness"]
        for income in (0.0, 1_000.0, 2_000.0, 2_500.0, None)
    ]
    assert fairness == [-120.0, -60.0, 0.0, 30.0, 0.0]


def test_fairness_is_clipped_on_either_side() -> None:
    level = IncomeLevel(2_000.0, 100.0)
    clipped = [
        terms(ask(), provider(income_per_hour=income), 240.0, FAIR, level=level)["fairness"]
        for income in (0.0, 4_000.0)
    ]
    assert clipped == [-120.0, 120.0]


def test_one_known_income_is_no_level() -> None:
    level = income_level([provider(income_per_hour=1_000.0), provider()])
    assert terms(ask(), provider(income_per_hour=1.0), 240.0, FAIR, level=level)["fairness"] == 0.0


@given(st.lists(incomes, max_size=6), st.floats(0, 5_000, allow_nan=False))
def test_fairness_never_weighs_more_than_its_cap(known: list[float | None], eta_s: float) -> None:
    supply = [provider(f"p{k}", income_per_hour=income) for k, income in enumerate(known)]
    level = income_level(supply)
    for one in supply:
        parts = terms(ask(), one, eta_s, EVERYTHING, level=level)
        assert tuple(parts) == COST_TERMS
        assert abs(parts["fairness"]) <= FAIR.fairness_cap * FAIR.fairness_s
        assert total(parts) == pytest.approx(sum(parts.values()), abs=0.001)


def test_the_price_of_nobody_grows_with_age() -> None:
    assert nobody_price(ask(age_s=12.5), PRIORS) == 1_512.5
