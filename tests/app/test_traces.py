"""Traces: a request's life is one trace whoever wrote it, a client's own is honoured, and nobody waits for them."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio

from app.postgres import PrivateCluster
from app.settings import SettingsError, read
from app.watch.otlp import ANSWER_WITHIN, AT_ONCE, WAITING, OtlpTraces
from domain.rules.events import Event, EventType
from domain.rules.traces import carried, first_span_of, requests_of, span_of, trace_of
from tests.app.collector import Collector, Seen, collecting, silence
from tests.cluster import copy_of_the_template
from tests.factories import DAWN
from tests.stranger.acts import BEACH, CASINO, PORT
from tests.stranger.client import WITHIN, ride
from tests.stranger.conftest import SETTINGS, People
from tests.stranger.engine import ROOT, EngineProcess

pytestmark = pytest.mark.timeout(150)  # engines of their own, which start and stop

SOMEBODY = UUID("019682b3-1c00-7a52-8b5e-3f1c7f9d2a10")
REQUEST = UUID("019682b3-1c00-7a52-bb5e-3f1c7f9d2aff")
CLIENTS = "4bf92f3577b34da6a3ce929d0e0e4736"  # the trace and the span of the specification's own example
CLIENTS_SPAN = "00f067aa0ba902b7"
EXPORTING = {"OtelBatchSpanRecordProcessor", "last spans"}  # the threads of a recorder
GENEROUS = 0.6 * ANSWER_WITHIN * WAITING / AT_ONCE  # s; all that waits, exported in vain, would take longer


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced(
    cluster: PrivateCluster,
    database_name: str,
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EngineProcess]:
    """A real engine that records."""
    process = EngineProcess(
        copy_of_the_template(cluster, f"{database_name}_traces"),
        tmp_path_factory.mktemp("traced"),
        settings={**SETTINGS, "COUDMAIN_OTLP": collector.url},
    )
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest_asyncio.fixture
async def people(traced: EngineProcess) -> AsyncIterator[People]:
    people = People(traced.url)
    yield people
    await people.leave()


def of_trace(spans: list[Seen], trace: str) -> dict[str, Seen]:
    """The spans of a trace by name; of several of one name the last."""
    return {span.name: span for span in spans if span.trace == trace}


async def wait_for(collector: Collector, trace: str, *names: str) -> list[Seen]:
    """Every span so far, once those of these names are there."""
    return await asyncio.to_thread(collector.wait, lambda spans: set(names) <= of_trace(spans, trace).keys())


@pytest.mark.slow
async def test_a_request_is_one_trace_from_http_to_push(people: People, collector: Collector):
    driver = await people.provider("ride-vtc", at=PORT)
    customer = await people.customer()
    socket = await driver.socket()  # it is told, and acknowledges nothing: a push follows
    request = await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH))
    offer = await socket.event("offer.created", lambda data: data["request_id"] == request["id"])
    trace = UUID(request["id"]).hex
    chain = ("round", "event offer.created", "socket offer.created", "push offer.created")
    await wait_for(collector, trace, "POST /v1/requests", *chain)
    (await driver.post(f"/v1/offers/{offer['data']['id']}/accept")).must(200)
    accept = "POST /v1/offers/{offer_id}/accept"
    spans = await wait_for(collector, trace, accept, "event engagement.confirmed")
    seen = of_trace(spans, trace)
    first, round_, event, socket_, push = (seen[name] for name in ("POST /v1/requests", *chain))
    assert (first.kind, first.parent, first.service) == ("server", "", "coudmain")
    assert first.attributes["http.route"] == "/v1/requests"
    assert first.attributes["http.response.status_code"] == 201
    assert round_.parent == event.parent == seen[accept].parent == first.id
    assert socket_.parent == push.parent == event.id
    assert (socket_.attributes["coudmain.sockets"], push.attributes["coudmain.fate"]) == (1, "sent")
    assert {span.attributes["coudmain.request_id"] for span in seen.values()} == {request["id"]}
    assert first.began <= round_.began <= event.began <= socket_.began <= push.began
    ids = [span.id for span in spans if span.trace == trace]
    assert len(set(ids)) == len(ids)
    assert {span.parent for span in spans if span.trace == trace} <= {"", *ids}, "a span hangs in the air"


async def test_a_decline_is_in_the_trace_though_no_event_tells_of_it(people: People, collector: Collector):
    driver, customer = await people.provider("ride-vtc", at=PORT), await people.customer()
    socket = await driver.socket()
    request = await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH))
    offer = await socket.event("offer.created", lambda data: data["request_id"] == request["id"])
    assert (await socket.do("offer.decline", {"id": offer["data"]["id"]}))["t"] == "done"
    (await customer.post(f"/v1/requests/{request['id']}/cancel", {"reason": "x"})).must(200)
    await wait_for(
        collector, UUID(request["id"]).hex, "do offer.decline", "POST /v1/requests/{request_id}/cancel"
    )


async def test_a_trace_the_client_began_is_gone_on_with(people: People, collector: Collector):
    customer = await people.customer()
    quoted = (await customer.quote("ride-vtc", *ride(CASINO, BEACH))).must()
    sent = {"traceparent": f"00-{CLIENTS}-{CLIENTS_SPAN}-01"}
    answer = await customer.post("/v1/requests", {"quote_id": quoted["quote_id"]}, headers=sent)
    request = answer.must(201)
    own = UUID(request["id"]).hex
    await wait_for(collector, CLIENTS, "POST /v1/requests")
    spans = await wait_for(collector, own, "POST /v1/requests")
    theirs, ours = of_trace(spans, CLIENTS)["POST /v1/requests"], of_trace(spans, own)["POST /v1/requests"]
    assert (theirs.kind, theirs.parent) == ("server", CLIENTS_SPAN)
    assert theirs.attributes["coudmain.http_request_id"] == answer.headers["x-request-id"]
    assert theirs.links == ((own, ours.id),)
    assert ours.links == ((CLIENTS, theirs.id),)
    assert ours.parent == ""


async def test_a_client_that_is_not_recorded_is_not_recorded_here(people: People, collector: Collector):
    unsampled, follows = "a" * 32, "b" * 32
    passer_by = await people.passer_by()
    for trace, flags in ((unsampled, "00"), (follows, "01")):
        sent = {"traceparent": f"00-{trace}-{CLIENTS_SPAN}-{flags}"}
        (await passer_by.get("/v1/markets", headers=sent)).must(200)
    spans = await wait_for(collector, follows, "GET /v1/markets")
    assert not of_trace(spans, unsampled)


async def test_an_exchange_has_its_route_its_status_and_its_id_and_no_secret(
    people: People, collector: Collector
):
    passer_by, link = await people.passer_by(), "a-secret-link-of-somebodys-trip"
    for sent in ("nonsense", f"00-{'0' * 32}-{CLIENTS_SPAN}-01"):
        answer = await passer_by.get(f"/v1/shared/{link}?to=whom", headers={"traceparent": sent})
        answer.refuses(404)
        mine = answer.headers["x-request-id"]

        def is_mine(span: Seen, mine: str = mine) -> bool:
            return span.attributes.get("coudmain.http_request_id") == mine

        spans = await asyncio.to_thread(collector.wait, lambda spans: any(map(is_mine, spans)))
        (span,) = filter(is_mine, spans)
        assert span.name == "GET /v1/shared/{token}"
        assert span.attributes["http.response.status_code"] == 404
        assert (span.parent, span.failed) == ("", False)
    exported = b"".join(collector.bodies)
    assert link.encode() not in exported
    assert b"whom" not in exported


@pytest.mark.slow
async def test_a_collector_that_never_answers_keeps_nobody_waiting(
    cluster: PrivateCluster, database_name: str, tmp_path: Path
):
    with silence() as silent:
        process = EngineProcess(
            copy_of_the_template(cluster, f"{database_name}_silence"),
            tmp_path,
            settings={**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": silent.url},
        )
        try:
            process.start()
            people = People(process.url)
            driver, customer = await people.provider("ride-vtc", at=PORT), await people.customer()
            assert await asyncio.to_thread(silent.called.wait, WITHIN), "nothing was exported"
            socket = await driver.socket()
            request = await customer.request_a_ride("ride-vtc", *ride(CASINO, BEACH))
            await socket.event("offer.created", lambda data: data["request_id"] == request["id"])
            await people.leave()
        finally:
            process.stop()
    assert process.process is not None
    assert process.process.returncode == 0, "it had to be killed: the stop waited for the collector"


async def test_more_than_a_silent_collector_takes_is_dropped_and_the_end_is_not_waited_for():
    told = carried(SOMEBODY, 1, "offer.created", {"request_id": str(REQUEST)})
    assert told is not None
    with silence() as silent:
        traces = OtlpTraces(silent.url, share=1.0, resource={})
        began = time.monotonic()
        for _ in range(2 * WAITING):
            traces.relayed(told, DAWN)
        assert time.monotonic() - began < GENEROUS, "exports were waited for"
        assert await asyncio.to_thread(silent.called.wait, WITHIN), "nothing was exported"
        began = time.monotonic()
        await traces.close()
        assert time.monotonic() - began < GENEROUS, "the last exports were waited for"
    assert not [one.name for one in threading.enumerate() if one.name in EXPORTING], (
        "it goes on after its end"
    )


def test_without_a_collector_the_sdk_is_not_even_read(database_url: str, tmp_path: Path):
    script = """
import asyncio, sys
from app.engine import running
from app.settings import Settings
async def whole():
    async with running(Settings(secret="the secret of a test, which is long enough"), sys.argv[1]) as engine:
        assert engine.tools.traces is None
        assert engine.api is not None and not any("Traced" in str(layer) for layer in engine.api.user_middleware)
asyncio.run(whole())
print(sorted(name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))))
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, database_url],
        cwd=ROOT,
        env={"PATH": "", "COUDMAIN_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    assert ran.stdout == "[]\n"


def test_the_share_is_the_same_in_every_process_and_about_as_large_as_it_says():
    traces = [UUID(int=REQUEST.int + number * 0x9E3779B97F4A7C15).int for number in range(2_000)]
    with silence() as silent:
        one, other = (OtlpTraces(silent.url, share=0.25, resource={}) for _ in range(2))
        kept = [trace for trace in traces if one._share.keeps(trace)]
        assert kept == [trace for trace in traces if other._share.keeps(trace)]
        for recorder in (one, other):
            recorder._provider.shutdown()
    assert 0.2 * len(traces) < len(kept) < 0.3 * len(traces)


def test_ids_come_from_what_everybody_knows():
    assert f"{trace_of(REQUEST):032x}" == REQUEST.hex
    assert f"{first_span_of(REQUEST):016x}" == REQUEST.hex[16:]
    assert span_of(SOMEBODY, 1) == span_of(SOMEBODY, 1) != span_of(SOMEBODY, 2)
    assert span_of(SOMEBODY, 1) != span_of(REQUEST, 1)
    assert 0 < span_of(SOMEBODY, 1) < 1 << 64


def test_an_event_belongs_to_the_request_it_names_and_else_to_no_trace():
    by_name = carried(SOMEBODY, 3, "offer.created", {"id": str(SOMEBODY), "request_id": str(REQUEST)})
    assert by_name is not None
    assert by_name.request_id == REQUEST
    by_noun = carried(SOMEBODY, 3, "request.cancelled", {"id": str(REQUEST)})
    assert by_noun is not None
    assert by_noun.request_id == REQUEST
    assert carried(SOMEBODY, 3, "duty.changed", {"on": True}) is None
    assert carried(SOMEBODY, 3, "from.the_future", {"request_id": str(REQUEST)}) is None
    assert carried(SOMEBODY, 3, "offer.created", {"request_id": "no id"}) is None
    told = [Event(SOMEBODY, EventType.OFFER_CREATED, {"request_id": str(REQUEST)})]
    assert requests_of([*told, Event(SOMEBODY, EventType.DUTY_CHANGED, {})]) == {REQUEST}


@pytest.mark.parametrize(
    "wrong",
    [{"COUDMAIN_OTLP": "collector:4318"}, {"COUDMAIN_OTLP_SHARE": "2"}, {"COUDMAIN_OTLP_SHARE": "-1"}],
)
def test_a_setting_that_is_none_is_named(wrong: dict[str, str]):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        read(wrong)


def test_our_own_word_for_the_collector_comes_before_the_common_one():
    common = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://common:4318/"}
    assert read({}).otlp is None
    assert read(common).otlp == "http://common:4318"
    assert read({**common, "COUDMAIN_OTLP": "https://own:4318"}).otlp == "https://own:4318"
