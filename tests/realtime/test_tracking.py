"""Following an engagement: who may, what they see, and when it ends."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from domain.usecases.readings import Reading
from domain.usecases.work import Actor
from geo.points import LatLng, moved
from tests.factories import CASINO, PORT, an_account
from tests.realtime.house import House, Phone, until


async def drives(house: House, place: LatLng, seconds: float = 1.0) -> None:
    """The driver is somewhere a moment later, and the gateway has a beat."""
    house.clock.move(seconds)
    fix = Reading(place.lat, place.lon, house.clock.now())
    await house.positions.report(house.town.driver, [fix])
    await house.gateway.step()


async def following(house: House, actor: Actor, engagement: UUID) -> Phone:
    phone = await house.phone(actor)
    await phone.send("subscribe", channel=f"engagement:{engagement}")
    await phone.next("subscribed")
    return phone


async def test_the_customer_sees_the_driver_come_once_set_off(house: House):
    engagement = await house.town.ride()
    phone = await following(house, house.town.customer, engagement)
    start = moved(PORT, 90, 900)
    await drives(house, start, 15)
    await house.town.do(house.town.driver, engagement, "set_off")
    house.positions._book.changed(house.town.driver.id)
    await drives(house, moved(PORT, 90, 800), 5)
    track = await phone.next("track")
    assert set(track) == {"t", "engagement_id", "lat", "lon", "at", "eta_s"}
    assert track["engagement_id"] == str(engagement)
    assert track["eta_s"] == pytest.approx(800 * 1.4 / (25.6 / 3.6), rel=0.02)
    await drives(house, moved(PORT, 90, 790))
    again = await phone.next("track")
    assert again["eta_s"] == pytest.approx(track["eta_s"] - 1, abs=1), "counted down between computations"
    assert not [frame for frame in phone.kept if frame["t"] == "track"], "nothing before setting off"


async def test_a_track_frame_comes_at_most_once_a_second(house: House):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    phone = await following(house, house.town.customer, engagement)
    for step in range(8):
        await drives(house, moved(PORT, 90, 500 - step), 0.25)
    await phone.send("ping")
    await phone.next("pong")
    await house.gateway.step()
    tracks = [frame for frame in phone.kept if frame["t"] == "track"]
    assert 1 <= len(tracks) <= 3


async def test_somebody_else_may_not_follow(house: House):
    engagement = await house.town.ride()
    stranger = await house.phone(await an_account(house.tools))
    for channel in (f"engagement:{engagement}", "engagement:rubbish", "weather:monaco", "map:monaco"):
        await stranger.send("subscribe", channel=channel)
        refused = await stranger.next("error")
        assert refused["channel"] == channel
        assert refused["problem"]["code"] in {"not_found", "invalid", "forbidden"}
    await stranger.send("ping")
    await stranger.next("pong")


async def test_ops_may_follow_and_the_arrival_at_the_drop_counts_once_under_way(house: House):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "in_progress")
    phone = await following(house, house.town.staff, engagement)
    await drives(house, CASINO)
    assert (await phone.next("track"))["eta_s"] == pytest.approx(0, abs=1)


async def test_the_channel_ends_with_the_engagement(house: House):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    phone = await following(house, house.town.customer, engagement)
    await house.town.do(house.town.driver, engagement, "cancel")
    await house.relay.step()
    await house.gateway.step()
    assert (await phone.next("ended"))["channel"] == f"engagement:{engagement}"
    await phone.send("subscribe", channel=f"engagement:{engagement}")
    assert (await phone.next("error"))["problem"]["code"] == "illegal_move"


async def test_a_look_at_engagements_that_takes_long_holds_up_nobodys_clock(house: House):
    """As when the database is frozen: who does not say who they are is still closed after five seconds."""
    looks, carries_on, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    step = house.gateway._tracking.step

    async def slowly() -> None:
        looks.set()
        await carries_on.wait()
        await step()

    house.gateway._tracking.step = slowly  # type: ignore[method-assign]
    silent = await house.connect()
    running = asyncio.create_task(house.gateway.run(stop))
    await looks.wait()
    house.clock.move(6)
    assert (await silent.closed())[0] == 4501
    carries_on.set()
    stop.set()
    await running


async def test_who_unsubscribes_hears_no_more(house: House):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    phone = await following(house, house.town.customer, engagement)
    await phone.send("unsubscribe", channel=f"engagement:{engagement}")
    await phone.next("unsubscribed")
    await drives(house, PORT)
    await phone.send("ping")
    await phone.next("pong")
    assert not [frame for frame in phone.kept if frame["t"] == "track"]


async def test_positions_come_over_the_socket_too(house: House):
    phone = await house.phone(house.town.driver)
    now = house.clock.move(1)
    fix = {"lat": PORT.lat, "lon": PORT.lon, "at": now.isoformat()}
    await phone.send("position", **fix)
    await phone.send("position", fixes=[fix])
    assert await phone.next("fixes") == {
        "t": "fixes",
        "accepted": 0,
        "dropped": [{"index": 0, "reason": "duplicate"}],
    }
    point = house.tools.live.of("monaco").newest(house.town.driver.id)
    assert point is not None
    assert point.at == pytest.approx(now.timestamp(), abs=0.001)


async def test_positions_of_somebody_off_duty_are_refused(house: House):
    phone = await house.phone(house.town.customer)
    await phone.send("position", lat=PORT.lat, lon=PORT.lon, at=house.clock.now().isoformat())
    refused = await phone.next("error")
    assert (refused["of"], refused["problem"]["code"]) == ("position", "not_on_duty")


async def test_a_clock_that_was_set_back_stops_no_track(house: House):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    phone = await following(house, house.town.customer, engagement)
    await drives(house, moved(PORT, 90, 500))
    await phone.next("track")
    house.clock.move(-4)
    place, at = (
        moved(PORT, 90, 490),
        house.clock.now() + timedelta(seconds=4.5),
    )  # the phone's own clock is right
    await house.positions.report(house.town.driver, [Reading(place.lat, place.lon, at)])
    await house.gateway.step()
    assert (await phone.next("track"))["lon"] == pytest.approx(place.lon)


async def test_who_leaves_while_a_channel_is_opened_leaves_nothing_half_open(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    engagement = await house.town.ride()
    await house.town.drive_to(engagement, "en_route")
    begun, subscribe = asyncio.Event(), house.bus.subscribe

    async def for_ever(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(house.bus, "subscribe", for_ever)
    leaver = await house.phone(house.town.customer)
    await leaver.send("subscribe", channel=f"engagement:{engagement}")
    await begun.wait()
    await leaver.socket.close()
    await until(lambda: house.gateway.connections == 0)
    monkeypatch.setattr(house.bus, "subscribe", subscribe)
    phone = await following(house, house.town.customer, engagement)
    await drives(house, moved(PORT, 90, 500))
    await phone.next("track")
    await drives(house, moved(PORT, 90, 490))
    assert (await phone.next("track"))["lon"] == pytest.approx(moved(PORT, 90, 490).lon)
