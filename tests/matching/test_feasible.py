from math import inf
from typing import Any

import pytest
from hypothesis import given

from matching.feasible import DISPATCH_CHECKS, STATE, Case, broken, could_come, feasible
from matching.policy import PRIORS
from matching.problem import Problem, Supply
from matching.rank import eligible_for_call
from matching.reasons import BARRING, Reason
from tests.matching.factories import ask, provider
from tests.matching.strategies import problems, providers

NEEDS_A_VAN: dict[str, Any] = {"needs": frozenset({"van"})}

IMPEDIMENTS: list[tuple[Reason, dict[str, Any], dict[str, Any], float]] = [
    (Reason.WRONG_SERVICE, {"service": "parcel"}, {}, 60.0),
    (Reason.SUSPENDED, {}, {"suspended": True}, 60.0),
    (Reason.OFF_DUTY, {}, {"on_duty": False}, 60.0),
    (Reason.STALE_POSITION, {}, {"stale": True}, 60.0),
    (Reason.BUSY, {}, {"busy": True}, 60.0),
    (Reason.HAS_OFFER, {}, {"pending_offer": True}, 60.0),
    (Reason.MISSING_TAG, NEEDS_A_VAN, {"tags": frozenset({"child-seat"})}, 60.0),
    (Reason.BLOCKED, {}, {"blocked_customers": frozenset({"customer-1"})}, 60.0),
    (Reason.ALREADY_ASKED, {"already_asked": frozenset({"ann"})}, {}, 60.0),
    *((reason, {"barred": (("ann", reason),)}, {}, 60.0) for reason in sorted(BARRING)),
    (Reason.UNREACHABLE, {}, {}, inf),
    (Reason.BEYOND_OWN_LIMIT, {}, {"max_travel_s": 300.0}, 300.001),
    (Reason.TOO_FAR, {}, {}, 600.001),
    (Reason.AGENDA_CONFLICT, {}, {"free_until_s": 1_559.999}, 60.0),
]


@pytest.mark.parametrize(
    ("reason", "asked", "offered", "eta_s"), IMPEDIMENTS, ids=[row[0] for row in IMPEDIMENTS]
)
def test_each_impediment_is_named(
    reason: Reason, asked: dict[str, Any], offered: dict[str, Any], eta_s: float
) -> None:
    assert feasible(ask(**asked), provider(**offered), eta_s, PRIORS) is reason


def test_every_check_of_the_table_has_an_impediment_here_in_the_same_order() -> None:
    assert [reason for reason, _ in DISPATCH_CHECKS] == [row[0] for row in IMPEDIMENTS]


def test_the_limits_themselves_are_allowed() -> None:
    fits = provider(max_travel_s=600.0, free_until_s=2_100.0)  # 600 there, 900 of service, 600 kept free
    assert feasible(ask(), fits, 600.0, PRIORS) is None


def test_a_scheduled_request_is_held_against_the_agenda_at_its_own_time() -> None:
    later = ask(starts_in_s=3_600.0)
    assert feasible(later, provider(free_until_s=5_100.0), 60.0, PRIORS) is None
    assert feasible(later, provider(free_until_s=5_099.0), 60.0, PRIORS) is Reason.AGENDA_CONFLICT


def test_with_the_way_onward_known_the_next_job_is_reached_in_time_or_not_offered() -> None:
    """60 there, 900 of service; the next job begins at 3,000, and its agenda's claim at 2,700."""
    booked = provider(free_until_s=2_700.0, next_start_s=3_000.0)
    assert feasible(ask(onward_s=(("ann", 2_040.0),)), booked, 60.0, PRIORS) is None
    assert feasible(ask(onward_s=(("ann", 2_040.1),)), booked, 60.0, PRIORS) is Reason.AGENDA_CONFLICT


def test_a_short_way_onward_frees_more_time_than_the_constant() -> None:
    """Ten minutes kept free would forbid it; the job is round the corner."""
    booked = provider(free_until_s=1_300.0, next_start_s=1_350.0)
    assert feasible(ask(), booked, 60.0, PRIORS) is Reason.AGENDA_CONFLICT
    assert feasible(ask(onward_s=(("ann", 90.0),)), booked, 60.0, PRIORS) is None
    assert feasible(ask(onward_s=(("bob", 90.0),)), booked, 60.0, PRIORS) is Reason.AGENDA_CONFLICT


def test_leave_is_taken_before_the_agenda_claims_the_time() -> None:
    booked = provider(free_until_s=1_259.9, next_start_s=9_000.0)
    assert feasible(ask(onward_s=(("ann", 0.0),)), booked, 60.0, PRIORS) is Reason.AGENDA_CONFLICT


def test_being_barred_from_one_request_bars_from_no_other_and_nobody_else() -> None:
    barred = ask(barred=(("ann", Reason.NOT_HOMEWARD),))
    assert feasible(barred, provider(), None, PRIORS) is Reason.NOT_HOMEWARD
    assert feasible(barred, provider("bob"), 60.0, PRIORS) is None


def test_a_provider_who_has_more_than_is_needed_may_be_asked() -> None:
    assert feasible(ask(**NEEDS_A_VAN), provider(tags=frozenset({"van", "child-seat"})), 60.0, PRIORS) is None


def test_without_a_travel_time_the_way_is_not_judged() -> None:
    assert feasible(ask(), provider(max_travel_s=0.0, free_until_s=0.0), None, PRIORS) is None
    assert feasible(ask(), provider(busy=True), None, PRIORS) is Reason.BUSY


def test_all_that_stands_against_an_offer_is_told() -> None:
    assert broken(ask(), provider(busy=True, stale=True), 700.0, PRIORS) == (
        Reason.STALE_POSITION,
        Reason.BUSY,
        Reason.TOO_FAR,
    )


@given(providers("ann"))
def test_an_available_provider_is_one_whose_state_forbids_nothing(one: Supply) -> None:
    assert one.available == (not any(check(Case.of(ask(), one, 0.0, PRIORS)).item() for _, check in STATE))


@pytest.mark.parametrize(
    ("reason", "asked", "offered", "eta_s"), IMPEDIMENTS, ids=[row[0] for row in IMPEDIMENTS]
)
def test_a_posted_job_asks_who_one_is_and_not_what_one_is_doing(
    reason: Reason, asked: dict[str, Any], offered: dict[str, Any], eta_s: float
) -> None:
    of_the_moment = {
        Reason.OFF_DUTY,
        Reason.STALE_POSITION,
        Reason.BUSY,
        Reason.HAS_OFFER,
        Reason.AGENDA_CONFLICT,
        Reason.TOO_FAR,  # the waves are dispatch's: a posted job reaches to its own limit at once
    }
    expected = None if reason in of_the_moment else reason
    assert eligible_for_call(ask(**asked), provider(**offered), eta_s) is expected


def test_a_posted_job_reaches_to_its_own_limit() -> None:
    assert eligible_for_call(ask(max_approach_s=1_200.0), provider(), 1_200.0) is None
    assert eligible_for_call(ask(max_approach_s=1_200.0), provider(), 1_200.1) is Reason.TOO_FAR


@given(problems())
def test_a_market_is_looked_through_at_once_and_says_what_it_would_one_by_one(question: Problem) -> None:
    one_by_one = [
        [j for j, other in enumerate(question.supply) if feasible(one, other, None, question.policy) is None]
        for one in question.asks
    ]
    at_once = could_come(question.asks, question.supply, question.policy)
    assert [rows.tolist() for rows in at_once] == one_by_one
