"""What a socket that says rubbish gets: a close code that says whether to come back, and a reason."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from tests.stranger.acts import agreed_ride
from tests.stranger.client import Socket
from tests.stranger.conftest import People

UNKNOWN = "01890000-0000-7000-8000-000000000000"


async def stranger_socket(people: People) -> Socket:
    """A socket without a token, before its hello."""
    return await Socket.dial(people.url, (await people.passer_by()).address)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "x",
        "[]",
        "null",
        "7",
        '{"t": 5}',
        "{}",
        '{"t": "hello"',
        '{"t": "hello", "after": "x"}',
        b"\x00\x01\xff",
    ],
    ids=repr,
)
async def test_a_first_frame_that_is_none_stops_the_client(people: People, frame):
    socket = await stranger_socket(people)
    await socket.say(frame)
    assert await socket.close_code() == 4500
    assert socket.closed[1]
    await socket.close()


@pytest.mark.parametrize(
    "frame", ["x", "[]", '{"t": 5}', '{"t": "position", "lat": 95, "lon": 7, "at": "x"}']
)
async def test_rubbish_after_the_welcome_never_breaks_the_engine(people: People, frame: str):
    customer = await people.customer()
    socket = await customer.socket()
    await socket.say(frame)
    if '"position"' in frame:
        await socket.say({"t": "ping"})
        await socket.wait(lambda heard: heard["t"] != "welcome")
    else:
        assert await socket.close_code() == 4500
        assert socket.closed[1]
    (await customer.get("/v1/me")).must(200)


@pytest.mark.parametrize("hello", [{}, {"token": "x"}, {"ticket": "x"}, {"token": "x" * 4000}])
async def test_a_hello_without_a_good_token_is_4501(people: People, hello):
    socket = await stranger_socket(people)
    await socket.say({"t": "hello", **hello})
    assert await socket.close_code() == 4501
    await socket.close()


@pytest.mark.slow
async def test_a_socket_that_says_nothing_is_closed_within_five_seconds(people: People):
    socket = await stranger_socket(people)
    assert await socket.close_code(within=9) == 4501
    await socket.close()


async def test_a_ticket_opens_one_socket_once(people: People):
    customer, address = await people.customer(), (await people.passer_by()).address
    ticket = (await customer.post("/v1/ws/tickets")).must()["ticket"]
    first = await Socket.dial(people.url, address)
    await first.say({"t": "hello", "ticket": ticket})
    await first.wait(lambda frame: frame["t"] == "welcome")
    second = await Socket.dial(people.url, address)
    await second.say({"t": "hello", "ticket": ticket})
    assert await second.close_code() == 4501
    await first.close()
    await second.close()


async def test_a_token_in_the_url_opens_nothing(people: People):
    customer = await people.customer()
    socket = await Socket.dial(people.url, customer.address)
    await socket.close()
    target = people.url.replace("http", "ws", 1) + f"/v1/ws?token={customer.token}"
    async with connect(target, subprotocols=["coudmain.v1"], proxy=None) as connection:  # type: ignore[list-item]
        await connection.send(json.dumps({"t": "hello"}))
        await connection.wait_closed()
    assert connection.close_code == 4501


async def test_a_frame_over_16_kib_is_1009(people: People):
    socket = await (await people.customer()).socket()
    await socket.say({"t": "ping", "x": "x" * 20_000})
    assert await socket.close_code() == 1009


async def test_unknown_frames_and_fields_are_ignored(people: People):
    customer = await people.customer()
    socket = await customer.socket(surprise={"x": 1})
    await socket.say(json.dumps({"t": "from-the-future", "x": [1, 2, 3]}))
    await socket.say({"t": "ack", "seq": 0, "x": 1})
    failed = await socket.do("from.the.future", {})
    assert failed["t"] == "failed"
    assert failed["problem"]["code"]
    assert not socket.ended.is_set()


async def test_a_version_the_engine_does_not_speak_is_told_so(people: People):
    target = people.url.replace("http", "ws", 1) + "/v1/ws"
    async with connect(target, subprotocols=["coudmain.v9"], proxy=None) as connection:  # type: ignore[list-item]
        await connection.wait_closed()
    assert connection.close_code == 4504


async def test_channels_of_others_are_not_there(people: People):
    customer = await people.customer()
    socket = await customer.socket()
    for channel, code in (
        (f"engagement:{UNKNOWN}", "not_found"),
        ("engagement:x", "not_found"),
        ("map:monaco", "forbidden"),
        ("x", "invalid"),
    ):
        await socket.say({"t": "subscribe", "channel": channel, "bbox": [7.3, 43.7, 7.5, 43.8], "zoom": 12})
        told = await socket.told_of(channel)
        assert (told["t"], told["problem"]["code"]) == ("error", code)
    await socket.say(json.dumps({"t": "subscribe", "channel": "x:" * 500}))
    told = await socket.wait(lambda frame: frame["t"] == "error" and frame.get("channel") is None)
    assert told["problem"]["code"] == "invalid"
    done = await socket.do("offer.accept", {"id": UNKNOWN})
    assert done["problem"]["code"] == "not_found"
    assert not [frame for frame in socket.frames if frame["t"] in {"map", "track", "subscribed"}]


async def test_a_flood_of_frames_is_4008_and_harms_nobody(people: People):
    customer, other = await people.customer(), await people.customer()
    socket, others = await customer.socket(), await other.socket()
    flood = [socket.say({"t": "ping", "n": number}) for number in range(3000)]
    await asyncio.gather(*flood, return_exceptions=True)
    assert await socket.close_code() == 4008
    await others.say({"t": "ping"})
    await others.wait(lambda frame: frame["t"] == "pong")


async def test_a_command_over_the_socket_is_done_once(people: People):
    trip = await agreed_ride(people)
    socket = trip.customer_socket
    said = {"id": trip.engagement_id, "text": "At the door"}
    first = await socket.do("message.send", said, "mine-1")
    again = await socket.do("message.send", said, "mine-1")
    assert (first["t"], first["result"]) == (again["t"], again["result"])
    other = await socket.do("message.send", {**said, "text": "At the gate"}, "mine-1")
    assert other["problem"]["code"] == "idempotency_mismatch"
    kept = (await trip.driver.get(f"/v1/engagements/{trip.engagement_id}/messages")).must(200)["items"]
    assert [message["text"] for message in kept] == ["At the door"]


@pytest.mark.parametrize(
    ("op", "args"),
    [
        ("offer.accept", {}),
        ("offer.accept", {"id": "x"}),
        ("offer.accept", {"id": 7}),
        ("message.send", {"id": UNKNOWN, "text": "x" * 10_000}),
        ("message.send", {"id": UNKNOWN, "text": "\u0000"}),
        ("engagement.action", {"id": UNKNOWN, "verb": "fly"}),
        ("duty.set", {"on": "yes"}),
        ("request.create", {"service": "odd-job"}),
    ],
    ids=str,
)
async def test_a_command_with_something_wrong_is_refused_and_does_nothing(people: People, op: str, args):
    customer = await people.customer()
    socket = await customer.socket()
    failed = await socket.do(op, args)
    assert (failed["t"], failed["problem"]["code"]) == ("failed", "invalid")
    assert (await customer.get("/v1/me/events?after=0")).must(200)["items"] == []
