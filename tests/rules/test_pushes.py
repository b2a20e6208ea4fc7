"""Which events are worth a push, to whom, and until when."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.events import EventType
from domain.rules.pushes import (
    PUSH_RULES,
    RETRY_MOST,
    ids_of,
    is_night,
    is_quiet,
    next_attempt,
    own_doing,
    rule_for,
    waits,
    worth_until,
)

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def test_nobody_is_woken_for_what_the_app_in_hand_shows() -> None:
    for type_ in (
        EventType.ENGAGEMENT_EN_ROUTE,
        EventType.ENGAGEMENT_STARTED,
        EventType.DUTY_CHANGED,
        EventType.PAYMENT_CAPTURED,
    ):
        assert rule_for(type_, {}) is None


def test_an_agreed_hour_that_is_near_rings_and_is_noise_once_it_has_come() -> None:
    """It is for whoever does not look: nobody has the app in hand an hour before a lesson."""
    rule = rule_for(EventType.ENGAGEMENT_REMINDER, {})
    assert rule is not None
    assert not waits(rule), "quiet hours do not make anybody late"
    assert worth_until(rule, NOON, NOON + timedelta(minutes=40)) == NOON + timedelta(minutes=40)


def test_only_the_customer_is_told_that_the_provider_is_there() -> None:
    assert rule_for(EventType.ENGAGEMENT_ARRIVED, {"role": "customer"}) is not None
    assert rule_for(EventType.ENGAGEMENT_ARRIVED, {"role": "provider"}) is None


def test_only_the_customer_is_told_that_nobody_came() -> None:
    assert rule_for(EventType.REQUEST_EXPIRED, {"role": "customer"}) is not None
    assert rule_for(EventType.REQUEST_EXPIRED, {"role": "provider"}) is None


@pytest.mark.parametrize("type_", [EventType.ENGAGEMENT_CANCELLED, EventType.ENGAGEMENT_NO_SHOW])
def test_who_ended_it_is_not_told(type_: EventType) -> None:
    assert rule_for(type_, {"role": "provider", "ended_by": "provider"}) is None
    assert rule_for(type_, {"role": "customer", "ended_by": "provider"}) is not None
    assert rule_for(type_, {"role": "customer", "ended_by": "engine"}) is not None


def test_a_promotion_wakes_the_customer_and_the_provider_unless_it_is_of_his_own_making() -> None:
    promoted = EventType.ENGAGEMENT_PROMOTED
    told = rule_for(promoted, {"role": "customer"})
    assert told is not None
    assert told.urgent, "somebody stands in the street"
    assert rule_for(promoted, {"role": "provider", "promoted_by": "provider"}) is None
    assert rule_for(promoted, {"role": "provider", "promoted_by": "customer"}) is not None


def test_the_engine_s_offers_are_urgent_and_proposals_may_sleep() -> None:
    offer = rule_for(EventType.OFFER_CREATED, {"origin": "dispatch"})
    proposal = rule_for(EventType.OFFER_CREATED, {"origin": "proposal"})
    assert offer is not None
    assert proposal is not None
    assert (offer.urgent, offer.sleeps) == (True, False)
    assert (proposal.urgent, proposal.sleeps) == (False, True)
    assert rule_for(EventType.OFFER_WITHDRAWN, {"origin": "proposal"}) is None


def test_nothing_urgent_sleeps() -> None:
    assert not any(rule.urgent and rule.sleeps for rule in PUSH_RULES.values())


def test_one_s_own_words_are_not_pushed_back() -> None:
    me, other = UUID(int=1), UUID(int=2)
    assert own_doing(me, {"sender_id": str(me)})
    assert own_doing(me, {"author_id": str(me)})
    assert not own_doing(me, {"sender_id": str(other)})
    assert not own_doing(me, {})


def test_ids_are_taken_and_nothing_else() -> None:
    data = {
        "id": "m",
        "engagement_id": "e",
        "sender_id": "s",
        "text": "12 rue Grimaldi",
        "price": {"amount": 1},
        "payment_id": None,
    }
    assert ids_of(EventType.MESSAGE_CREATED, data) == {"message_id": "m", "engagement_id": "e"}
    assert ids_of(EventType.DUTY_CHANGED, {"id": "d"}) == {}


def test_a_push_dies_with_its_event_or_by_rule_whichever_is_first() -> None:
    rule = PUSH_RULES[EventType.ENGAGEMENT_ARRIVED]
    assert worth_until(rule, NOON, None) == NOON + timedelta(seconds=300)
    assert worth_until(rule, NOON, NOON + timedelta(seconds=9)) == NOON + timedelta(seconds=9)
    assert worth_until(rule, NOON, NOON + timedelta(days=1)) == NOON + timedelta(seconds=300)


@pytest.mark.parametrize(
    ("hour", "night"), [(21.9, False), (22.0, True), (3.5, True), (6.9, True), (7.0, False), (12.0, False)]
)
def test_the_night_lasts_from_ten_to_seven(hour: float, night: bool) -> None:
    assert is_night(hour) is night


@pytest.mark.parametrize(
    ("minute", "since", "until", "quiet"),
    [
        (779, 780, 840, False),
        (780, 780, 840, True),
        (839, 780, 840, True),
        (840, 780, 840, False),
        (1_320, 1_320, 420, True),  # over midnight
        (0, 1_320, 420, True),
        (419, 1_320, 420, True),
        (420, 1_320, 420, False),
        (600, 600, 600, False),  # from ten to ten is never
    ],
)
def test_somebody_s_quiet_hours_may_go_over_midnight(
    minute: int, since: int, until: int, quiet: bool
) -> None:
    assert is_quiet(minute, since, until) is quiet


def test_quiet_hours_hold_back_what_may_wait_and_makes_a_sound() -> None:
    assert waits(PUSH_RULES[EventType.MESSAGE_CREATED])
    assert not waits(PUSH_RULES[EventType.OFFER_CREATED]), "urgent"
    assert not waits(PUSH_RULES[EventType.OFFER_WITHDRAWN]), "it only clears a screen"


@given(
    attempts=st.integers(0, 10_000),
    retry_after_s=st.none() | st.floats(-5, 1e6),
    lives_s=st.floats(0, 1e5),
)
def test_no_attempt_is_planned_after_its_time(
    attempts: int, retry_after_s: float | None, lives_s: float
) -> None:
    not_after = NOON + timedelta(seconds=lives_s)
    again = next_attempt(NOON, attempts, retry_after_s, not_after)
    assert again is None or NOON <= again < not_after


def test_waits_double_up_to_a_minute() -> None:
    waits = []
    for attempts in (1, 2, 3, 4, 5, 6, 7, 8, 50):
        again = next_attempt(NOON, attempts, None, NOON + timedelta(days=1))
        assert again is not None
        waits.append((again - NOON).total_seconds())
    assert waits == [1, 2, 4, 8, 16, 32, 60, RETRY_MOST, RETRY_MOST]
