"""How long an answer may take, whatever it waits for: a phone's patience ends, and a 503 is kinder than silence."""

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.languages import language_of
from api.problems import problem_response, refusal_body
from domain.usecases.outages import took_too_long

UNHURRIED: Final = frozenset({"/v1/ops/tours"})  # a search that staff wait for; it has a bound of its own


class Patience:
    """Refuses with 503 what has not begun to be answered `within` seconds, and undoes it.

    A wait for a connection, a statement, its locks, the payment service: each has its bound, and several in a row add
    up. The time that the client takes to send its body is not ours and not counted (`BodyCap` has an eye on it), nor is
    the time it takes to read.
    """

    def __init__(self, app: ASGIApp, *, within: float) -> None:
        self._app, self._within = app, within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNHURRIED:
            await self._app(scope, receive, send)
            return
        begun, patience, clock = False, asyncio.timeout(self._within), asyncio.get_running_loop().time

        async def received() -> Message:
            due = patience.when()
            if due is None or patience.expired():
                return await receive()
            asked_at = clock()
            patience.reschedule(None)
            message = await receive()
            patience.reschedule(due + clock() - asked_at)
            return message

        async def answered(message: Message) -> None:
            nonlocal begun
            begun = True
            if not patience.expired():
                patience.reschedule(None)
            await send(message)

        try:
            async with patience:
                await self._app(scope, received, answered)
        except TimeoutError:
            if begun or not patience.expired():
                raise
            request_id = str(scope.get("state", {}).get("request_id", ""))
            body = refusal_body(took_too_long(), request_id, language_of(Headers(scope=scope)))
            await problem_response(body)(scope, receive, send)
