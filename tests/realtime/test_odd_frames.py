"""Frames that are no frames: whatever a client sends, the conversation goes on or ends with a documented code."""

import json
import logging
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from realtime.asyncapi import EXAMPLES, asyncapi_document
from realtime.commands import COMMANDS
from realtime.effects import Authenticate, Close, Do, Effect, Standing
from realtime.frames import MAX_FRAME_BYTES, UP_FRAMES, BadFrame, WrongFrame, read, tag_of
from realtime.session import REASON_BYTES, Phase, Session
from tests.contract import check_down
from tests.realtime.house import House, Phone
from tests.realtime.talking import ME, a_live_session, event, sent, up

CODES = set(asyncapi_document()["channels"]["socket"]["x-close-codes"].values())
AN_ID = "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55"

DEPTHS = st.sampled_from([3, 200, 900, 1_100, 5_000, 8_000])
TEXTS = st.text(max_size=30) | st.sampled_from(["\x00", "\ud800", "\U0001f6a8" * 30, "x" * 5_000])
NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([10**400, -(2**63) - 1, 2**64, 1e308, 5e-324])
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RAW = st.sampled_from(
    [
        "NaN",
        "-Infinity",
        "1e999",
        "9" * 4_500,
        '"\\ud800"',
        '"\\udfff\\ud800"',
        "01",
        "1.",
        "'x'",
        '"\\x"',
        "\ufeff1",
    ]
)
FIELDS = sorted({name for one in EXAMPLES.values() for name in one})


@st.composite
def whole_frames(draw: st.DrawFn) -> bytes:
    """A frame with its type, and fields of any kind; some twice, some that JSON has no word for."""
    kind = draw(st.sampled_from(UP_FRAMES))
    fields = {**EXAMPLES[kind], **draw(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))}
    text = json.dumps({"t": tag_of(kind), **fields})
    for name, raw in draw(st.dictionaries(st.sampled_from(FIELDS), RAW, max_size=1)).items():
        text = f'{text[:-1]}, "{name}": {raw}}}'
    return text.encode("utf-8", "surrogatepass")


@st.composite
def broken_frames(draw: st.DrawFn) -> bytes:
    """A good frame with a piece cut out, or something put in."""
    kind = draw(st.sampled_from(UP_FRAMES))
    text = json.dumps({"t": tag_of(kind), **EXAMPLES[kind]}).encode()
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    return text[:start] + draw(st.binary(max_size=8)) + text[end:]


@st.composite
def deep_frames(draw: st.DrawFn) -> bytes:
    """A command whose arguments go down and down."""
    depth, opens, closes = draw(DEPTHS), *draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
    deep = opens * depth + "1" + closes * depth
    place = draw(
        st.sampled_from(
            ['{"t": "do", "id": "1", "op": "duty.set", "args": %s}', '{"t": %s}', "%s", '{"x": %s}']
        )
    )
    return (place % deep).encode()


FRAMES = st.one_of(
    st.binary(max_size=80),
    TEXTS.map(lambda t: t.encode("utf-8", "surrogatepass")),
    whole_frames(),
    broken_frames(),
    deep_frames(),
)


def well_behaved(session: Session, effects: list[Effect]) -> None:
    """What the session wants done can be done; if it is over, it is over with a documented code and for good."""
    for frame in sent(effects):
        check_down(frame)
    for close in [effect for effect in effects if isinstance(effect, Close)]:
        assert effects[-1] is close, "a close is the last effect, and the only one"
        assert close.code in CODES
        assert len(close.reason.encode()) <= REASON_BYTES
        assert session.phase is Phase.CLOSED
        assert session.receive(up("ping"), 0.0) == []


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAMES, max_size=6), st.sampled_from(["greeting", "judging", "live"]))
@example([json.dumps({"t": "unsubscribe", "channel": "\ud800"}).encode()], "live")
@example([b"[" * MAX_FRAME_BYTES], "live")
@example([b"[" * 8_000 + b"]" * 8_000], "greeting")
def test_a_session_survives_whatever_it_is_sent(texts: list[bytes], phase: str):
    session = Session("s1", now=0.0)
    if phase == "judging":
        session.receive(up("hello", token="good"), 0.0)
    elif phase == "live":
        session, _ = a_live_session()
    for text in texts:
        well_behaved(session, session.receive(text, 0.0))
    if session.phase is Phase.GREETING:  # and it is as good as new
        assert isinstance(session.receive(up("hello", token="good"), 0.0)[0], Authenticate)
    if session.phase is Phase.JUDGING:
        well_behaved(session, session.admitted(ME, Standing("e1", 0, 1), expires_at=None, now=0.0))
    if session.phase is Phase.LIVE:
        assert sent(session.receive(up("ping"), 0.0)) == [{"t": "pong"}]
        if phase == "live":
            assert [frame["seq"] for frame in sent(session.heard(1, event(1)))] == [1]
        (done,) = session.receive(up("do", id="1", op="x"), 0.0)
        assert isinstance(done, Do)


@st.composite
def commands(draw: st.DrawFn) -> bytes:
    """A command there is, with arguments of any kind."""
    names = sorted({field.name for one in COMMANDS.values() for field in msgspec.structs.fields(one.args)})
    arguments = {"id": AN_ID, **draw(st.dictionaries(st.sampled_from(names), ANYTHING, max_size=3))}
    said = {"t": "do", "id": draw(st.sampled_from(["1", "2"])), "op": draw(st.sampled_from(sorted(COMMANDS)))}
    text = json.dumps({**said, "args": arguments}).encode()
    assume(len(text) <= MAX_FRAME_BYTES)
    return text


def is_one(text: bytes) -> bool:
    """Whether it is JSON with a type: the rest is no frame, and ends the conversation."""
    try:
        read(text)
    except BadFrame:
        return False
    except WrongFrame:
        return True
    return True


async def lives(phone: Phone) -> bool:
    """Whether the socket still answers, once it has answered all before; if not, that it ended as documented."""
    try:
        await phone.send("do", id="the last", op="nothing", args={})
        while (frame := await phone.frame()).get("id") != "the last":
            phone.kept.append(frame)
    except ConnectionClosed:
        assert (await phone.closed())[0] in CODES
        return False
    return True


few = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


@few
@given(st.lists(FRAMES | commands(), min_size=1, max_size=8), st.booleans())
@example([json.dumps({"t": "subscribe", "channel": "map:\ud800"}).encode()], False)
@example(
    [b'{"t": "do", "id": "1", "op": "duty.set", "args": {"on": ' + b"[" * 900 + b"]" * 900 + b"}}"], False
)
async def test_the_endpoint_survives_whatever_it_is_sent(
    house: House, caplog: pytest.LogCaptureFixture, texts: list[bytes], binary: bool
):
    driver, phone = await house.phone(house.town.driver), await house.phone(house.town.customer)
    for text in texts:
        with suppress(ConnectionClosed):
            await phone.socket.send(text if binary else text.decode(errors="replace"))
        if not await lives(phone):
            phone = await house.phone(house.town.customer)
    assert await lives(driver)
    problems = [frame["problem"] for frame in phone.kept if frame["t"] in {"failed", "error"}]
    assert not [one for one in problems if one["code"] == "unavailable"], problems
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR], caplog.text
    for one in (driver, phone):
        await one.socket.close()


@few
@given(commands())
async def test_a_command_with_arguments_of_any_kind_is_answered(
    house: House, caplog: pytest.LogCaptureFixture, text: bytes
):
    phone = await house.phone(house.town.driver)
    await phone.socket.send(text.decode())
    answered = await lives(phone)
    assert answered == is_one(text)
    if answered:
        (answer,) = [frame for frame in phone.kept if frame["t"] in {"done", "failed", "error"}]
        assert answer["t"] == "done" or answer["problem"]["code"] != "unavailable", answer
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR], caplog.text
    await phone.socket.close()
