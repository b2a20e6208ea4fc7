"""What is kept of a trip, who may follow it, what was said: and how all of it ends."""

import hashlib
from datetime import UTC

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.rules.errors import Forbidden, IllegalMove, Invalid, NotFound
from domain.store.tables import Share, TrackPoint
from domain.usecases.messages import messages_of, send_message
from domain.usecases.shares import follow, share_trip
from domain.usecases.timeline import timeline_of
from domain.usecases.tracks import append, track_of
from domain.usecases.work import ENGINE, NOBODY
from geo.live import Fix
from tests.factories import PORT, ROCK, an_account, put_at, run_as
from tests.usecases.engaged import Town


@pytest.fixture
async def town(engine: AsyncEngine, database_url: str) -> Town:
    return await Town.founded(engine)


def fixes(town: Town, count: int) -> list[Fix]:
    now = town.clock.at.timestamp()
    return [Fix(lat=PORT.lat + n / 10_000, lon=PORT.lon, at=now + n) for n in range(count)]


async def points(town: Town) -> list[TrackPoint]:
    async with town.tools.sessions() as db:
        return list((await db.execute(select(TrackPoint).order_by(TrackPoint.at))).scalars())


async def test_no_position_is_written_unless_the_work_is_under_way(town: Town) -> None:
    ride = await town.ride()
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): fixes(town, 3)})
    assert await points(town) == []
    await town.drive_to(ride, "en_route")
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): fixes(town, 3)})
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): []})
    assert len(await points(town)) == 3
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): fixes(town, 4)})  # three of them known
    assert len(await points(town)) == 4
    await run_as(town.tools, ENGINE, append, {(ride, "elsewhere"): fixes(town, 9)})
    assert len(await points(town)) == 4
    await town.do(town.customer, ride, "cancel")
    town.clock.move(10)
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): fixes(town, 3)})
    assert len(await points(town)) == 4


async def test_many_tracks_are_written_together_each_by_its_own_rule(town: Town) -> None:
    ahead, running = await town.job(), await town.ride()
    await town.drive_to(running, "en_route")
    lots = {(ahead, "monaco"): fixes(town, 2), (running, "monaco"): fixes(town, 3)}
    await run_as(town.tools, ENGINE, append, lots)
    assert [point.engagement_id for point in await points(town)] == [running] * 3


async def test_the_last_second_of_a_trip_is_kept_though_it_is_written_after_the_end(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "in_progress")
    last = fixes(town, 3)
    town.clock.move(2)
    await town.do(town.driver, ride, "finish")
    town.clock.move(1)
    after = [Fix(lat=PORT.lat, lon=PORT.lon, at=town.clock.at.timestamp())]
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): [*last, *after]})
    assert len(await points(town)) == 3


async def test_the_track_is_a_line_for_the_parties_and_staff(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "en_route")
    assert (await run_as(town.tools, town.customer, track_of, ride))["coordinates"] == []
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): fixes(town, 3)})
    for actor in (town.customer, town.driver, town.staff):
        track = await run_as(town.tools, actor, track_of, ride)
        assert track["type"] == "LineString"
        assert track["coordinates"][0] == [PORT.lon, PORT.lat]
        assert len(track["times"]) == len(track["coordinates"]) == 3
    with pytest.raises(NotFound):
        await run_as(town.tools, await an_account(town.tools), track_of, ride)


async def test_a_track_erases_itself_and_leaves_a_receipt(town: Town) -> None:
    ride = await town.ride()
    await town.drive_to(ride, "en_route")
    await run_as(town.tools, ENGINE, append, {(ride, "monaco"): fixes(town, 3)})
    kept = [f"{p.at.astimezone(UTC).isoformat()},{p.lat!r},{p.lon!r}" for p in await points(town)]
    await town.drive_to(ride, "completed")
    town.clock.move(town.tools.knobs.track_kept + 1)
    await town.settle()
    assert await points(town) == []
    track = await run_as(town.tools, town.customer, track_of, ride)
    assert track["coordinates"] == track["times"] == []
    receipt = track["receipt"]
    assert receipt["rows"] == 3
    assert receipt["sha256"] == hashlib.sha256("\n".join(kept).encode()).hexdigest()
    told = await run_as(town.tools, town.driver, timeline_of, ride)
    assert told[-1]["kind"] == "erasure"


async def test_a_link_follows_the_trip_and_dies_with_it(town: Town) -> None:
    ride = await town.ride()
    link = await run_as(town.tools, town.customer, share_trip, ride)
    assert link["url"] == f"/t/{link['token']}"
    assert (await run_as(town.tools, NOBODY, follow, link["token"]))["position"] is None
    await town.drive_to(ride, "en_route")
    put_at(town.tools, town.driver.id, ROCK)
    seen = await run_as(town.tools, NOBODY, follow, link["token"])
    assert (seen["state"], seen["provider"]["name"]) == ("en_route", "Dominique")
    assert seen["position"] == {"lat": 43.7305, "lon": 7.4222, "age_s": 0}
    assert seen["eta_s"] > 0
    with pytest.raises(NotFound):
        await run_as(town.tools, NOBODY, follow, link["token"] + "x")
    async with town.tools.sessions() as db:
        assert link["token"] not in (await db.execute(select(Share.token_hash))).scalar_one()
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.staff, share_trip, ride)
    await town.do(town.customer, ride, "cancel")
    with pytest.raises(NotFound):
        await run_as(town.tools, NOBODY, follow, link["token"])
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, share_trip, ride)


async def test_a_position_that_is_gone_is_not_shown(town: Town) -> None:
    ride = await town.ride()
    link = await run_as(town.tools, town.customer, share_trip, ride)
    await town.drive_to(ride, "en_route")
    put_at(town.tools, town.driver.id, ROCK)
    town.clock.move(121)
    seen = await run_as(town.tools, NOBODY, follow, link["token"])
    assert (seen["position"], seen["eta_s"]) == (None, None)


async def test_the_parties_talk_until_a_day_after_the_end(town: Town) -> None:
    ride = await town.ride()
    await run_as(town.tools, town.customer, send_message, ride, "  I wear a red hat ")
    assert "message.created" in await town.heard(town.driver)
    assert "message.created" not in await town.heard(town.customer)
    await town.drive_to(ride, "completed")
    town.clock.move(3_600)
    await run_as(town.tools, town.driver, send_message, ride, "your umbrella is here")
    for actor in (town.customer, town.driver, town.staff):
        told = await run_as(town.tools, actor, messages_of, ride, after=None, limit=10)
        assert [message["text"] for message in told] == ["I wear a red hat", "your umbrella is here"]
    for words in ("   ", "x" * 2_001):
        with pytest.raises(Invalid):
            await run_as(town.tools, town.customer, send_message, ride, words)
    with pytest.raises(Forbidden):
        await run_as(town.tools, town.staff, send_message, ride, "hello")
    town.clock.move(24 * 3_600)
    with pytest.raises(IllegalMove):
        await run_as(town.tools, town.customer, send_message, ride, "still there?")


async def test_the_timeline_tells_everything_in_order_to_each_reader(town: Town) -> None:
    ride = await town.ride()
    await run_as(town.tools, town.customer, send_message, ride, "at the port")
    await town.drive_to(ride, "completed")
    await town.settle()
    for actor in (town.customer, town.driver, town.staff):
        told = await run_as(town.tools, actor, timeline_of, ride)
        assert [item["at"] for item in told] == sorted(item["at"] for item in told)
        kinds = {item["kind"] for item in told}
        assert kinds >= {"event", "action", "message", "money"}
        verbs = [item["verb"] for item in told if item["kind"] == "action"]
        assert verbs == ["ask", "accept", "set_off", "arrive", "start", "finish"]
    row = await town.row(ride)
    (paid,) = [i for i in await run_as(town.tools, town.customer, timeline_of, ride) if i["kind"] == "money"]
    assert paid["amount"]["amount"] == -row.price_cents
    (made,) = [i for i in await run_as(town.tools, town.driver, timeline_of, ride) if i["kind"] == "money"]
    assert made["amount"]["amount"] == row.price_cents - row.fee_cents
