"""The socket over a real network: who gets in, how one leaves, what is told in between."""

import asyncio
import json
from typing import Any

import pytest

from domain.usecases import identity
from domain.usecases.suspension import suspend
from domain.usecases.work import Work, working
from realtime import hub
from realtime.effects import Authenticate
from realtime.roster import SOCKETS_AN_ACCOUNT
from tests.factories import PORT, a_round, put_at, run_as
from tests.realtime.house import House


async def test_a_phone_is_welcomed_and_told_what_happens(house: House):
    phone = await house.phone(house.town.customer)
    assert phone.socket.subprotocol == "coudmain.v1"
    assert phone.welcome["heartbeat_s"] == 25
    await house.happens(house.town.customer, 2)
    first, second = await phone.events(2)
    assert [first["seq"], second["seq"]] == [phone.welcome["seq"] + 1, phone.welcome["seq"] + 2]
    assert set(first) == {"t", "seq", "type", "at", "data"}
    assert first["type"] == "message.created"


async def test_the_token_may_come_with_the_upgrade(house: House):
    token = await house.token(house.town.customer)
    phone = await house.connect(additional_headers={"Authorization": f"Bearer {token}"})
    assert (await phone.hello())["seq"] == 0


async def test_a_ticket_opens_one_socket(house: House):
    customer = house.town.customer
    async with working(house.tools, customer) as work:
        await house.token(customer)
        work.actor = await identity.authenticate(work, await house.token(customer))
        ticket = (await identity.issue_ticket(work)).ticket
    await (await house.connect()).hello(ticket=ticket)
    again = await house.connect()
    await again.send("hello", ticket=ticket)
    assert (await again.closed())[0] == 4501


async def test_another_version_of_the_protocol_ends_in_4504(house: House):
    phone = await house.connect(subprotocols=["coudmain.v9"])
    assert (await phone.closed())[0] == 4504


async def test_no_subprotocol_at_all_means_ours(house: House):
    phone = await house.connect(subprotocols=[])
    await phone.hello(token=await house.token(house.town.customer))


async def test_who_says_nothing_is_left_after_five_seconds(house: House):
    phone = await house.connect()
    await phone.socket.ping()
    await house.passes(5)
    assert (await phone.closed())[0] == 4501


@pytest.mark.parametrize("token", ["", "rubbish", "a.b.c"])
async def test_a_token_that_is_none_ends_in_4501(house: House, token: str):
    phone = await house.connect()
    await phone.send("hello", token=token)
    assert (await phone.closed())[0] == 4501


async def test_an_expired_token_is_told_to_come_back_with_a_newer_one(house: House):
    token = await house.token(house.town.customer)
    house.clock.move(house.tools.knobs.access_ttl)
    phone = await house.connect()
    await phone.send("hello", token=token)
    assert (await phone.closed())[0] == 4003


async def test_a_token_that_expires_on_the_way_ends_in_4003_unless_refreshed(house: House):
    careless = await house.phone(house.town.customer)
    careful = await house.phone(house.town.driver)
    house.clock.move(house.tools.knobs.access_ttl - 10)
    await careful.send("refresh", token=await house.token(house.town.driver))
    await careful.next("refreshed")
    await careless.send("ping")
    await careless.next("pong")
    await house.passes(10)
    assert (await careless.closed())[0] == 4003
    await careful.send("ping")
    await careful.next("pong")


async def test_rubbish_ends_in_4500_and_hurts_nobody(house: House):
    healthy = await house.phone(house.town.driver)
    for rubbish in ("rubbish", "[1, 2]", b"\x00\x01", "null", "{"):
        phone = await house.phone(house.town.customer)
        await phone.socket.send(rubbish)
        assert (await phone.closed())[0] == 4500
    await house.happens(house.town.driver)
    await healthy.events(1)


async def test_a_frame_over_16_kib_ends_in_1009(house: House):
    phone = await house.phone(house.town.customer)
    await phone.socket.send(json.dumps({"t": "do", "id": "1", "op": "x", "args": {"a": "b" * 20_000}}))
    assert (await phone.closed())[0] == 1009


async def test_a_flood_ends_in_4008(house: House):
    phone = await house.phone(house.town.customer)
    for _ in range(250):
        await phone.send("pong")
    assert (await phone.closed())[0] == 4008


async def test_a_silent_client_is_asked_and_left(house: House):
    phone = await house.phone(house.town.customer)
    await house.passes(25)
    await phone.next("ping")
    await house.passes(10)
    assert (await phone.closed())[0] == 4001


async def test_the_same_device_replaces_its_older_socket(house: House):
    old = await house.phone(house.town.customer, device="pixel")
    other = await house.phone(house.town.customer, device="browser")
    await house.phone(house.town.customer, device="pixel")
    assert (await old.closed())[0] == 4503
    await house.happens(house.town.customer)
    await other.events(1)


async def test_an_account_keeps_its_newest_sockets(house: House):
    phones = [await house.phone(house.town.customer) for _ in range(SOCKETS_AN_ACCOUNT + 1)]
    assert (await phones[0].closed())[0] == 4503
    await house.happens(house.town.customer)
    for phone in phones[1:]:
        await phone.events(1)


async def test_an_older_socket_of_a_device_that_is_looked_at_later_does_not_replace_the_newer(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """4503 means stop: said to the wrong one it leaves a phone without a socket."""
    token, who = await house.token(house.town.customer), hub._who
    came, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(work: Work, ask: Authenticate) -> Any:
        monkeypatch.setattr(hub, "_who", who)
        came.set()
        await goes_on.wait()
        return await who(work, ask)

    monkeypatch.setattr(hub, "_who", slowly)
    older = await house.connect()
    await older.send("hello", token=token, device="pixel")
    await came.wait()
    newer = await house.connect()
    await newer.hello(token=token, device="pixel")
    goes_on.set()
    assert (await older.closed())[0] == 4503
    await newer.send("ping")
    await newer.next("pong")
    assert house.gateway.connections == 1
    assert house.gateway.roster.ended == {"replaced": 1}


async def test_a_suspended_account_is_cut_at_once_and_stays_out(house: House):
    phone = await house.phone(house.town.driver)
    token = await house.token(house.town.driver)
    await run_as(house.tools, house.town.staff, suspend, house.town.driver.id, "unsafe driving")
    assert (await phone.closed())[0] == 4507
    again = await house.connect()
    await again.send("hello", token=token)
    assert (await again.closed())[0] == 4507


async def test_signing_out_ends_the_socket_within_a_heartbeat(house: House):
    token = await house.token(house.town.customer)
    phone = await house.connect()
    await phone.hello(token=token)
    async with working(house.tools, house.town.customer) as work:
        work.actor = await identity.authenticate(work, token)
        await identity.sign_out(work)
    await house.passes(25)
    assert (await phone.closed())[0] == 4501


async def test_draining_says_when_to_come_back(house: House):
    phone = await house.phone(house.town.customer)
    draining = asyncio.create_task(house.gateway.drain())
    told = await phone.next("draining")
    code, reason = await phone.closed()
    await draining
    assert code == 4000
    assert reason == f"draining; retry_ms={told['retry_ms']}"
    assert 500 <= told["retry_ms"] <= 5_000


async def test_a_command_is_done_once_for_its_id(house: House):
    phone = await house.phone(house.town.driver)
    await phone.send("do", id="a", op="duty.set", args={"on": False})
    first = (await phone.next("done"))["result"]
    assert first["on"] is False
    await phone.send("do", id="b", op="duty.set", args={"on": True, "market": "monaco"})
    assert (await phone.next("done"))["result"]["on"] is True
    await phone.send("do", id="a", op="duty.set", args={"on": False})
    assert await phone.next("done") == {"t": "done", "id": "a", "result": first}
    await phone.send("do", id="c", op="duty.set", args={"on": True, "market": "monaco"})
    assert (await phone.next("done"))["result"]["on"] is True, "the replay changed nothing"


@pytest.mark.parametrize(
    ("op", "args", "code"),
    [
        ("world.conquer", {}, "invalid"),
        ("offer.accept", {}, "invalid"),
        ("offer.accept", {"id": "rubbish"}, "invalid"),
        ("offer.accept", {"id": "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55"}, "not_found"),
        ("message.send", {"id": "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55", "text": "\x00"}, "invalid"),
        ("duty.set", {"on": True, "market": "atlantis"}, "unknown_market"),
    ],
)
async def test_a_command_that_cannot_be_done_says_why(house: House, op: str, args: dict[str, str], code: str):
    phone = await house.phone(house.town.driver)
    await phone.send("do", id="1", op=op, args=args)
    failed = await phone.next("failed")
    assert (failed["id"], failed["problem"]["code"]) == ("1", code)


async def test_an_offer_is_told_accepted_and_confirmed_over_two_sockets(house: House):
    customer, driver = await house.phone(house.town.customer), await house.phone(house.town.driver)
    await house.town.ask()
    house.clock.move(1)
    put_at(house.tools, house.town.driver.id, PORT)
    await a_round(house.tools)
    await house.relay.step()
    (offer,) = await driver.events(1)
    assert offer["type"] == "offer.created"
    await driver.send("do", id="tap", op="offer.accept", args={"id": offer["data"]["id"]})
    result = (await driver.next("done"))["result"]
    assert result["state"] == "confirmed"
    await house.relay.step()
    while (event := await customer.next("event"))["type"] != "engagement.confirmed":
        pass
    assert event["data"]["id"] == result["id"]
