"""What is left of an event when the work is over."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.rules.fading import faded, places_in

STOP = {
    "seq": 0,
    "kind": "pickup",
    "cell": "8839633a2dfffff",
    "label": "La Condamine",
    "lat": 43.7348,
    "lon": 7.4206,
    "address": "1 rue Grimaldi",
    "note": "blue door",
}
LEFT = {"seq": 0, "kind": "pickup", "cell": "8839633a2dfffff", "label": "La Condamine"}

scalars = st.sampled_from([None, True, 7, "words", "1234"])
things = st.dictionaries(
    st.sampled_from(["id", "pin", "plate", "lat", "note", "vehicle"]), scalars | st.just(STOP), max_size=3
)
events = st.dictionaries(
    st.sampled_from(["id", "stops", "terms", "pin", "provider"]),
    scalars | things | st.lists(things | st.just(STOP), max_size=3),
    max_size=4,
)


def test_a_stop_keeps_its_cell_and_its_quarter() -> None:
    event: dict[str, Any] = {"stops": [STOP], "terms": {"pickup": STOP, "drop": None, "price": 1250}}
    assert faded(event) == {"stops": [LEFT], "terms": {"pickup": LEFT, "drop": None, "price": 1250}}
    assert list(places_in(event)) == [(43.7348, 7.4206)] * 2
    assert list(places_in({"stops": [LEFT]})) == []


def test_the_plate_and_a_pin_that_opens_nothing_go_with_the_places() -> None:
    event = {"pin": "1234", "completion": {"pin": True}, "provider": {"vehicle": {"plate": "A", "make": "B"}}}
    assert faded(event) == {
        "pin": None,
        "completion": {"pin": True},
        "provider": {"vehicle": {"make": "B"}},
    }


def test_what_is_no_stop_keeps_its_words() -> None:
    assert faded({"note": "a refund", "lat": 1}) == {"note": "a refund", "lat": 1}


@given(event=events)
def test_fading_leaves_no_place_and_twice_is_once(event: dict[str, Any]) -> None:
    once = faded(event)
    assert list(places_in(once)) == []
    assert faded(once) == once
    assert "rue Grimaldi" not in str(once)


@given(event=events)
def test_fading_changes_nothing_it_was_given(event: dict[str, Any]) -> None:
    before = repr(event)
    faded(event)
    assert repr(event) == before
