"""The numbered stream: what was missed comes again, in order, without a gap; what is too old is reset."""

from tests.stranger.acts import agreed_ride, heard, started, stream
from tests.stranger.conftest import People


async def test_a_dropped_socket_comes_back_with_exactly_what_it_missed(people: People):
    trip = await agreed_ride(people)
    first = trip.customer_socket
    confirmed = await heard(first, "confirmed", trip.engagement_id)
    await first.drop()
    await started(trip)
    second = await trip.customer.socket(after=confirmed["seq"], epoch=first.epoch)
    await heard(second, "started", trip.engagement_id)
    kinds = [frame["type"] for frame in second.events if frame["type"].startswith("engagement.")]
    assert kinds == ["engagement.en_route", "engagement.arrived", "engagement.started"]
    told = [frame["seq"] for frame in second.events]
    assert told == list(range(confirmed["seq"] + 1, told[-1] + 1))
    stored = await stream(trip.customer, confirmed["seq"], page=3)
    assert [(event["seq"], event["type"]) for event in stored][: len(told)] == [
        (frame["seq"], frame["type"]) for frame in second.events
    ]


async def test_the_stream_over_http_is_the_stream_of_the_socket(people: People):
    trip = await started(await agreed_ride(people))
    await heard(trip.driver_socket, "started", trip.engagement_id)
    stored = await stream(trip.driver, page=3)
    assert [event["seq"] for event in stored] == list(range(1, len(stored) + 1))
    by_seq = {event["seq"]: event for event in stored}
    for frame in trip.driver_socket.events:
        assert {name: frame[name] for name in ("seq", "type", "at", "data")} == by_seq[frame["seq"]]


async def test_another_epoch_is_reset_with_a_snapshot(people: People):
    trip = await agreed_ride(people)
    again = await trip.customer.socket(after=1, epoch="another")
    reset = await again.wait(lambda frame: frame["t"] == "reset")
    assert reset["epoch"] == trip.customer_socket.epoch
    assert reset["seq"] >= 2
    assert trip.engagement_id in str(reset["snapshot"])
    assert not [frame for frame in again.events if frame["seq"] <= reset["seq"]]
    await started(trip)
    await heard(again, "started", trip.engagement_id)
    told = [frame["seq"] for frame in again.events]
    assert told == list(range(reset["seq"] + 1, told[-1] + 1))


async def test_a_number_from_the_future_is_reset_too(people: People):
    trip = await agreed_ride(people)
    again = await trip.customer.socket(after=10**9, epoch=trip.customer_socket.epoch)
    reset = await again.wait(lambda frame: frame["t"] == "reset")
    assert reset["seq"] < 10**9


async def test_two_sockets_of_one_account_hear_the_same(people: People):
    trip = await agreed_ride(people)
    second = await trip.customer.socket(after=0, epoch=trip.customer_socket.epoch)
    await started(trip)
    for socket in (trip.customer_socket, second):
        if not socket.ended.is_set():
            await heard(socket, "started", trip.engagement_id)
    if trip.customer_socket.ended.is_set():
        assert trip.customer_socket.closed[0] == 4503
    assert [frame["seq"] for frame in second.events] == list(range(1, len(second.events) + 1))
