"""The pusher's real loop against a local FCM: each way of failing, quiet hours, and what a human is told."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import SystemClock
from app.firebase import FirebaseTokens, firebase_pushes, open_firebase
from app.pusher import Pusher
from domain.rules.errors import Invalid
from domain.rules.events import EventType
from domain.rules.pushes import Family
from domain.store.tables import Account, Device, PushRow
from domain.usecases.exceptions import exceptions
from domain.usecases.profiles import QuietHours, change_quiet_hours, read_me
from domain.usecases.work import ENGINE, Actor, Tools, Work, working
from realtime.bus_inproc import InProcBus
from tests.factories import FakeClock, a_market, an_account, make_tools, run_as
from tests.notifications.fake_fcm import FAILURES, FakeFcm, fake_fcm, service_account
from tests.notifications.telling import plan_all

EVENING = datetime(2026, 5, 4, 21, 30, tzinfo=UTC)  # 23:30 in Monaco, 17:30 in New York
NIGHT = QuietHours(since=22 * 60, until=7 * 60, timezone="Europe/Monaco")
WITHIN = 20.0  # s for the loop to do what it is to do; a bound, not a measure


@dataclass
class Phones:
    """An installation with Firebase, its fake FCM, and its one pusher."""

    tools: Tools
    clock: FakeClock
    fcm: FakeFcm
    pusher: Pusher
    registry: CollectorRegistry

    async def device(self, whose: Actor, token: str, platform: str = "android", language: str = "fr") -> None:
        async with working(self.tools, ENGINE) as work:
            work.db.add(
                Device(
                    account_id=whose.id,
                    device_id=token,
                    platform=platform,
                    push_token=token,
                    language=language,
                    updated_at=work.now,
                )
            )

    async def tell(self, whose: Actor, type_: EventType, lives_s: float = 0, **data: Any) -> None:
        """An event, planned and due: the time of the socket is over."""
        async with working(self.tools, ENGINE) as work:
            until = work.after(lives_s) if lives_s else None
            work.emit(whose.id, type_, {"id": str(self.tools.new_id()), **data}, not_after=until)
        await plan_all(self.tools)
        self.clock.move(3)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The pusher's own loop, until the block ends."""
        stop = asyncio.Event()
        loop = asyncio.create_task(self.pusher.run(stop))
        try:
            yield
        finally:
            stop.set()
            await loop

    async def until_answered(self) -> PushRow:
        """The only push, once the loop has written what came of it."""
        async with asyncio.timeout(WITHIN):
            while not (await self.rows())[0].detail:  # noqa: ASYNC110 - there is nothing to wait on from outside
                await asyncio.sleep(0.02)
        return (await self.rows())[0]

    async def states(self) -> dict[str, int]:
        async with self.tools.sessions() as db:
            found = (await db.execute(select(PushRow.state))).scalars().all()
        return {state: found.count(state) for state in found}

    async def rows(self) -> list[PushRow]:
        async with self.tools.sessions() as db:
            return list((await db.execute(select(PushRow).order_by(PushRow.seq))).scalars())

    def counted(self, platform: str, fate: str) -> float:
        labels = {"platform": platform, "fate": fate}
        return self.registry.get_sample_value("coudmain_pushes_total", labels) or 0.0


@pytest.fixture
def fcm() -> Iterator[FakeFcm]:
    with fake_fcm() as fake:
        yield fake


@pytest.fixture
async def phones(engine: AsyncEngine, fcm: FakeFcm, tmp_path: Path) -> AsyncIterator[Phones]:
    clock = FakeClock(EVENING)
    (tmp_path / "key.json").write_text(json.dumps(service_account(fcm)))
    wired = open_firebase(tmp_path / "key.json")
    sender = firebase_pushes(wired, SystemClock(), fcm.url)
    plain = make_tools(engine, clock=clock)
    tools = replace(plain, bus=InProcBus(), firebase=FirebaseTokens(wired))
    await a_market(tools)
    registry = CollectorRegistry()
    yield Phones(tools, clock, fcm, Pusher(tools, sender, registry), registry)
    fcm.released.set()
    await sender.close()


WAYS = {  # what becomes of a push whose life is long, by how the carrier fails
    "unregistered": "refused",
    "noproject": "alert",
    "quota": "waiting",
    "silentquota": "waiting",
    "mismatch": "refused",
    "forbidden": "alert",
    "invalid": "refused",
    "apns": "alert",
    "down": "waiting",
    "busy": "waiting",
    "hasty": "waiting",
    "endless": "waiting",
    "broken": "waiting",
}


def test_every_way_the_fake_can_fail_is_among_them() -> None:
    assert WAYS.keys() == FAILURES.keys()


@pytest.mark.parametrize("way", sorted(WAYS))
async def test_each_way_of_failing_ends_as_it_should_through_the_real_loop(phones: Phones, way: str) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, f"{way}:1")
    async with phones.running():
        await phones.tell(reader, EventType.MESSAGE_CREATED)
        await phones.tools.bus.publish("wake.push", b"")
        row = await phones.until_answered()
    assert row.state == WAYS[way], row.detail
    again = (
        [f"{way}:1"] if FAILURES[way][0] == 401 else []
    )  # a 401 is tried once more, with a fresh access token
    assert phones.fcm.tried == [f"{way}:1", *again]
    async with phones.tools.sessions() as db:
        kept = (await db.execute(select(Device.device_id))).scalars().all()
    assert kept == ([] if way == "unregistered" else [f"{way}:1"])


@pytest.mark.parametrize(("way", "seconds"), [("quota", 17), ("silentquota", 60), ("busy", 3), ("down", 1)])
async def test_a_carrier_that_has_enough_is_asked_again_when_it_says(
    phones: Phones, way: str, seconds: int
) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, f"{way}:1")
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    (row,) = await phones.rows()
    assert row.next_at == phones.clock.at + timedelta(seconds=seconds)
    phones.clock.move(seconds - 0.5)
    assert await phones.pusher.step() == 0
    phones.clock.move(1)
    assert await phones.pusher.step() == 1


async def test_an_offer_whose_time_is_shorter_than_the_carriers_rest_is_dropped(phones: Phones) -> None:
    driver = await an_account(phones.tools)
    await phones.device(driver, "quota:1")
    await phones.tell(driver, EventType.OFFER_CREATED, lives_s=15, origin="dispatch")
    await phones.pusher.step()
    assert await phones.states() == {"late": 1}
    phones.clock.move(60)
    assert await phones.pusher.step() == 0


async def test_refused_credentials_raise_an_alarm_and_are_not_hammered(
    phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    people = [await an_account(phones.tools) for _ in range(6)]
    for number, person in enumerate(people):
        await phones.device(person, f"apns:{number}", "ios")
    staff = await an_account(phones.tools, is_ops=True)
    await phones.tell(people[0], EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    for person in people[1:]:
        await phones.tell(person, EventType.MESSAGE_CREATED)
        await phones.pusher.step()
    assert set(phones.fcm.tried) == {"apns:0"}
    assert await phones.states() == {"alert": 1, "waiting": 5}
    assert [r.levelno for r in caplog.records].count(logging.ERROR) == 1
    assert phones.counted("ios", "alert") == 1
    assert phones.registry.get_sample_value("coudmain_push_alert") == 1
    (found,) = await run_as(phones.tools, staff, exceptions)
    assert (found["kind"], found["severity"]) == ("pushes_failing", "critical")
    assert "ThirdPartyAuthError" in found["detail"]


async def test_when_it_is_mended_one_push_finds_out_and_the_others_follow(phones: Phones) -> None:
    people = [await an_account(phones.tools) for _ in range(3)]
    for number, person in enumerate(people):
        await phones.device(person, f"apns:{number}", "ios")
    await phones.tell(people[0], EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    for person in people[1:]:
        await phones.tell(person, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    async with working(phones.tools, ENGINE) as work:  # staff have put the right key in; the tokens answer
        for device in (await work.db.execute(select(Device))).scalars():
            device.push_token = device.push_token.replace("apns", "good")
    phones.clock.move(61)
    await phones.pusher.step()
    assert len(phones.fcm.messages) >= 1
    phones.clock.move(16)
    await phones.pusher.step()
    assert await phones.states() == {"alert": 1, "sent": 2}
    assert phones.registry.get_sample_value("coudmain_push_alert") == 0


async def test_the_other_platforms_go_on_while_apple_refuses_us(phones: Phones) -> None:
    apple, google = await an_account(phones.tools), await an_account(phones.tools)
    await phones.device(apple, "apns:1", "ios")
    await phones.device(google, "good:1", "android")
    await phones.tell(apple, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    await phones.tell(google, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    assert [message["token"] for message in phones.fcm.messages] == ["good:1"]


async def quiet(phones: Phones, whose: Actor, hours: QuietHours | None) -> None:
    async def choose(work: Work) -> None:
        account, _ = await read_me(work, lock=True)
        await change_quiet_hours(work, account, hours)

    await run_as(phones.tools, whose, choose)


async def test_in_quiet_hours_a_message_waits_for_the_morning(phones: Phones) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:1")
    await quiet(phones, reader, replace(NIGHT, until=60))  # till one o'clock, which is 23:00 UTC
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    assert await phones.pusher.step() == 0
    (row,) = await phones.rows()
    assert (row.state, row.attempts, row.detail) == ("waiting", 0, "quiet hours")
    assert row.next_at == EVENING.replace(hour=23, minute=0)
    phones.clock.at = row.next_at
    assert await phones.pusher.step() == 1
    (message,) = phones.fcm.messages
    assert message["android"]["notification"]["channel_id"] == "message", "and then with its sound"


async def test_what_would_be_too_old_in_the_morning_is_dropped(phones: Phones) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:1")
    await quiet(phones, reader, NIGHT)  # till 05:00 UTC; a message lives four hours
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    (row,) = await phones.rows()
    assert (row.state, row.detail) == ("late", "its quiet hours outlast it")
    phones.clock.at = EVENING + timedelta(hours=9)
    await phones.pusher.step()
    assert phones.fcm.messages == []


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (EventType.OFFER_CREATED, {"origin": "dispatch"}),
        (EventType.ENGAGEMENT_ARRIVED, {"role": "customer"}),
        (EventType.PAYMENT_FAILED, {"role": "customer"}),
    ],
)
async def test_the_urgent_rings_in_quiet_hours_too(
    phones: Phones, type_: EventType, data: dict[str, str]
) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:1")
    await quiet(phones, reader, NIGHT)
    await phones.tell(reader, type_, lives_s=60, **data)
    assert await phones.pusher.step() == 1
    assert len(phones.fcm.messages) == 1


async def test_quiet_hours_are_of_ones_own_time_zone(phones: Phones) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:1")
    await quiet(phones, reader, replace(NIGHT, timezone="America/New_York"))
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    assert await phones.pusher.step() == 1


async def test_the_night_the_clocks_change_quiet_hours_end_by_the_clock_on_the_wall(phones: Phones) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:1")
    await quiet(phones, reader, replace(NIGHT, until=4 * 60))
    phones.clock.at = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 in Monaco; at 02:00 it is 03:00
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    (row,) = await phones.rows()
    assert row.next_at == datetime(2026, 3, 29, 2, 0, tzinfo=UTC)  # 04:00 of summer


async def test_quiet_hours_are_given_up_and_wrong_ones_are_refused(phones: Phones) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:1")
    for wrong in (replace(NIGHT, timezone="Europe/Atlantis"), replace(NIGHT, until=NIGHT.since)):
        with pytest.raises(Invalid):
            await quiet(phones, reader, wrong)
    await quiet(phones, reader, NIGHT)
    await quiet(phones, reader, None)
    async with phones.tools.sessions() as db:
        row = await db.get_one(Account, reader.id)
    assert (row.quiet_from, row.quiet_until, row.timezone) == (None, None, None)
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    assert await phones.pusher.step() == 1


async def test_each_device_reads_its_own_language(phones: Phones) -> None:
    reader = await an_account(phones.tools)
    await phones.device(reader, "good:fr", language="fr")
    await phones.device(reader, "good:en", language="en")
    await phones.tell(reader, EventType.MESSAGE_CREATED)
    await phones.pusher.step()
    titles = {m["token"]: m["android"]["notification"]["title"] for m in phones.fcm.messages}
    assert titles == {"good:fr": "Nouveau message", "good:en": "New message"}


def test_a_device_that_is_offline_keeps_one_of_each_kind_and_no_more_kinds_than_fcm_keeps() -> None:
    assert len(Family) <= 4  # collapse keys a device (firebase.google.com/docs/cloud-messaging)
