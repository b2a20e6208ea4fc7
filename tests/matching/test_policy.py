from dataclasses import replace
from math import inf

import pytest

from matching.policy import PRIORS


def reach(wave: int, age_s: float, limit_s: float = 3_600.0) -> float:
    return PRIORS.reach_s(wave=wave, age_s=age_s, limit_s=limit_s)


def test_each_wave_looks_further_and_the_last_as_far_as_the_request_allows() -> None:
    assert [reach(wave, 0.0) for wave in range(4)] == [600.0, 1_200.0, 3_600.0, 3_600.0]


def test_a_request_that_waited_looks_further_without_any_offer() -> None:
    assert [reach(0, age) for age in (0.0, 19.9, 20.0, 40.0)] == [600.0, 600.0, 1_200.0, 3_600.0]


def test_no_wave_looks_past_the_request_s_own_limit() -> None:
    assert reach(0, 0.0, limit_s=300.0) == 300.0


def test_an_older_request_costs_more_to_leave_alone_and_a_patient_one_is_worth_its_patience() -> None:
    def price(age_s: float, limit_s: float) -> float:
        return PRIORS.nobody_price_s(age_s=age_s, limit_s=limit_s)

    assert price(0.0, 600.0) == 1_500.0
    assert price(30.0, 600.0) == 1_530.0
    assert price(30.0, 2_400.0) == 2_430.0


@pytest.mark.parametrize("said", [{"nobody_s": -1.0}, {"age_weight": inf}, {"fairness_cap": -2.0}])
def test_a_number_that_makes_no_sense_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        replace(PRIORS, **said)  # type: ignore[arg-type]


def test_waves_that_shrink_or_never_end_are_refused() -> None:
    with pytest.raises(ValueError, match="shrink"):
        replace(PRIORS, wave_reach_s=(600.0, 300.0))
    with pytest.raises(ValueError, match="last"):
        replace(PRIORS, wave_every_s=0.0)
