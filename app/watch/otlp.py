"""Spans over OTLP/HTTP, by OpenTelemetry's SDK. Imported only where a collector is configured.

A span is written when what it tells of is over, in a queue that drops what does not fit; a thread of its own
sends it. A collector that is slow or away costs spans, never time.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from threading import Thread
from time import time_ns
from typing import Final
from uuid import UUID

from fastapi import FastAPI
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.rules.traces import Carried, first_span_of, span_of, trace_of

WAITING: Final = 4_096  # spans; what comes on top replaces the oldest
AT_ONCE: Final = 512  # spans an export
EVERY_MS: Final = 1_000  # between exports
ANSWER_WITHIN: Final = 2.0  # s an export may take, its retries included
LAST_BEGUN_WITHIN: Final = 1.0  # s at the stop in which exports are still begun; what is unsent then is lost
CHANCE_BITS: Final = 56  # the right-most bits of a trace id that are random (W3C Trace Context level 2, §5.1)

REQUEST: Final = "coudmain.request_id"
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER: Final = "_OTHER"  # whatever else a client made up, by the conventions for HTTP spans


@dataclass(slots=True)
class _Deed:
    """What was committed while it was done."""

    requests: set[UUID] = field(default_factory=set)
    opened: set[UUID] = field(default_factory=set)


_current: Final[ContextVar[_Deed | None]] = ContextVar("current_deed", default=None)


class OtlpTraces:
    """The port's implementation. Owned by one event loop; `close` it."""

    def __init__(self, endpoint: str, *, share: float, resource: dict[str, str]) -> None:
        """`endpoint`: the collector's base, `http://127.0.0.1:4318`. `share` of the traces are kept, whole ones."""
        self._exporter = _Exporter(endpoint.rstrip("/") + "/v1/traces", timeout=ANSWER_WITHIN)
        self._ids, self._share = _Ids(), _Share(share)
        self._provider = TracerProvider(
            sampler=self._share,
            resource=Resource(resource),
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter, WAITING, EVERY_MS, AT_ONCE))
        self._tracer = self._provider.get_tracer("coudmain")

    def watch(self, api: FastAPI) -> None:
        """Have a span for each request over HTTP."""
        api.add_middleware(TracedHttp, traces=self)

    @contextmanager
    def deed(self, name: str) -> Iterator[None]:
        began, deed = time_ns(), _Deed()
        token = _current.set(deed)
        try:
            yield
        finally:
            _current.reset(token)
            self._tell(deed, deed.requests, name, began)

    def committed(self, requests: Iterable[UUID], opened: Iterable[UUID]) -> None:
        deed = _current.get()
        if deed is not None:
            deed.requests.update(requests, opened)
            deed.opened.update(opened)

    def relayed(self, event: Carried, since: datetime) -> None:
        self._ids.span = span_of(event.account_id, event.seq)
        self._write(event, "event", SpanKind.PRODUCER, _ns(since), self._first(event.request_id), {})

    def delivered(self, event: Carried, since: datetime, sockets: int) -> None:
        told = {"coudmain.sockets": sockets}
        self._write(event, "socket", SpanKind.CONSUMER, _ns(since), self._event(event), told)

    def pushed(self, event: Carried, since: datetime, *, platform: str, fate: str, attempt: int) -> None:
        told: dict[str, str | int] = {
            "coudmain.platform": platform,
            "coudmain.fate": fate,
            "coudmain.attempt": attempt,
        }
        self._write(event, "push", SpanKind.CLIENT, _ns(since), self._event(event), told)

    def answered(self, http: "HttpExchange", deed: "_Deed") -> None:
        """A request over HTTP is over. In its client's trace if it came with one, else in that of what it was about."""
        sent = _propagator.extract({"traceparent": http.traceparent, "tracestate": http.tracestate})
        others = sorted(deed.requests)
        told = http.attributes
        if get_current_span(sent).get_span_context().is_valid:
            where = sent
        elif others:
            told[REQUEST] = str(others[0])
            where = self._place(others.pop(0), deed)
        else:
            where = Context()
        span = self._tracer.start_span(
            http.name,
            where,
            SpanKind.SERVER,
            told,
            [Link(_in(self._first(request_id))) for request_id in others],
            http.began,
        )
        if http.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
        self._tell(deed, others, http.name, http.began, [Link(span.get_span_context())])

    async def close(self) -> None:
        """Send what waits, for so long; nothing of it goes on afterwards. In a thread that no exit waits for."""
        ending = Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_BEGUN_WITHIN)
        self._exporter.is_over = True
        await asyncio.to_thread(ending.join, 2 * ANSWER_WITHIN)  # one export is under way at most

    def _tell(
        self,
        deed: _Deed,
        requests: Iterable[UUID],
        name: str,
        began: int,
        links: Sequence[Link] = (),
    ) -> None:
        """A span of the deed in the trace of each request."""
        for request_id in sorted(requests):
            told, where = {REQUEST: str(request_id)}, self._place(request_id, deed)
            self._tracer.start_span(name, where, SpanKind.INTERNAL, told, links, began).end()

    def _write(
        self,
        event: Carried,
        noun: str,
        kind: SpanKind,
        began: int,
        where: Context,
        more: Mapping[str, str | int],
    ) -> None:
        told = {
            REQUEST: str(event.request_id),
            "coudmain.event": event.type,
            "coudmain.seq": event.seq,
            **more,
        }
        self._tracer.start_span(f"{noun} {event.type}", where, kind, told, (), began).end()

    def _place(self, request_id: UUID, deed: _Deed) -> Context:
        """Where the next span goes in a request's trace: at its beginning if the deed opened it, else below that."""
        if request_id not in deed.opened:
            return self._first(request_id)
        self._ids.trace, self._ids.span = trace_of(request_id), first_span_of(request_id)
        return Context()

    def _first(self, request_id: UUID) -> Context:
        return self._at(trace_of(request_id), first_span_of(request_id))

    def _event(self, event: Carried) -> Context:
        return self._at(trace_of(event.request_id), span_of(event.account_id, event.seq))

    def _at(self, trace: int, span: int) -> Context:
        """Below a span that somebody writes somewhere."""
        flags = TraceFlags(TraceFlags.SAMPLED if self._share.keeps(trace) else TraceFlags.DEFAULT)
        parent = SpanContext(trace, span, is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(parent), Context())


@dataclass(slots=True)
class HttpExchange:
    """What there is to say of a request over HTTP and its answer."""

    method: str
    traceparent: str
    tracestate: str
    began: int
    route: str = ""
    status: int = 0  # 0: the client left before there was one
    id: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.route}" if self.route else self.method

    @property
    def attributes(self) -> dict[str, str | int]:
        """By the semantic conventions for HTTP spans, where they have a word for it. Never the path: it opens trips."""
        told: dict[str, str | int] = {"http.request.method": self.method, "coudmain.http_request_id": self.id}
        if self.route:
            told["http.route"] = self.route
        if self.status:
            told["http.response.status_code"] = self.status
        return told


class TracedHttp:
    """ASGI layer around all others: a span for each HTTP request."""

    def __init__(self, app: ASGIApp, *, traces: OtlpTraces) -> None:
        self._app, self._traces = app, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("traceparent", ""), headers.get("tracestate", "")
        method = scope["method"] if scope["method"] in METHODS else OTHER
        http, deed = HttpExchange(method, *sent, time_ns()), _Deed()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                http.status = message["status"]
            await send(message)

        token = _current.set(deed)
        try:
            await self._app(scope, receive, noted)
        finally:
            _current.reset(token)
            http.route = getattr(scope.get("route"), "path", "")
            http.id = scope.get("state", {}).get("request_id", "")
            self._traces.answered(http, deed)


class _Exporter(OTLPSpanExporter):
    """Begins no export once it is over: the SDK by itself goes on for half a minute with a collector that is away."""

    is_over: bool = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.FAILURE if self.is_over else super().export(spans)


class _Ids(RandomIdGenerator):
    """Random ids, but for a span whose ids are known beforehand. Used by one thread."""

    trace: int = 0
    span: int = 0

    def generate_trace_id(self) -> int:
        chosen, self.trace = self.trace, 0
        return chosen or super().generate_trace_id()

    def generate_span_id(self) -> int:
        chosen, self.span = self.span, 0
        return chosen or super().generate_span_id()


class _Share(Sampler):
    """Keeps a share of the traces, the same ones in every process; a trace somebody began elsewhere as they chose."""

    def __init__(self, share: float) -> None:
        self._share, self._below = share, round(share * (1 << CHANCE_BITS))

    def keeps(self, trace_id: int) -> bool:
        """Whether a trace is among them."""
        return trace_id & (1 << CHANCE_BITS) - 1 < self._below

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002 - the SDK's signature
        kind: SpanKind | None = None,  # noqa: ARG002 - likewise
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002 - likewise
        trace_state: TraceState | None = None,  # noqa: ARG002 - likewise
    ) -> SamplingResult:
        parent = get_current_span(parent_context).get_span_context()
        kept = parent.trace_flags.sampled if parent.is_valid else self.keeps(trace_id)
        decision = Decision.RECORD_AND_SAMPLE if kept else Decision.DROP
        return SamplingResult(decision, attributes, parent.trace_state)

    def get_description(self) -> str:
        return f"Share({self._share:g})"


def _ns(moment: datetime) -> int:
    """Unix nanoseconds."""
    return round(moment.timestamp() * 1e6) * 1_000


def _in(context: Context) -> SpanContext:
    return get_current_span(context).get_span_context()


_propagator: Final = TraceContextTextMapPropagator()
