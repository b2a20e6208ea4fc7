"""Rights that end while a socket is open: its sign-in, its account's role, its market. What was let in is cut."""

import asyncio
from uuid import UUID

from sqlalchemy import text, update

from domain.store.tables import Account, TokenFamily
from domain.usecases import identity
from domain.usecases.work import ENGINE, Actor, working
from geo.points import moved
from realtime.mapdesk import RIGHTS_EVERY
from realtime.tracking import LOOK_EVERY
from tests.factories import PORT, an_account
from tests.realtime.house import House, Phone, at, until
from tests.realtime.test_tracking import drives, following


async def signs_out(house: House, token: str) -> None:
    async with working(house.tools, ENGINE) as work:
        work.actor = await identity.authenticate(work, token)
        await identity.sign_out(work)


async def signed_out_unheard(house: House, actor: Actor) -> None:
    """As when the bus has lost the word of it."""
    async with working(house.tools, ENGINE) as work:
        ended = update(TokenFamily).where(TokenFamily.account_id == actor.id)
        await work.db.execute(ended.values(revoked_at=work.now, revoked_why="signed out"))


async def becomes(house: House, actor: Actor, **values: object) -> None:
    async with working(house.tools, ENGINE) as work:
        await work.db.execute(update(Account).where(Account.id == actor.id).values(**values))


async def still_there(phone: Phone) -> None:
    await phone.send("ping")
    await phone.next("pong")


async def test_signing_out_cuts_the_sockets_of_that_sign_in_at_once_and_no_other(house: House):
    customer = house.town.customer
    token, other = await house.token(customer), await house.phone(customer)
    phone = await house.connect()
    await phone.hello(token=token)
    await signs_out(house, token)
    assert await phone.closed() == (4501, "this sign-in has ended")
    await still_there(other)


async def test_a_refresh_token_that_comes_twice_cuts_the_sockets_of_its_sign_in(house: House):
    async with working(house.tools, ENGINE) as work:
        account = await work.db.get_one(Account, house.town.customer.id)
        session = await identity._open_session(work, account)
    phone = await house.connect()
    await phone.hello(token=session.access_token)
    async with working(house.tools, ENGINE) as work:
        await identity.end_reused_family(work, session.refresh_token)
    assert (await phone.closed())[0] == 4501


async def test_a_socket_whose_sign_in_has_ended_does_nothing_more(house: House):
    driver = house.town.driver
    phone = await house.phone(driver)
    await signed_out_unheard(house, driver)
    await phone.send("do", id="1", op="duty.set", args={"on": False})
    assert (await phone.closed())[0] == 4501
    assert not [frame for frame in phone.kept if frame["t"] == "done"]
    again = await house.phone(driver)
    await again.send("do", id="1", op="duty.set", args={"on": True, "market": "monaco"})
    assert (await again.next("done"))["result"]["on"] is True, "the number was not used up"


async def test_a_socket_whose_sign_in_has_ended_follows_nothing_more(house: House):
    engagement = await house.town.ride()
    phone = await house.phone(house.town.customer)
    await signed_out_unheard(house, house.town.customer)
    await phone.send("subscribe", channel=f"engagement:{engagement}")
    assert (await phone.closed())[0] == 4501


async def followed_by_staff(house: House) -> tuple[UUID, Phone, Phone]:
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    staff = await following(house, house.town.staff, engagement)
    customer = await following(house, house.town.customer, engagement)
    await drives(house, moved(PORT, 90, 500))
    await staff.next("track")
    await customer.next("track")
    return engagement, staff, customer


async def test_staff_no_more_follow_no_engagement_and_its_parties_still_do(house: House):
    engagement, staff, customer = await followed_by_staff(house)
    await becomes(house, house.town.staff, is_ops=False)
    await drives(house, moved(PORT, 90, 490), LOOK_EVERY)
    assert (await staff.next("ended"))["channel"] == f"engagement:{engagement}"
    await drives(house, moved(PORT, 90, 480), LOOK_EVERY)
    await customer.next("track")
    await still_there(staff)
    assert not [frame for frame in staff.kept if frame["t"] == "track"]
    await staff.send("subscribe", channel=f"engagement:{engagement}")
    assert (await staff.next("error"))["problem"]["code"] == "not_found", "their socket's role is read anew"


async def test_staff_of_another_market_now_see_neither_the_map_nor_the_engagement(house: House):
    engagement, staff, _ = await followed_by_staff(house)
    await staff.send("subscribe", channel="map:monaco")
    await staff.next("subscribed")
    await becomes(house, house.town.staff, ops_markets=["helsinki"])
    house.clock.move(max(RIGHTS_EVERY, LOOK_EVERY))
    await house.gateway.step_maps()
    await house.gateway.step()
    ended = {(await staff.next("ended"))["channel"], (await staff.next("ended"))["channel"]}
    assert ended == {"map:monaco", f"engagement:{engagement}"}
    await staff.send("subscribe", channel="map:monaco")
    assert (await staff.next("error"))["problem"]["code"] == "forbidden"


async def test_who_does_not_follow_and_says_he_stops_disturbs_nobody(house: House):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    opened, carries_on = asyncio.Event(), asyncio.Event()
    subscribe = house.bus.subscribe

    async def slowly(pattern, deliver):
        opened.set()
        await carries_on.wait()
        return await subscribe(pattern, deliver)

    stranger = await house.phone(await an_account(house.tools))
    phone = await house.phone(house.town.customer)
    house.bus.subscribe = slowly  # type: ignore[method-assign]  # as NATS, which takes a moment to know
    await phone.send("subscribe", channel=f"engagement:{engagement}")
    await opened.wait()
    await stranger.send("unsubscribe", channel=f"engagement:{engagement}")
    await stranger.next("unsubscribed")
    await still_there(stranger)
    carries_on.set()
    await phone.next("subscribed")
    await drives(house, moved(PORT, 90, 500))
    await phone.next("track")


async def test_an_id_that_was_used_for_another_command_is_refused(house: House):
    phone = await house.phone(house.town.driver)
    await phone.send("do", id="a", op="duty.set", args={"on": False})
    await phone.next("done")
    for op, args in (("duty.set", {"on": True, "market": "monaco"}), ("offer.accept", {"id": "x"})):
        await phone.send("do", id="a", op=op, args=args | {"id": str(house.town.driver.id)})
        assert (await phone.next("failed"))["problem"]["code"] == "idempotency_mismatch"


async def test_a_command_that_takes_too_long_is_given_up_told_and_undone(house: House):
    driver = house.town.driver
    phone = await house.phone(driver)
    house.gateway._answer_within = 0.3
    async with house.tools.sessions() as other:
        await other.execute(text("select * from duty_sessions for update"))
        await phone.send("do", id="1", op="duty.set", args={"on": False})
        assert (await phone.next("failed"))["problem"]["code"] == "unavailable"
    await phone.send("do", id="1", op="duty.set", args={"on": False})
    assert (await phone.next("done"))["result"]["on"] is False


async def test_a_refresh_that_cannot_be_looked_at_leaves_the_socket_as_it_is(house: House):
    customer = house.town.customer
    phone, token = await house.phone(customer), await house.token(customer)
    house.gateway._answer_within = 0.3
    async with house.tools.sessions() as other:
        await other.execute(text("lock table token_families in access exclusive mode"))
        await phone.send("refresh", token=token)
        refused = await phone.next("error")
    assert (refused["of"], refused["problem"]["code"]) == ("refresh", "unavailable")
    await phone.send("refresh", token=token)
    await phone.next("refreshed")


async def test_a_phone_that_leaves_takes_nobodys_fixes_with_it(house: House):
    driver = house.town.driver
    phone, leaver = await house.phone(driver), await house.phone(house.town.customer)
    waits, learn = asyncio.Event(), house.positions.learn

    async def slowly(accounts):
        wanted = list(accounts)
        waits.set()
        await asyncio.sleep(0.2)
        await learn(wanted)

    house.positions.learn = slowly  # type: ignore[method-assign]  # as a database that is busy
    house.clock.move(1)
    await phone.send("position", lat=PORT.lat, lon=PORT.lon, at=at(house.clock))
    await leaver.send("do", id="1", op="request.cancel", args={"id": str(driver.id)})
    await waits.wait()
    await leaver.socket.close()
    await until(lambda: house.positions.newest(driver.id) is not None)
