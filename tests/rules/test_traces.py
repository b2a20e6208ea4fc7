"""Every process knows the ids of a request's trace, and of what is told on its way."""

from contextlib import AbstractContextManager, nullcontext
from unittest.mock import Mock
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.rules.events import Event, EventType
from domain.rules.traces import Carried, carried, doing, first_span_of, requests_of, span_of, trace_of

SOMEBODY, REQUEST = UUID(int=1), UUID("01a218b9-09c3-7000-8000-087cdbdcf16e")


@given(st.uuids(version=4), st.integers(0, 1 << 40))
def test_a_span_has_an_id_that_fits_and_is_never_none(id_: UUID, seq: int) -> None:
    assert 0 < first_span_of(id_) < 1 << 64
    assert 0 < span_of(id_, seq) < 1 << 64
    assert trace_of(id_) == id_.int


def test_the_spans_of_two_events_differ() -> None:
    assert span_of(SOMEBODY, 1) == span_of(SOMEBODY, 1)
    assert len({span_of(SOMEBODY, 1), span_of(SOMEBODY, 2), span_of(REQUEST, 1)}) == 3


def test_an_event_is_carried_for_the_request_it_names() -> None:
    named = {"request_id": str(REQUEST)}
    assert carried(SOMEBODY, 1, "offer.created", named) == Carried(SOMEBODY, 1, "offer.created", REQUEST)
    assert carried(SOMEBODY, 2, "request.matched", {"id": str(REQUEST)}) is not None
    assert carried(SOMEBODY, 3, "duty.changed", {"on": True}) is None
    assert carried(SOMEBODY, 4, "offer.created", {"request_id": "not an id"}) is None
    assert carried(SOMEBODY, 5, "offer.of_a_newer_version", named) is None


def test_events_are_about_the_requests_they_name_each_once() -> None:
    named = {"request_id": str(REQUEST)}
    told = [
        Event(account_id=SOMEBODY, type=EventType.OFFER_CREATED, data=named),
        Event(account_id=REQUEST, type=EventType.REQUEST_MATCHED, data=named),
        Event(account_id=SOMEBODY, type=EventType.DUTY_CHANGED, data={"on": True}),
    ]
    assert requests_of(told) == {REQUEST}


def test_a_deed_is_recorded_where_anybody_records() -> None:
    span: AbstractContextManager[None] = nullcontext()
    traces = Mock(**{"deed.return_value": span})
    assert doing(traces, "round") is span
    traces.deed.assert_called_once_with("round")
    with doing(None, "round"):
        assert traces.deed.call_count == 1
