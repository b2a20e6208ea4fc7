"""The conversation and the clock: heartbeats, tokens that end, and a clock that is set back."""

from realtime.effects import LOOK, Authenticate, ReadLog
from realtime.session import Phase
from tests.realtime.talking import ME, SOMEBODY, a_live_session, close_of, event, sent, up


def test_a_silent_client_is_asked_then_left():
    session, _ = a_live_session()
    assert {"t": "ping"} in sent(session.tick(25.0))
    assert {"t": "ping"} not in sent(session.tick(26.0))
    assert close_of(session.tick(35.0)) == 4001


def test_who_is_asked_late_has_as_long_to_answer():
    """A server that stood still is not the client's fault."""
    session, _ = a_live_session()
    assert {"t": "ping"} in sent(session.tick(60.0))
    assert close_of(session.tick(69.0)) is None
    session.receive(up("pong"), 69.5)
    assert close_of(session.tick(94.0)) is None
    assert {"t": "ping"} in sent(session.tick(95.0))
    assert close_of(session.tick(105.0)) == 4001


def test_any_frame_is_a_sign_of_life():
    session, _ = a_live_session()
    for second in range(0, 200, 20):
        session.receive(up("pong"), float(second))
        assert close_of(session.tick(second + 19.0)) is None


def test_an_expired_token_ends_in_4003_unless_it_was_refreshed():
    session, _ = a_live_session()
    session.receive(up("ping"), 899.0)
    assert session.receive(up("refresh", token="newer"), 899.0) == [
        Authenticate("newer", None, None, None, again=True)
    ]
    assert sent(session.renewed(ME, expires_at=1800.0)) == [{"t": "refreshed"}]
    assert close_of(session.tick(900.0)) is None
    session.receive(up("ping"), 1799.0)
    assert close_of(session.tick(1800.0)) == 4003


def test_a_bad_refresh_changes_nothing():
    session, _ = a_live_session()
    session.receive(up("refresh", token="forged"), 1.0)
    (answer,) = sent(session.refused(4501, "forged"))
    assert answer["of"] == "refresh"
    assert session.phase is Phase.LIVE


def test_a_refresh_for_another_account_ends_in_4501():
    session, _ = a_live_session()
    session.receive(up("refresh", token="not mine"), 1.0)
    assert close_of(session.renewed(SOMEBODY, expires_at=9e9)) == 4501


def test_a_clock_that_was_set_back_stops_neither_heartbeats_nor_looks_and_cuts_nobody():
    session, _ = a_live_session()
    session.receive(up("ping"), 700.0)
    assert {"t": "ping"} in sent(session.tick(725.0))
    assert close_of(session.tick(200.0)) is None, "the answer's time begins anew"
    assert close_of(session.tick(210.0)) == 4001
    other, _ = a_live_session()
    other.receive(up("ping"), 700.0)
    other.cursor.unread(700.0)
    assert LOOK in other.tick(200.0)
    assert {"t": "ping"} in sent(other.tick(225.0))


def test_a_question_is_asked_again_within_a_second_though_the_clock_was_set_back():
    session, _ = a_live_session()
    session.heard(1, event(1))
    session.heard(3, event(3))
    session.receive(up("ack", seq=1), 700.0)
    session.unread(700.0)
    assert session.tick(700.5) == []
    assert session.tick(200.0) == [ReadLog(1, 200)]
