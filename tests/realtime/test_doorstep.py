"""Sockets of which nobody knows whose they are: so many of one network address, and no more."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from realtime.doorstep import network_of
from realtime.session import HELLO_WITHIN
from tests.realtime.house import House, Phone, until

HERE, THERE = "203.0.113.7", "203.0.113.8"


async def comes(house: House, address: str = HERE) -> Phone:
    return await house.connect(additional_headers={"X-Forwarded-For": address})


async def is_turned_away(house: House, address: str = HERE) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as refused:
        await comes(house, address)
    return refused.value


@pytest.fixture
def full_house(house: House) -> House:
    """Two of an address may wait here."""
    house.gateway.doorstep.most = 2
    return house


async def test_one_more_silent_socket_of_an_address_is_answered_429_and_another_address_is_let_in(
    full_house: House,
):
    for _ in range(2):
        await comes(full_house)
    answer = (await is_turned_away(full_house)).response
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = json.loads(answer.body or b"")
    assert (problem["code"], problem["limit"]) == ("too_many_requests", 2)
    assert full_house.gateway.doorstep.refused == {"crowd": 1}
    assert full_house.gateway.connections == 2
    await comes(full_house, THERE)


async def test_who_is_welcomed_makes_room(full_house: House):
    token = await full_house.token(full_house.town.customer)
    for _ in range(4):
        await (await comes(full_house)).hello(token=token)
    assert len(full_house.gateway.doorstep) == 0
    assert full_house.gateway.connections == 4


async def test_who_leaves_makes_room_and_so_does_who_is_sent_off(full_house: House):
    first, second = await comes(full_house), await comes(full_house)
    await first.socket.close()
    await until(lambda: len(full_house.gateway.doorstep) == 1)
    third = await comes(full_house)
    await is_turned_away(full_house)
    await third.send("hello", token="nonsense")
    assert (await third.closed())[0] == 4501
    await full_house.passes(HELLO_WITHIN)
    assert (await second.closed())[0] == 4501
    await until(lambda: len(full_house.gateway.doorstep) == 0)
    await comes(full_house)


async def test_a_socket_that_is_closed_and_stays_on_the_line_still_counts(full_house: House):
    """Who does not read the close keeps the line: their next sockets wait for it to end."""
    lingering = await comes(full_house)
    lingering.socket.transport.pause_reading()
    await comes(full_house)
    await full_house.passes(HELLO_WITHIN)
    await until(lambda: full_house.gateway.connections == 0)
    assert len(full_house.gateway.doorstep) > 0
    lingering.socket.transport.resume_reading()
    await until(lambda: len(full_house.gateway.doorstep) == 0)


def test_a_network_is_an_ipv4_address_or_the_first_half_of_an_ipv6_one():
    assert network_of("203.0.113.7") == "203.0.113.7"
    assert network_of("::ffff:203.0.113.7") == "203.0.113.7"
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::1") == "2001:db8:1:2::"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("unknown") == "unknown"
