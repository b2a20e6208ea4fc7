"""One contract for every implementation of the travel port, OSRM's a real server on the demo city."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import pytest_asyncio

from app import cities
from app.mapimport import read_streets
from app.osrm import OsrmTravelTimes
from app.travelling import LONGEST_REST, REST, Breaker, FallingBack, OsrmUnavailable, StreetTravel
from bench import osrm
from domain.rules.ports import TravelTimes
from geo.points import LatLng, crow_m
from geo.streets import StreetGraph
from geo.travel import Profile

CASINO, STATION, PORT = LatLng(43.7392, 7.4278), LatLng(43.7385, 7.4195), LatLng(43.7352, 7.4214)
AT_SEA = LatLng(43.60, 7.60)

needs_the_city = pytest.mark.skipif(not cities.ready("monaco"), reason="the demo city's data is not here")
needs_osrm = pytest.mark.skipif(bool(osrm.why_not()), reason=osrm.why_not() or "OSRM is here")


@pytest.fixture(scope="module")
def streets() -> StreetGraph:
    return StreetGraph(read_streets(cities.extract("monaco")))


@pytest.fixture(scope="module")
def osrm_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return osrm.build(cities.extract("monaco"), tmp_path_factory.mktemp("osrm"))


@pytest.fixture(scope="module")
def osrm_url(osrm_files: Path) -> Iterator[str]:
    with osrm.serving(osrm_files) as server:
        yield server.url


@pytest_asyncio.fixture
async def osrm_times(osrm_url: str) -> AsyncIterator[OsrmTravelTimes]:
    times = OsrmTravelTimes(osrm_url)
    yield times
    await times.close()


@pytest.fixture(
    params=[
        "crow",
        pytest.param("streets", marks=needs_the_city),
        pytest.param("osrm", marks=[needs_the_city, needs_osrm]),
        pytest.param("osrm over streets", marks=[needs_the_city, needs_osrm]),
    ]
)
def times(request: pytest.FixtureRequest) -> tuple[TravelTimes, str]:
    """An implementation, and the source its answers name."""
    name: str = request.param
    if name == "crow":
        return StreetTravel(None), "crow"
    if name == "streets":
        return StreetTravel(request.getfixturevalue("streets")), "streets"
    asked: OsrmTravelTimes = request.getfixturevalue("osrm_times")
    if name == "osrm":
        return asked, "osrm"
    return FallingBack(asked, StreetTravel(request.getfixturevalue("streets"))), "osrm"


async def test_every_answer_has_one_way_for_each_place_in_the_order_asked_and_its_source(times):
    port, source = times
    travel = await port.to_one([CASINO, STATION, PORT], PORT, Profile.DRIVE)
    assert travel.source == source
    assert travel.seconds.dtype == travel.meters.dtype == np.float32
    one_by_one = [await port.to_one([place], PORT, Profile.DRIVE) for place in (CASINO, STATION, PORT)]
    assert travel.seconds.tolist() == pytest.approx([float(one.seconds[0]) for one in one_by_one])
    assert travel.meters.tolist() == pytest.approx([float(one.meters[0]) for one in one_by_one])
    assert travel.seconds[2] == travel.meters[2] == 0


async def test_from_one_to_many_is_each_of_them_from_the_other_side(times):
    port, source = times
    travel = await port.from_one(CASINO, [STATION, PORT], Profile.DRIVE)
    assert travel.source == source
    for k, place in enumerate((STATION, PORT)):
        back = await port.to_one([CASINO], place, Profile.DRIVE)
        assert float(travel.seconds[k]) == pytest.approx(float(back.seconds[0]), rel=0.02)


async def test_nobody_asked_nothing_answered(times):
    port, _ = times
    assert (await port.to_one([], PORT, Profile.DRIVE)).seconds.tolist() == []


async def test_a_route_is_as_long_as_its_travel_and_begins_and_ends_where_asked(times):
    port, source = times
    route = await port.route(CASINO, PORT, Profile.DRIVE)
    travel = await port.from_one(CASINO, [PORT], Profile.DRIVE)
    assert route is not None
    assert route.source == source
    assert route.seconds == pytest.approx(float(travel.seconds[0]), rel=0.01)
    assert route.meters == pytest.approx(float(travel.meters[0]), rel=0.01)
    assert route.meters >= crow_m(CASINO, PORT) * 0.95
    assert len(route.points) >= 2
    assert crow_m(route.points[0], CASINO) < 100
    assert crow_m(route.points[-1], PORT) < 100


async def test_walkers_and_cyclists_are_answered_too_or_refused_by_name(times):
    port, source = times
    if isinstance(port, OsrmTravelTimes):
        with pytest.raises(OsrmUnavailable):
            await port.to_one([CASINO], PORT, Profile.WALK)
        return
    walk = await port.to_one([CASINO], PORT, Profile.WALK)
    ride = await port.to_one([CASINO], PORT, Profile.CYCLE)
    assert walk.seconds[0] > ride.seconds[0] > 0
    assert walk.source in {source, "streets"}


async def test_off_the_map_is_unreachable_wherever_there_is_a_map(times):
    port, source = times
    travel = await port.to_one([AT_SEA, CASINO], PORT, Profile.DRIVE)
    assert np.isinf(travel.seconds).tolist() == [source != "crow", False]
    assert ((await port.route(CASINO, AT_SEA, Profile.DRIVE)) is None) is (source != "crow")


@needs_the_city
@needs_osrm
async def test_many_places_are_asked_for_in_several_tables(osrm_times, streets, monkeypatch):
    rng = np.random.default_rng(1)
    places = [streets.random_point(rng) for _ in range(25)]
    whole = await osrm_times.to_one(places, PORT, Profile.DRIVE)
    monkeypatch.setattr("app.osrm.MOST_AT_ONCE", 10)
    parts = await osrm_times.to_one(places, PORT, Profile.DRIVE)
    assert whole.seconds.tolist() == parts.seconds.tolist()


@needs_the_city
@needs_osrm
async def test_osrm_and_the_streets_mean_the_same_by_a_second(osrm_times, streets):
    rng = np.random.default_rng(2)
    places = [streets.random_point(rng) for _ in range(60)]
    ratios = []
    for one in places[:12]:
        asked, ours = (
            await osrm_times.to_one(places[12:], one, Profile.DRIVE),
            streets.to_one(places[12:], one),
        )
        ratios += (ours.seconds / asked.seconds).tolist()
    assert float(np.median(ratios)) == pytest.approx(1.0, abs=0.05)


@needs_the_city
@needs_osrm
async def test_a_dead_osrm_is_asked_once_and_a_living_one_again(osrm_files, streets):
    moment = [0.0]
    with osrm.serving(osrm_files) as server:
        asked = OsrmTravelTimes(server.url)
        port = FallingBack(asked, StreetTravel(streets), Breaker(lambda: moment[0]))
        assert (await port.to_one([CASINO], PORT, Profile.DRIVE)).source == "osrm"
    for _ in range(2):  # the second time nobody knocks
        assert (await port.to_one([CASINO], PORT, Profile.DRIVE)).source == "streets"
    moment[0] += REST
    with osrm.serving(osrm_files, int(server.url.rpartition(":")[2])):
        route = await port.route(CASINO, PORT, Profile.DRIVE)
        assert route is not None
        assert route.source == "osrm"
    await asked.close()


async def test_a_connection_that_osrm_closed_is_opened_again():
    """A server that hangs up on the first request and answers the second."""
    heard: list[bytes] = []

    async def hang_up_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        if len(heard) > 1:
            body = b'{"code":"Ok","sources":[{"distance":1}],"destinations":[{"distance":1}],'
            body += b'"durations":[[10]],"distances":[[99]]}'
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up_once, "127.0.0.1", 0)
    async with server:
        times = OsrmTravelTimes(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        travel = await times.to_one([CASINO], PORT, Profile.DRIVE)
        await times.close()
    assert travel.seconds.tolist() == [13.0]
    assert len(heard) == 2


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(400, json={"code": "TooBig"})]
)
async def test_what_is_no_answer_is_left_to_others(answer):
    times = OsrmTravelTimes("http://osrm", httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)))
    with pytest.raises(OsrmUnavailable):
        await times.from_one(CASINO, [PORT], Profile.DRIVE)
    port = FallingBack(times, StreetTravel(None))
    assert (await port.from_one(CASINO, [PORT], Profile.DRIVE)).source == "crow"
    route = await port.route(CASINO, PORT, Profile.DRIVE)
    assert route is not None
    assert route.source == "crow"


async def test_a_place_without_a_way_is_unreachable():
    near = {"distance": 1}
    columns = {"durations": [[10, None]], "distances": [[99, None]]}
    body = {"code": "Ok", "sources": [near], "destinations": [near, near], **columns}
    answer = httpx.Response(200, json=body)
    times = OsrmTravelTimes("http://osrm", httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)))
    travel = await times.from_one(CASINO, [PORT, STATION], Profile.DRIVE)
    assert travel.meters.tolist() == [99.0, np.inf]
    assert travel.seconds.tolist() == [13.0, np.inf]


async def test_nobody_listening_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: whoever knocks is refused
        times = OsrmTravelTimes(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(OsrmUnavailable):
            await times.route(CASINO, PORT, Profile.DRIVE)
        await times.close()


def test_the_rest_after_failures_grows_to_a_bound_and_is_short_again_after_an_answer():
    moment = [0.0]
    breaker = Breaker(lambda: moment[0])
    for rest in (REST, 2 * REST, 4 * REST):
        assert breaker.open
        breaker.failed()
        shut = [breaker.open]
        moment[0] += rest - 1
        assert [*shut, breaker.open] == [False, False]
        moment[0] += 1
    for _ in range(10):
        breaker.failed()
    moment[0] += LONGEST_REST
    assert breaker.open
    breaker.answered()
    breaker.failed()
    moment[0] += REST
    assert breaker.open
