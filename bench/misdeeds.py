"""What is done to phones and what phones do wrong, each with the signs that it was done."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import httpx
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException
from websockets.frames import CloseCode

from bench.bites import Sign
from bench.rideout import Driver
from bench.survivors import Deed, Survivor, fix, name_of
from domain.rules.errors import LostRace

FELT_WITHIN: Final = 120.0  # s from a misdeed to what comes of it, whatever else is away meanwhile
SOON: Final = 10.0  # s a step of it is waited for before it is tried again: a close leaves within five
LOOK_EVERY: Final = 0.05  # s
AT_ONCE: Final = 1.0  # s for what only our own loop has a part in

ASKS_AT: Final = 80.0  # frames a second of a phone that does not read: under the 100 a socket may send
ASKS_BETWEEN: Final = 20  # frames between two looks at its numbers: a quarter of a second, a close waits five
CATCH_UP_WITHIN: Final = 1.0  # s after the first who is ended, for those beside it; its close waits five
WORTHLESS: Final = 100  # fixes in such a frame, each refused at length: 10 KB that are answered with 4
TOO_SLOW: Final = 4002
PINGS: Final = (
    2  # of a line that is to stand still: what is under way to its reader may be the first one's answer
)
TOO_SLOW_SO_FAR: Final = re.compile(r'^coudmain_sockets_closed_total\{why="too_slow"\} (\S+)$', re.MULTILINE)

REFUSALS: Final = {
    timedelta(hours=-2): "too_old",
    timedelta(days=1): "from_the_future",
    timedelta(seconds=-20): "older_than_known",
}
"""Wrong clocks, and why a fix by each is refused."""


async def cut_off(phone: Survivor) -> set[Sign]:
    """Its line breaks without a goodbye."""
    if not await until(lambda: phone.welcomed) or (line := phone.socket) is None:
        return set()
    line.transport.abort()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(AT_ONCE):
            await line.wait_closed()
    cut = {Sign.CUT} if line.close_code == CloseCode.ABNORMAL_CLOSURE else set()
    return cut | await _welcomed_after(phone, line)


async def stand_still(phone: Survivor, lasts: float) -> set[Sign]:
    """Its line brings nothing for so many seconds; what was said meanwhile comes late, and in order."""
    async with phone.one_fill:
        deadline = time.monotonic() + FELT_WITHIN
        while time.monotonic() < deadline and await until(lambda: _live_line_of(phone) is not None):
            line = _live_line_of(phone)
            if line is not None and await _hears_late(phone, line, lasts):
                return {Sign.LATE}
    return set()


async def _hears_late(phone: Survivor, line: ClientConnection, lasts: float) -> bool:
    """Whether a pong that was asked for at the beginning comes after the end. One frame is under way already."""
    before = phone.pongs
    phone.reads.clear()
    try:
        for _ in range(PINGS):
            await _send(line, '{"t": "ping"}')
        await asyncio.sleep(lasts)
        heard_meanwhile = phone.pongs - before
    finally:
        phone.reads.set()

    def heard() -> bool:
        return phone.pongs - before >= PINGS

    await until(lambda: heard() or line.close_code is not None, SOON)
    return heard() and heard_meanwhile < PINGS


async def fill_its_line(driver: Driver) -> set[Sign]:
    """Ask for more and more and read nothing, until the gateway ends it as too slow; then read why it ends."""
    async with driver.one_fill:
        deadline = time.monotonic() + FELT_WITHIN
        while time.monotonic() < deadline and await until(lambda: _live_line_of(driver) is not None):
            line = _live_line_of(driver)
            if line is not None and await _is_ended_as_too_slow(driver, line, deadline):
                return {Sign.TOO_SLOW} | await _welcomed_after(driver, line)
    return set()


def _live_line_of(phone: Survivor) -> ClientConnection | None:
    """The socket it was welcomed on. One that has died stays its socket until it has noticed."""
    line = phone.socket
    return line if phone.welcomed and line is not None and line.close_code is None else None


async def _welcomed_after(phone: Survivor, line: ClientConnection) -> set[Sign]:
    again = await until(lambda: phone.welcomed and phone.socket is not line)
    return {Sign.WELCOMED} if again else set()


async def _is_ended_as_too_slow(driver: Driver, line: ClientConnection, deadline: float) -> bool:
    """Whether the gateway ended it, in words. It fills its line again when it was another's that ended."""
    while line.close_code is None and time.monotonic() < deadline:
        await _asks_and_does_not_read(driver, line, deadline)
        await _reads_on(driver, line)
    return line.close_code == TOO_SLOW


async def _asks_and_does_not_read(driver: Driver, line: ClientConnection, deadline: float) -> None:
    """Until its gateway has ended a socket as too slow, and those as good as full after it; or the line is dead."""
    gateway, until_when = driver.socket_at, deadline
    before = await _too_slow_at(driver, gateway)
    driver.reads.clear()
    try:
        while line.close_code is None and time.monotonic() < until_when:
            for _ in range(ASKS_BETWEEN):
                await _send(line, _much_to_ask(driver))
                await asyncio.sleep(1 / ASKS_AT)
            if until_when == deadline and await _too_slow_at(driver, gateway) != before:
                until_when = min(deadline, time.monotonic() + CATCH_UP_WITHIN)
    finally:
        driver.reads.set()


def _much_to_ask(driver: Driver) -> str:
    """What is answered at length and changes nothing."""
    return json.dumps({"t": "position", "fixes": [{**fix(driver.place), "accuracy_m": -1}] * WORTHLESS})


async def _reads_on(driver: Driver, line: ClientConnection) -> None:
    """Until the close, or the answer to a ping, which comes behind all it asked for: then the line is not over."""
    before = driver.pongs
    await _send(line, '{"t": "ping"}')
    await until(lambda: line.close_code is not None or driver.pongs != before, SOON)


async def _send(line: ClientConnection, text: str) -> None:
    """A line that is full or gone takes nothing."""
    with contextlib.suppress(OSError, WebSocketException, TimeoutError):
        async with asyncio.timeout(AT_ONCE):
            await line.send(text)


async def _too_slow_at(phone: Survivor, gateway: str) -> float | None:
    """How many sockets a gateway has ended as too slow so far; None: it does not say."""
    try:
        told = TOO_SLOW_SO_FAR.search((await phone.http.get(f"{gateway}/metrics")).text)
    except httpx.TransportError:
        return None
    return float(told[1]) if told else None


async def go_by_a_wrong_clock(driver: Driver, skew: timedelta, lasts: float) -> set[Sign]:
    """For so many seconds, and for as long as it takes until a fix is refused for its moment."""
    driver.skew = skew
    try:
        refused = await until(lambda: _is_refused(driver, REFUSALS[skew]))
        await asyncio.sleep(lasts)
    finally:
        driver.skew = timedelta()
    return {Sign.CLOCK_REFUSED} if refused else set()


async def _is_refused(driver: Driver, reason: str) -> bool:
    """Whether the house takes a fix by the true clock, and the next, by the phone's, not; for that reason."""
    async with driver.one_fix:
        true = await driver.ask("POST", "/v1/me/positions", {"fixes": [fix(driver.place)]})
        by_its_clock = await driver.ask(
            "POST", "/v1/me/positions", {"fixes": [fix(driver.place, driver.skew)]}
        )
    left = {"accepted": 0, "dropped": [{"index": 0, "reason": reason}]}
    return (true, by_its_clock) == ((202, {"accepted": 1, "dropped": []}), (202, left))


async def say_old_fixes_again(driver: Driver) -> set[Sign]:
    """What it sent last once more, behind a new one: nothing moves."""
    return {Sign.OLD_REFUSED} if await until(lambda: _old_fixes_are_refused(driver)) else set()


async def _old_fixes_are_refused(driver: Driver) -> bool:
    line, frames, before = driver.socket, list(driver.frames), driver.refused_as_old
    if line is None or not driver.welcomed or not frames:
        return False
    try:
        for frame in (json.dumps({"t": "position", **fix(driver.place)}), *frames):
            await line.send(frame)
    except (OSError, WebSocketException):
        return False

    def refused() -> bool:
        return driver.refused_as_old - before >= len(frames)

    await until(lambda: refused() or line.close_code is not None, SOON)
    return refused()


async def say_old_deeds_again(phone: Survivor) -> set[Sign]:
    """Under their keys: what was done is answered as it was, what was refused is refused.

    A refusal is not stored but judged afresh: a race that was lost is over by now, and what lost it may be done.
    """
    done = [deed for deed in phone.deeds if deed.is_done]
    again = phone.dice.sample(phone.deeds, min(3, len(phone.deeds)))
    again += phone.dice.sample(done, min(1, len(done)))
    marked = []
    for deed in again:
        answer = await phone.answer("POST", deed.path, deed.body, key=deed.key)
        status, name = answer.status_code, name_of(answer.json())
        if not _as_before(deed, status, name):
            phone.record.breaks(f"{deed.path}: {deed.status} {deed.name}, then {status} {name}")
        phone.record.seen["deeds said again"] += 1
        if deed.is_done:
            marked.append(answer.headers.get("idempotency-replayed") == "true")
    return {Sign.GIVEN_AGAIN} if marked and all(marked) else set()


def _as_before(deed: Deed, status: int, name: str) -> bool:
    if deed.is_done:
        return (status, name) == (deed.status, deed.name)
    return status < 500 if deed.name == LostRace.code else 400 <= status < 500


async def until(holds: Callable[[], bool | Awaitable[bool]], within: float = FELT_WITHIN) -> bool:
    """Look again and again, for so many seconds, whether it holds; whether it did."""
    deadline = time.monotonic() + within
    while True:
        look = holds()
        if look if isinstance(look, bool) else await look:
            return True
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_EVERY)
