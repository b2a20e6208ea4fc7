"""The ops map: snapshot, deltas in view, aggregates from afar; an old view and its deltas are the new view."""

import asyncio
import json
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from domain.store.tables import Account
from domain.usecases import mapview
from domain.usecases.mapview import (
    EVERYWHERE,
    Box,
    CellItem,
    MapState,
    Placed,
    ProviderItem,
    difference,
    parts,
    view,
)
from domain.usecases.readings import Reading
from domain.usecases.work import ENGINE, working
from geo.points import LatLng
from geo.polylines import decode
from realtime.mapdesk import RIGHTS_EVERY
from realtime.outbox import LIMIT_BYTES
from tests.factories import CASINO, LARVOTTO, PORT, a_provider, an_account
from tests.realtime.house import House, Phone

MONACO = [7.40, 43.72, 7.45, 43.76]


class Screen:
    """What a console keeps: frames applied in order."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.counters: dict[str, Any] = {}
        self.n = 0

    def apply(self, frame: dict[str, Any]) -> None:
        assert frame["n"] == self.n + 1, "a gap"
        self.n = frame["n"]
        if frame["full"]:
            self.items = {}
        for key in frame["remove"]:
            del self.items[key]
        for item in frame["upsert"]:
            self.items[item["id"]] = item
        self.counters = frame["counters"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.items.values() if item["kind"] == kind]


async def looks(house: House, *, zoom: float = 14, bbox: list[float] | None = None) -> Phone:
    phone = await house.phone(house.town.staff)
    await phone.send("subscribe", channel="map:monaco", bbox=bbox or MONACO, zoom=zoom)
    await phone.next("subscribed")
    return phone


async def second(house: House, phone: Phone, screen: Screen) -> Screen:
    house.clock.move(1)
    await house.gateway.step_maps()
    screen.apply(await phone.next("map"))
    return screen


async def reports(house: House, place: LatLng) -> None:
    house.clock.move(30)
    await house.positions.report(
        house.town.driver, [Reading(place.lat, place.lon, house.clock.now(), heading_deg=91.6)]
    )


async def test_a_request_that_is_open_again_has_waited_since_then(house: House):
    await reports(house, PORT)
    await house.town.ask()
    phone, screen = await looks(house), Screen()
    house.clock.move(40)
    await second(house, phone, screen)
    assert [one["age_s"] for one in screen.of("request")] == [40]
    engagement = await house.town.accept()
    house.clock.move(60)
    await house.town.do(house.town.driver, engagement, "cancel")
    await second(house, phone, screen)
    assert [(one["state"], one["age_s"]) for one in screen.of("request")] == [("open", 0)]


async def test_ops_see_the_town_and_what_changes_in_it(house: House):
    phone, screen = await looks(house), Screen()
    await reports(house, PORT)
    await second(house, phone, screen)
    (driver,) = screen.of("provider")
    assert driver == {
        "kind": "provider",
        "id": f"p:{house.town.driver.id}",
        "lat": PORT.lat,
        "lon": PORT.lon,
        "heading": 92,
        "state": "idle",
        "trade": "ride",
        "age_s": 0,
        "name": "Dominique Noir",
    }
    assert screen.counters["providers"]["idle"] == 1

    request = await house.town.ask()
    await second(house, phone, screen)
    (asked,) = screen.of("request")
    assert (asked["id"], asked["state"], asked["service"]) == (f"r:{request}", "open", "ride-vtc")
    assert [cell["demand"] for cell in screen.of("cell")] == [1]

    engagement = await house.town.accept()
    await second(house, phone, screen)
    (agreed,) = screen.of("engagement")
    assert (agreed["id"], agreed["leg"], agreed["state"]) == (f"e:{engagement}", "approach", "confirmed")
    assert (agreed["provider_id"], agreed["request_id"]) == (driver["id"], asked["id"])
    assert screen.of("provider")[0]["state"] == "approach"
    assert screen.of("request")[0]["state"] == "matched"
    assert screen.counters["engagements"] == {"running": 1}
    assert screen.counters["median_wait_s"] is not None

    await house.town.do(house.town.driver, engagement, "set_off")
    await house.town.do(house.town.driver, engagement, "arrive")
    pin = await house.town.pin(engagement)
    await house.town.do(house.town.driver, engagement, "start", pin=pin)
    await second(house, phone, screen)
    (agreed,) = screen.of("engagement")
    assert agreed["leg"] == "trip"
    line = decode(agreed["route"])
    assert line[0].lat == pytest.approx(PORT.lat, abs=1e-4)
    assert line[-1].lat == pytest.approx(CASINO.lat, abs=1e-4)
    assert agreed["eta_s"] > 0
    assert screen.of("provider")[0]["state"] == "busy"
    assert screen.of("request") == []

    await house.town.do(house.town.driver, engagement, "finish")
    await second(house, phone, screen)
    assert screen.of("engagement") == []
    assert screen.counters["completed_today"]["rides"] == 1


async def test_a_second_in_which_nothing_moves_sends_no_items(house: House):
    phone, screen = await looks(house), Screen()
    await reports(house, PORT)
    await second(house, phone, screen)
    house.clock.move(1)
    await house.gateway.step_maps()
    frame = await phone.next("map")
    assert (frame["full"], frame["upsert"], frame["remove"]) == (False, [], [])


async def test_only_what_is_in_view_is_sent_and_a_new_view_is_answered_whole(house: House):
    await reports(house, PORT)
    phone, screen = await looks(house, bbox=[7.0, 43.0, 7.1, 43.1]), Screen()
    await second(house, phone, screen)
    assert screen.items == {}
    await phone.send("subscribe", channel="map:monaco", bbox=MONACO, zoom=14)
    frame = await phone.next("map")
    assert frame["full"] is True
    screen.apply(frame)
    assert len(screen.of("provider")) == 1


async def test_from_afar_cells_stand_for_people(house: House):
    await reports(house, PORT)
    await a_provider(house.tools, at=PORT)
    phone, screen = await looks(house, zoom=9), Screen()
    await second(house, phone, screen)
    assert {item["kind"] for item in screen.items.values()} == {"cell"}
    assert sum(cell["supply"] for cell in screen.of("cell")) == 2


async def test_who_goes_quiet_is_stale_then_gone(house: House):
    await reports(house, PORT)
    phone, screen = await looks(house), Screen()
    house.clock.move(31)
    await second(house, phone, screen)
    assert screen.of("provider")[0]["state"] == "stale"
    house.clock.move(120)
    await phone.send("ping")
    await phone.next("pong")
    await second(house, phone, screen)
    assert screen.of("provider") == []
    assert screen.counters["providers"]["stale"] == 1


async def test_the_map_is_for_ops_and_of_markets_there_are(house: House):
    phone = await house.phone(house.town.customer)
    await phone.send("subscribe", channel="map:monaco", bbox=MONACO, zoom=14)
    assert (await phone.next("error"))["problem"]["code"] == "forbidden"
    staff = await house.phone(house.town.staff)
    await staff.send("subscribe", channel="map:atlantis")
    assert (await staff.next("error"))["problem"]["code"] == "unknown_market"
    await staff.send("subscribe", channel="map:monaco", bbox=[7.4, 44.0, 7.5, 43.0], zoom=14)
    assert (await staff.next("error"))["problem"]["code"] == "invalid"


async def test_a_map_frame_that_had_to_give_way_is_followed_by_a_whole_one(house: House):
    await reports(house, PORT)
    phone, screen = await looks(house), Screen()
    await second(house, phone, screen)
    (connection,) = list(house.gateway._roster)
    connection.outbox._forgotten |= {"map:monaco"}  # as when frames that must arrive needed the room
    house.clock.move(1)
    await house.gateway.step_maps()
    frame = await phone.next("map")
    assert frame["full"] is True
    screen.apply(frame)
    assert len(screen.of("provider")) == 1


def a_crowd(many: int, state: str) -> MapState:
    """So many people at the port."""
    items = [
        ProviderItem(f"p:{n}", PORT.lat, PORT.lon, 92, state, "ride", 0, "Dominique Noir")
        for n in range(many)
    ]
    return MapState([Placed(item, (PORT,)) for item in items], [], [PORT] * many, {})


class Sky:
    """What `look` says of the market."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = a_crowd(0, "idle")
        monkeypatch.setattr(mapview, "look", self._look)

    async def _look(self, *_: object) -> MapState:
        return self.state


async def test_thousands_in_view_come_in_several_frames_and_so_do_their_changes(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    sky, phone, screen = Sky(monkeypatch), await looks(house), Screen()
    for state, many in (("idle", 4_000), ("busy", 4_000), ("busy", 2)):
        sky.state = a_crowd(many, state)
        house.clock.move(1)
        await house.gateway.step_maps()
        frames = 0
        while screen.items != {
            key: json.loads(msgspec.json.encode(one)) for key, one in view(sky.state, EVERYWHERE, 14).items()
        }:
            frame = await phone.next("map")
            assert len(json.dumps(frame)) < LIMIT_BYTES
            assert frame["full"] is (screen.n == 0)
            screen.apply(frame)
            frames += 1
        assert frames > (1 if many == 4_000 else 0)


async def test_a_slow_reader_of_thousands_gets_the_rest_when_it_reads(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    sky, phone, screen = Sky(monkeypatch), await looks(house), Screen()
    phone.socket.transport.pause_reading()
    (connection,) = list(house.gateway._roster)
    for turn in range(60):  # a system takes some megabytes for a client that does not read
        sky.state = a_crowd(4_000, f"state {turn}")
        await house.gateway.step_maps()
        assert connection.outbox.waiting < LIMIT_BYTES
        if connection.outbox.holds("map:monaco"):
            break
    else:
        pytest.fail("it never had to wait")
    phone.socket.transport.resume_reading()
    sky.state = a_crowd(3_000, "idle")
    while len(screen.of("provider")) != 3_000 or {one["state"] for one in screen.of("provider")} != {"idle"}:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                screen.apply(await phone.next("map"))
                continue
        await house.gateway.step_maps()


async def test_who_begins_to_look_while_rights_are_looked_at_goes_on_looking(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    first = await looks(house)
    other = await an_account(house.tools, is_ops=True)
    still_ops, came = mapview.still_ops, list[Phone]()

    async def slowly(*asked: Any) -> set[UUID]:
        phone = await house.phone(other)
        await phone.send("subscribe", channel="map:monaco", bbox=MONACO, zoom=14)
        await phone.next("subscribed")
        came.append(phone)
        return await still_ops(*asked)

    monkeypatch.setattr(mapview, "still_ops", slowly)
    house.clock.move(RIGHTS_EVERY)
    await house.gateway.step_maps()
    await first.next("map")
    await came[0].next("map")
    assert not [frame for frame in came[0].kept if frame["t"] == "ended"]


PLACES = st.sampled_from([PORT, CASINO, LARVOTTO, LatLng(43.9, 7.9), LatLng(-10.0, 179.9)])
ITEMS = st.builds(
    lambda number, place, state: Placed(
        ProviderItem(f"p:{number}", place.lat, place.lon, None, state, "ride", 0, "Dominique"), (place,)
    ),
    st.integers(0, 8),
    PLACES,
    st.sampled_from(["idle", "busy"]),
)
STATES = st.builds(
    lambda placed, demand, supply: MapState(
        list({one.item.id: one for one in placed}.values()), demand, supply, {}
    ),
    st.lists(ITEMS, max_size=12),
    st.lists(PLACES, max_size=6),
    st.lists(PLACES, max_size=6),
)
BOXES = st.sampled_from(
    [EVERYWHERE, Box(7.4, 43.7, 7.5, 43.8), Box(170.0, -20.0, -170.0, 20.0), Box(0, 0, 1, 1)]
)


@given(st.lists(STATES, min_size=2, max_size=5), BOXES, st.sampled_from([5.0, 11.0, 12.5, 16.0]))
def test_an_old_view_and_its_differences_are_the_new_view(states: list[MapState], box: Box, zoom: float):
    kept: dict[str, Any] = {}
    sent: dict[str, Any] = {}
    for state in states:
        new = view(state, box, zoom)
        upsert, remove = difference(sent, new)
        for key in remove:
            del kept[key]
        for item in upsert:
            kept[item.id] = item
        sent = new
        assert kept == new


@given(STATES, STATES, st.integers(1, 2_000))
def test_the_parts_of_a_difference_are_the_difference(old: MapState, new: MapState, most: int):
    upsert, remove = difference(view(old, EVERYWHERE, 14.0), view(new, EVERYWHERE, 14.0))
    pieces = list(parts(upsert, remove, most))
    assert [item for came, _ in pieces for item in came] == upsert
    assert [key for _, gone in pieces for key in gone] == remove
    for came, gone in pieces[:-1]:
        assert came or gone
        assert len(msgspec.json.encode(came[:-1])) <= most + 2


@given(STATES, BOXES)
def test_a_view_holds_what_lies_in_it_and_nothing_else(state: MapState, box: Box):
    seen = view(state, box, 14.0)
    for one in state.placed:
        assert (one.item.id in seen) is box.holds(one.places[0])
    people = sum(
        item.demand + item.supply
        for item in view(state, EVERYWHERE, 14.0).values()
        if isinstance(item, CellItem)
    )
    assert people == len(state.demand) + len(state.supply), "aggregates lose nobody"


async def test_who_is_ops_no_longer_sees_no_map(house: House):
    phone = await looks(house)
    await second(house, phone, Screen())
    async with working(house.tools, ENGINE) as work:
        await work.db.execute(update(Account).where(Account.id == house.town.staff.id).values(is_ops=False))
    house.clock.move(RIGHTS_EVERY)
    await house.gateway.step_maps()
    assert (await phone.next("ended"))["channel"] == "map:monaco"
    await phone.send("subscribe", channel="map:monaco", bbox=MONACO, zoom=14)
    assert (await phone.next("error"))["problem"]["code"] == "forbidden"
