"""The three clocks, and what agreed work takes of an agenda."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.rules.clocks import (
    AFTERWARDS,
    Spell,
    activity_s,
    agenda,
    binds_now,
    bound_at,
    connected_s,
    seconds,
    service_s,
)

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
moments = st.integers(min_value=0, max_value=100_000).map(lambda s: NOON + timedelta(seconds=s))


def after(s: float) -> datetime:
    return NOON + timedelta(seconds=s)


def test_a_spell_runs_until_its_end_or_now() -> None:
    assert seconds(Spell(NOON), after(90)) == 90
    assert seconds(Spell(NOON, after(30)), after(90)) == 30
    assert seconds(Spell(after(60)), NOON) == 0


def test_service_time_begins_with_the_start() -> None:
    assert service_s(None, None, NOON) == 0
    assert service_s(NOON, after(600), after(9_999)) == 600


def test_activity_time_begins_when_one_is_bound() -> None:
    assert bound_at(NOON, after(60), None) == NOON, "work for now binds from the acceptance"
    assert bound_at(NOON, after(60), after(3_600)) == after(60), "agreed hours from setting off"
    assert activity_s(None, None, NOON) == 0
    assert activity_s(NOON, None, after(42)) == 42


def test_work_that_waits_for_other_work_binds_from_its_promotion() -> None:
    assert bound_at(NOON, None, None, waits=True) is None
    assert bound_at(NOON, after(300), None, promoted_at=after(240)) == after(240)
    assert bound_at(NOON, after(300), after(3_600), promoted_at=after(240)) == after(300)


@given(cuts=st.lists(moments, min_size=2, max_size=12, unique=True), since=moments, until=moments)
def test_connected_time_is_what_the_sessions_share_with_the_span(
    cuts: list[datetime], since: datetime, until: datetime
) -> None:
    ordered = sorted(cuts)
    sessions = [Spell(on, off) for on, off in zip(ordered[::2], ordered[1::2], strict=False)]
    total = connected_s(sessions, since, until)
    assert 0 <= total <= max(0, (until - since).total_seconds())
    assert total <= sum(seconds(session, until) for session in sessions)


def test_an_open_session_counts_until_the_end_of_the_span() -> None:
    assert connected_s([Spell(NOON)], after(-60), after(60)) == 60


def test_work_for_now_takes_the_way_the_work_and_five_minutes() -> None:
    assert agenda(None, NOON, approach_s=300, duration_s=600) == (NOON, after(900) + AFTERWARDS)


def test_work_at_an_hour_begins_with_the_way_there() -> None:
    span = agenda(after(7_200), NOON, approach_s=300, duration_s=600)
    assert span == (after(6_900), after(7_800) + AFTERWARDS)


def test_work_agreed_too_near_its_hour_is_late_and_never_in_the_past() -> None:
    span = agenda(after(60), NOON, approach_s=300, duration_s=600)
    assert span == (NOON, after(900) + AFTERWARDS)


@given(start=st.none() | moments, approach=st.integers(0, 9_999), duration=st.integers(0, 99_999))
def test_an_agenda_leaves_room_for_the_way_and_the_work(
    start: datetime | None, approach: int, duration: int
) -> None:
    begin, end = agenda(start, NOON, approach_s=approach, duration_s=duration)
    assert begin >= NOON
    assert end - begin == timedelta(seconds=approach + duration) + AFTERWARDS
    assert start is None or begin + timedelta(seconds=approach) >= start


@given(start=st.none() | moments, approach=st.integers(0, 9_999), duration=st.integers(0, 99_999))
def test_an_agenda_is_never_empty(start: datetime | None, approach: int, duration: int) -> None:
    begin, end = agenda(start, after(50_000), approach_s=approach, duration_s=duration)
    assert begin < end


def test_work_within_the_lead_binds_at_once() -> None:
    assert binds_now(None, NOON, 1_200)
    assert binds_now(after(1_200), NOON, 1_200)
    assert not binds_now(after(1_201), NOON, 1_200)
