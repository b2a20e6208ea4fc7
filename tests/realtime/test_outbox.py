"""What waits for a slow reader: frames keep their order and their place, newest-only values give way."""

from hypothesis import given
from hypothesis import strategies as st

from realtime.outbox import Outbox


def test_frames_go_first_and_in_order_then_values():
    outbox = Outbox(100)
    outbox.put("track", b"here")
    outbox.push(b"one")
    outbox.push(b"two")
    assert [outbox.pop() for _ in range(4)] == [b"one", b"two", b"here", None]


def test_of_a_value_only_the_newest_is_kept():
    outbox = Outbox(100)
    for place in (b"1", b"2", b"3"):
        assert outbox.put("track", place)
    assert outbox.pop() == b"3"
    assert outbox.pop() is None
    assert outbox.waiting == 0


def test_values_give_way_to_frames_and_their_reader_can_be_told():
    outbox = Outbox(10)
    outbox.put("map", b"12345678")
    assert outbox.push(b"12345")
    assert not outbox.holds("map")
    assert outbox.forgotten("map")
    assert not outbox.forgotten("map")
    assert outbox.pop() == b"12345"


def test_a_frame_over_the_bound_is_refused_not_dropped_in_silence():
    outbox = Outbox(10)
    assert outbox.push(b"123456")
    assert not outbox.push(b"123456")
    assert outbox.pop() == b"123456"


def test_a_value_without_room_is_refused():
    outbox = Outbox(10)
    outbox.push(b"12345678")
    assert not outbox.put("map", b"123")
    assert outbox.forgotten("map")


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("push"), st.integers(0, 9)),
            st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 9)),
            st.tuples(st.sampled_from(["pop", "discard"]), st.just(0)),
        )
    )
)
def test_it_never_holds_more_than_its_bound_and_loses_no_frame_it_took(steps: list[tuple[str, int]]):
    outbox, taken, given_out = Outbox(20), [], []
    for number, (what, size) in enumerate(steps):
        payload = f"{number}:".encode() + b"x" * size
        if what == "push":
            if outbox.push(payload):
                taken.append(payload)
        elif what == "pop":
            if (popped := outbox.pop()) is not None:
                given_out.append(popped)
        elif what == "discard":
            outbox.discard("a")
        else:
            outbox.put(what, payload)
        assert 0 <= outbox.waiting <= 20
    while (popped := outbox.pop()) is not None:
        given_out.append(popped)
    assert [frame for frame in given_out if frame in taken] == taken
    assert outbox.waiting == 0
