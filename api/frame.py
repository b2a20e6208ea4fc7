"""The outermost layers, as pure ASGI: an id for each request, safe headers, the log, the last resort, body caps."""

import asyncio
import logging
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.languages import language_of
from api.metrics import Metrics
from api.problems import body_of, framework_body, problem_response, refusal_body
from domain.rules.errors import Unavailable
from domain.usecases.outages import unavailable_for

log = logging.getLogger("coudmain.access")
crashes = logging.getLogger("coudmain.crash")

SHARED: Final = re.compile(r"(/v1/shared/|/t/).+")  # what follows opens somebody's trip: not for a log
current_request: Final[ContextVar[str]] = ContextVar("current_request", default="")
"""The id of the request that is being answered, for whoever writes a line of log meanwhile."""

REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"  # of answers that are not pages


class Frame:
    """Gives each request an id (the client's, when it is a sane one), times it, logs it without its query
    or a share link's token, and answers what nobody else did: an outage with a 503 problem, anything else with
    a 500."""

    def __init__(
        self, app: ASGIApp, *, new_id: Callable[[], UUID], monotonic: Callable[[], float], metrics: Metrics
    ) -> None:
        self._app, self._new_id, self._monotonic, self._metrics = app, new_id, monotonic, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        request_id = sent if REQUEST_ID.match(sent) else str(self._new_id())
        scope.setdefault("state", {})["request_id"] = request_id
        current_request.set(request_id)  # the server runs each request in a task of its own
        path = SHARED.sub(r"\1…", scope["path"])
        status, began = 0, self._monotonic()

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                if not headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", API_POLICY)
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, framed)
        except (
            ClientDisconnect
        ):  # hung up in the middle of asking: nobody is left to answer, nothing was done
            log.info("%s %s: the client hung up (request %s)", scope["method"], path, request_id)
        except Exception as error:  # the last resort: but for an outage, whatever reaches this place is a bug
            outage = unavailable_for(error)
            if outage is None:
                crashes.exception("%s %s failed (request %s)", scope["method"], path, request_id)
            else:
                log.warning("%s %s: %s (request %s)", scope["method"], path, error, request_id)
            if status:
                raise
            language = language_of(Headers(scope=scope))
            answer = _crashed(request_id, language) if outage is None else _away(outage, request_id, language)
            await answer(scope, receive, framed)
        finally:
            self._metrics.in_flight.dec()
            took = self._monotonic() - began
            template = getattr(scope.get("route"), "path", "other")
            self._metrics.observe(scope["method"], template, status, took)
            log.info("%s %s %s %.1f ms %s", scope["method"], path, status, took * 1000, request_id)


CRASHED: Final = {
    "en": ("Something broke on our side", "This is a bug. Tell us the request_id."),
    "fr": (
        "Quelque chose s'est cassé chez nous",
        "C'est une erreur de notre part. Dites-nous le request_id.",
    ),
}


def _crashed(request_id: str, language: str) -> ASGIApp:
    title, detail = CRASHED[language]
    body = body_of(
        status=500,
        code="internal",
        title=title,
        detail=detail,
        request_id=request_id,
    )
    return problem_response(body)


def _away(outage: Unavailable, request_id: str, language: str) -> ASGIApp:
    return problem_response(refusal_body(outage, request_id, language))


class BodyCap:
    """Refuses bodies over `limit` bytes with 413: by their announced length, or once that much has come. One that has
    not come `within` seconds is refused with 408."""

    def __init__(self, app: ASGIApp, *, limit: int, within: float) -> None:
        self._app, self._limit, self._within = app, limit, within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._limit:
            request_id = str(scope.get("state", {}).get("request_id", ""))
            body = framework_body(413, self._words, request_id, language_of(headers))
            await problem_response(body, {"Connection": "close"})(scope, receive, send)
            return
        came, whole = 0, False
        due = asyncio.get_running_loop().time() + self._within

        async def counted() -> Message:
            nonlocal came, whole
            if whole:
                return await receive()  # the client's leaving, which may take as long as the answer
            try:
                async with asyncio.timeout_at(due):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the body did not come in time", {"Connection": "close"}) from None
            whole = not message.get("more_body", False)
            came += len(message.get("body", b""))
            if came > self._limit:
                raise HTTPException(413, self._words)  # answered by `api.problems`
            return message

        await self._app(scope, counted, send)

    @property
    def _words(self) -> str:
        return f"a body may have {self._limit} bytes"


class Heads:
    """HEAD wherever there is a GET: the same answer without its body (RFC 9110 §9.3.2), as probes and `curl -I` ask."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def bodiless(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"}
        await self._app(asked, receive, bodiless)
        if "route" in asked:
            scope["route"] = asked["route"]  # `Frame` counts by it


class Gzip:
    """Compresses answers of a kilobyte and more, except pieces of a file: a range counts its plain bytes."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._zipped = GZipMiddleware(app, minimum_size=1_000, compresslevel=5)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ranged = scope["type"] == "http" and "range" in Headers(scope=scope)
        await (self._plain if ranged else self._zipped)(scope, receive, send)
