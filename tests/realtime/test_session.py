"""The conversation, frame by frame, with no socket and no clock."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.errors import Refusal
from realtime.effects import (
    LOOK,
    Acknowledge,
    Authenticate,
    Close,
    Do,
    ReadLog,
    ReadSnapshot,
    Report,
    Standing,
    Subscribe,
    Unsubscribe,
)
from realtime.frames import UP_TYPES
from realtime.session import CHANNELS_AT_ONCE, HELD_FRAMES, Phase, Session
from tests.realtime.talking import ME, a_live_session, close_of, event, sent, up


def test_hello_is_answered_with_a_welcome():
    session, effects = a_live_session(seq=4)
    assert sent(effects) == [{"t": "welcome", "session": "s1", "seq": 4, "epoch": "e1", "heartbeat_s": 25.0}]
    assert session.phase is Phase.LIVE


def test_the_token_of_the_upgrade_serves_when_hello_has_none():
    session = Session("s1", now=0.0, bearer="from the header")
    assert session.receive(up("hello"), 0.0) == [
        Authenticate("from the header", None, None, None, again=False)
    ]


def test_a_ticket_goes_before_the_token_of_the_upgrade():
    session = Session("s1", now=0.0, bearer="from the header")
    (ask,) = session.receive(up("hello", ticket="once"), 0.0)
    assert isinstance(ask, Authenticate)
    assert (ask.token, ask.ticket) == (None, "once")


def test_silence_before_hello_ends_in_4501():
    session = Session("s1", now=0.0)
    assert session.tick(4.9) == []
    assert close_of(session.tick(5.0)) == 4501
    assert session.receive(up("hello", token="late"), 5.1) == []


@pytest.mark.parametrize("first", [up("ack", seq=1), up("do", id="1", op="x"), up("hello")])
def test_a_conversation_that_does_not_begin_with_who_you_are_ends_in_4501(first: bytes):
    assert close_of(Session("s1", now=0.0).receive(first, 0.0)) == 4501


@pytest.mark.parametrize(
    "rubbish", [b"", b"hello", b"[]", b"\xff\xfe", b'{"t": 5}', b'{"no": "type"}', b"[" * 9999]
)
def test_what_is_no_frame_ends_in_4500(rubbish: bytes):
    assert close_of(Session("s1", now=0.0).receive(rubbish, 0.0)) == 4500
    session, _ = a_live_session()
    assert close_of(session.receive(rubbish, 0.0)) == 4500


def test_a_second_hello_ends_in_4500():
    session, _ = a_live_session()
    assert close_of(session.receive(up("hello", token="again"), 1.0)) == 4500


def test_an_unknown_type_and_an_unknown_field_are_ignored():
    session, _ = a_live_session()
    assert session.receive(up("from_the_future", x=1), 1.0) == []
    assert sent(session.receive(up("ping", mood="good"), 1.0)) == [{"t": "pong"}]


def test_a_field_that_does_not_fit_is_told_and_changes_nothing():
    session, _ = a_live_session()
    (answer,) = sent(session.receive(up("position", lat=95, lon=7, at="2026-05-04T06:00:00Z"), 1.0))
    assert answer["t"] == "error"
    assert answer["of"] == "position"
    assert answer["problem"]["code"] == "invalid"
    assert session.phase is Phase.LIVE


def test_a_frame_over_16_kib_ends_in_1009():
    session, _ = a_live_session()
    assert close_of(session.receive(up("do", id="1", op="x", args={"a": "b" * 17_000}), 1.0)) == 1009


def test_two_hundred_frames_at_once_pass_and_the_next_ends_in_4008():
    session, _ = a_live_session()
    codes = [close_of(session.receive(up("ping"), 10.0)) for _ in range(201)]
    assert codes == [None] * 200 + [4008]


def test_a_hundred_frames_a_second_may_go_on_for_ever():
    session, _ = a_live_session()
    assert all(close_of(session.receive(up("ping"), n / 99)) is None for n in range(2_000))


def test_what_was_missed_comes_from_the_log_in_order_then_live():
    session, effects = a_live_session(seq=3, after=1, epoch="e1")
    assert effects[1:] == [ReadLog(1, 200)]
    assert session.heard(4, event(4)) == []
    effects = session.read([(2, event(2)), (3, event(3))], Standing("e1", 3, 1), 0.1)
    assert [frame["seq"] for frame in sent(effects)] == [2, 3]
    assert effects[-1] == ReadLog(3, 200)
    effects = session.read([(4, event(4))], Standing("e1", 4, 1), 0.2)
    assert [frame["seq"] for frame in sent(effects)] == [4]
    assert [frame["seq"] for frame in sent(session.heard(5, event(5)))] == [5]


@pytest.mark.parametrize(
    "hello",
    [
        {"after": 2, "epoch": "another"},  # the database was restored
        {"after": 3},  # 4 is no longer kept
        {"after": 10},  # a number from the future
    ],
)
def test_a_number_that_cannot_be_resumed_from_is_answered_with_everything(hello: dict[str, Any]):
    session, effects = a_live_session(seq=9, kept_from=5, **hello)
    assert effects[1:] == [ReadSnapshot()]
    effects = session.restored(Standing("e1", 9, 5), {"offers": []}, 0.1)
    assert sent(effects) == [{"t": "reset", "seq": 9, "epoch": "e1", "snapshot": {"offers": []}}]
    assert [frame["seq"] for frame in sent(session.heard(10, event(10)))] == [10]


def test_the_oldest_kept_number_can_still_be_resumed_from():
    _, effects = a_live_session(seq=9, kept_from=5, after=4, epoch="e1")
    assert effects[1:] == [ReadLog(4, 200)]


def test_an_event_heard_while_the_hello_is_judged_is_not_lost():
    session = Session("s1", now=0.0)
    session.receive(up("hello", token="good"), 0.0)
    assert session.heard(5, event(5)) == []
    effects = session.admitted(ME, Standing("e1", 4, 1), expires_at=None, now=0.0)
    assert effects[-1] == ReadLog(4, 200)


def test_a_gap_on_the_bus_is_filled_from_the_log():
    session, _ = a_live_session()
    assert session.heard(3, event(3)) == [ReadLog(0, 200)]
    assert session.heard(4, event(4)) == []


def test_an_event_heard_while_an_empty_page_was_on_its_way_is_asked_for_at_once():
    session, _ = a_live_session()
    assert session.look() == [ReadLog(0, 200)]
    assert session.heard(1, event(1)) == []
    assert session.read([], Standing("e1", 0, 1), 25.1) == [ReadLog(0, 200)]
    assert session.read([], Standing("e1", 0, 1), 25.2) == [], "a rumour that is not in the log ends there"


def test_a_look_that_finds_more_than_its_page_goes_on_at_once():
    session, _ = a_live_session()
    assert session.look() == [ReadLog(0, 200)]
    effects = session.read([(1, event(1))], Standing("e1", 3, 1), 25.1)
    assert effects[-1] == ReadLog(1, 200), "nobody has heard of the other two"
    assert [frame["seq"] for frame in sent(effects)] == [1]


def test_what_the_bus_lost_last_of_all_is_found_at_the_next_look():
    session, _ = a_live_session()
    session.receive(up("ping"), 20.0)
    assert session.tick(24.0) == []
    assert session.tick(25.0) == [LOOK]
    assert session.tick(26.0) == []
    assert session.stands(Standing("e1", 1, 1)) == [ReadLog(0, 200)]


def test_a_look_that_finds_the_stream_where_it_was_reads_nothing():
    session, _ = a_live_session(seq=4)
    assert session.stands(Standing("e1", 4, 1)) == []
    assert session.stands(Standing("e2", 4, 1)) == [ReadLog(4, 200)], "another epoch: the log says what to do"
    assert session.look() == [], "it is being looked at"
    assert session.stands(Standing("e1", 5, 1)) == []


def test_a_log_that_cannot_be_read_is_asked_again():
    session, _ = a_live_session(seq=2, after=0)
    session.unread(1.0)
    assert session.tick(1.5) == []
    assert session.tick(2.0) == [ReadLog(0, 200)]


def test_frames_sent_right_behind_the_hello_wait_for_the_welcome():
    session = Session("s1", now=0.0)
    session.receive(up("hello", token="good"), 0.0)
    assert session.receive(up("subscribe", channel="map:monaco"), 0.0) == []
    effects = session.admitted(ME, Standing("e1", 0, 1), expires_at=None, now=0.0)
    assert effects[-1] == Subscribe("map:monaco", None, None)


def test_too_many_frames_before_the_welcome_end_in_4008():
    session = Session("s1", now=0.0)
    session.receive(up("hello", token="good"), 0.0)
    codes = [close_of(session.receive(up("pong"), 0.0)) for _ in range(HELD_FRAMES + 1)]
    assert codes == [None] * HELD_FRAMES + [4008]


def test_positions_come_alone_or_together():
    session, _ = a_live_session()
    fix = {"lat": 43.7, "lon": 7.4, "at": "2026-05-04T06:00:00Z"}
    (alone,) = session.receive(up("position", **fix), 1.0)
    (many,) = session.receive(up("position", fixes=[fix, fix]), 1.0)
    assert isinstance(alone, Report)
    assert isinstance(many, Report)
    assert (len(alone.fixes), len(many.fixes)) == (1, 2)
    assert sent(session.receive(up("position", lat=1.0), 1.0))[0]["problem"]["code"] == "invalid"


def test_commands_and_channels_are_handed_on():
    session, _ = a_live_session()
    assert session.receive(up("do", id="a", op="offer.accept", args={"id": "x"}), 1.0) == [
        Do("a", "offer.accept", {"id": "x"})
    ]
    assert session.receive(up("subscribe", channel="map:monaco", bbox=[7, 43, 8, 44], zoom=13), 1.0) == [
        Subscribe("map:monaco", (7.0, 43.0, 8.0, 44.0), 13.0)
    ]
    effects = session.receive(up("unsubscribe", channel="map:monaco"), 1.0)
    assert effects[0] == Unsubscribe("map:monaco")
    assert sent(effects) == [{"t": "unsubscribed", "channel": "map:monaco"}]


def test_one_client_follows_a_bounded_number_of_channels():
    session, _ = a_live_session()
    for number in range(CHANNELS_AT_ONCE):
        session.receive(up("subscribe", channel=f"engagement:{number}"), 1.0)
    (answer,) = sent(session.receive(up("subscribe", channel="engagement:more"), 1.0))
    assert answer["problem"]["code"] == "too_many_requests"


def test_a_channel_that_is_over_is_told_once():
    session, _ = a_live_session()
    session.receive(up("subscribe", channel="engagement:1"), 1.0)
    assert sent(session.ended("engagement:1")) == [{"t": "ended", "channel": "engagement:1"}]
    assert session.ended("engagement:1") == []


def test_acknowledgements_only_grow_and_never_pass_what_was_sent():
    session, _ = a_live_session()
    for seq in (1, 2, 3):
        session.heard(seq, event(seq))
    assert session.receive(up("ack", seq=2), 1.0) == [Acknowledge(2)]
    assert session.receive(up("ack", seq=1), 1.0) == []
    assert session.receive(up("ack", seq=99), 1.0) == [Acknowledge(3)]


def test_leaving_says_when_to_come_back():
    session, _ = a_live_session()
    effects = session.drain(1500)
    assert sent(effects) == [{"t": "draining", "retry_ms": 1500}]
    assert effects[-1] == Close(4000, "draining; retry_ms=1500")
    assert session.drain(1500) == []


def test_a_reason_fits_into_a_close_frame():
    (close,) = Session("s1", now=0.0).close(4500, "é" * 200)
    assert isinstance(close, Close)
    assert len(close.reason.encode()) <= 123


@given(st.lists(st.binary(max_size=60), max_size=30))
def test_no_bytes_whatever_raise(messages: list[bytes]):
    greeting, (live, _) = Session("s1", now=0.0), a_live_session()
    for message in messages:
        greeting.receive(message, 0.0)
        live.receive(message, 0.0)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, -1, 2.5, 1e300, 2**70, "", "x", "2026-05-04T06:00:00Z", [], [1, 2, 3, 4], {}]
)
FIELDS = st.sampled_from(
    ["token", "ticket", "after", "lat", "lon", "at", "fixes", "channel", "bbox", "zoom", "seq", "id", "op"]
)


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(UP_TYPES)), st.dictionaries(FIELDS, VALUES, max_size=4)),
        max_size=12,
    )
)
def test_no_frame_whatever_raises(messages: list[tuple[str, dict[str, Any]]]):
    greeting, (live, _) = Session("s1", now=0.0), a_live_session()
    for t, fields in messages:
        text = json.dumps({**fields, "t": t}).encode()
        greeting.receive(text, 0.0)
        live.receive(text, 0.0)


@pytest.mark.parametrize(
    ("frame", "pointer"),
    [
        (b'{"t": "ack", "seq": -1}', "/seq"),
        (b'{"t": "ack"}', ""),
        (
            b'{"t": "position", "fixes": [{"lat": 95, "lon": 7, "at": "2026-05-04T06:00:00Z"}]}',
            "/fixes/0/lat",
        ),
    ],
)
def test_a_frame_that_does_not_fit_is_told_where(frame: bytes, pointer: str):
    def problem_of(refusal: Refusal, language: str) -> dict[str, Any]:
        return {"language": language, **refusal.facts}

    session = Session("s1", now=0.0, problem_of=problem_of)
    session.receive(up("hello", token="good"), 0.0)
    session.admitted(ME, Standing("e1", 0, 1), expires_at=900.0, now=0.0)
    (error,) = sent(session.receive(frame, 1.0))
    assert [wrong["pointer"] for wrong in error["problem"]["errors"]] == [pointer]
    assert "$" not in error["problem"]["errors"][0]["detail"]
