"""A collector of traces on the loopback: it reads OTLP over HTTP as the specification has it, or never answers."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

WITHIN: Final = 15.0  # s for a span to come: exports leave once a second


@dataclass(frozen=True)
class Seen:
    """A span as it came over the wire. Ids in hex; a parent of "" is none."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    began: int
    ended: int
    service: str
    instance: str  # of which process
    parts: str  # what that process is
    failed: bool


@dataclass
class Collector:
    """Everything that was exported to it."""

    url: str = ""
    spans: list[Seen] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes) -> None:
        """One export."""
        request = ExportTraceServiceRequest.FromString(body)
        with self.came:
            self.bodies.append(body)
            for of_resource in request.resource_spans:
                process = _attributes(of_resource.resource.attributes)
                for of_scope in of_resource.scope_spans:
                    self.spans += [_seen(span, process) for span in of_scope.spans]
            self.came.notify_all()

    def wait(self, enough: Callable[[list[Seen]], bool]) -> list[Seen]:
        """Everything so far, once that is enough."""
        deadline = time.monotonic() + WITHIN
        with self.came:
            while not enough(self.spans):
                left = deadline - time.monotonic()
                if left <= 0:
                    told = [(span.name, span.trace) for span in self.spans[-40:]]
                    raise AssertionError(f"not exported within {WITHIN} s; last: {told}")
                self.came.wait(left)
            return list(self.spans)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that answers."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            right = (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
            if right:
                collector.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if right else 400)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


@dataclass
class Silent:
    """Takes connections, and never says a word on them."""

    url: str
    called: threading.Event = field(default_factory=threading.Event)
    held: list[socket.socket] = field(default_factory=list)


@contextmanager
def silence() -> Iterator[Silent]:
    """A collector that never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    silent = Silent(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def take() -> None:
        while True:
            try:
                held, _ = listener.accept()
            except OSError:
                return
            silent.held.append(held)
            silent.called.set()

    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    try:
        yield silent
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        taking.join()
        for held in silent.held:
            held.close()


def _seen(span: Span, process: dict[str, Any]) -> Seen:
    return Seen(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        attributes=_attributes(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        service=process["service.name"],
        instance=process["service.instance.id"],
        parts=process.get("coudmain.parts", ""),
        failed=span.status.code == 2,  # STATUS_CODE_ERROR
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")
