"""Every answer FCM can give, over real HTTP through the real firebase-admin."""

import asyncio
import logging
import warnings
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.firebase import firebase_pushes, open_firebase
from domain.rules.ports import PushFate
from domain.usecases.pushes import LEASE
from notifications import fcm as fcm_module
from notifications.fcm import AT_ONCE, HTTP_TIMEOUT, MOST_S, FcmSender
from tests.notifications.fake_fcm import FAILURES, FakeFcm
from tests.notifications.pushes import a_message, a_push


async def test_a_push_arrives_with_its_name(sender: FcmSender, fcm: FakeFcm) -> None:
    result = await sender.send(a_push())
    assert (result.fate, result.detail) == (PushFate.SENT, "projects/demo/messages/1")
    (message,) = fcm.messages
    assert message["token"] == "good:token"
    assert message["data"] == dict(a_push().data)


@pytest.mark.parametrize(
    ("token", "fate", "retry_after_s"),
    [
        ("unregistered", PushFate.FORGET_DEVICE, None),
        ("noproject", PushFate.ALERT, None),
        ("quota", PushFate.RETRY, 17.0),
        ("silentquota", PushFate.RETRY, 60.0),
        ("mismatch", PushFate.REFUSED, None),
        ("forbidden", PushFate.ALERT, None),
        ("invalid", PushFate.REFUSED, None),
        ("apns", PushFate.ALERT, None),
        ("down", PushFate.RETRY, None),
        ("busy", PushFate.RETRY, 3.0),
        ("hasty", PushFate.RETRY, 1.0),
        ("endless", PushFate.RETRY, 3_600.0),
        ("broken", PushFate.RETRY, None),
    ],
)
async def test_each_error_has_its_fate(
    sender: FcmSender,
    caplog: pytest.LogCaptureFixture,
    token: str,
    fate: PushFate,
    retry_after_s: float | None,
) -> None:
    result = await sender.send(a_push(f"{token}:1"))
    assert (result.fate, result.retry_after_s) == (fate, retry_after_s), result
    assert result.detail
    calls_a_human = any(record.levelno == logging.ERROR for record in caplog.records)
    assert calls_a_human == (fate is PushFate.ALERT)


def test_every_failure_of_the_fake_is_tested() -> None:
    (mark,) = test_each_error_has_its_fate.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == set(FAILURES)


@pytest.mark.parametrize("token", ["down", "broken", "quota"])
async def test_the_sdk_tries_once_and_leaves_the_rest_to_us(
    sender: FcmSender, fcm: FakeFcm, token: str
) -> None:
    began = asyncio.get_running_loop().time()
    await sender.send(a_push(token))
    assert fcm.tried == [token]  # by itself the SDK would try five times in seven seconds
    assert asyncio.get_running_loop().time() - began < 3.0


async def test_a_hanging_carrier_is_left_when_the_push_dies(sender: FcmSender, fcm: FakeFcm) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    result = await sender.send(a_push("slow:1", ttl_s=1))
    assert result.fate is PushFate.RETRY
    assert loop.time() - began < 2.0
    fcm.released.set()


async def test_one_hanging_call_holds_nobody_else_up(sender: FcmSender, fcm: FakeFcm) -> None:
    hangs = asyncio.create_task(sender.send(a_push("slow:1", ttl_s=5)))
    others = await asyncio.gather(*(sender.send(a_push(f"good:{n}")) for n in range(AT_ONCE)))
    assert {result.fate for result in others} == {PushFate.SENT}
    assert not hangs.done()
    fcm.released.set()
    assert (await hangs).fate is PushFate.SENT


async def test_no_connection_is_a_reason_to_retry(key_file: Path, fcm: FakeFcm) -> None:
    nowhere = fcm.url.replace(f":{fcm.port}", ":1")
    sender = firebase_pushes(open_firebase(key_file), SystemClock(), nowhere)
    assert (await sender.send(a_push())).fate is PushFate.RETRY
    await sender.close()


@pytest.mark.parametrize(("status", "fate"), [(400, PushFate.ALERT), (503, PushFate.RETRY)])
async def test_credentials_that_are_refused_call_a_human_and_an_outage_does_not(
    sender: FcmSender, fcm: FakeFcm, status: int, fate: PushFate
) -> None:
    fcm.token_status = status
    assert (await sender.send(a_push())).fate is fate
    assert fcm.tried == []


async def test_the_access_token_is_fetched_once(sender: FcmSender, fcm: FakeFcm) -> None:
    for _ in range(3):
        await sender.send(a_push())
    assert fcm.token_requests == 1


async def test_a_push_that_cannot_even_be_encoded_is_refused(sender: FcmSender, fcm: FakeFcm) -> None:
    result = await sender.send(a_push(data={"seq": 57}))
    assert result.fate is PushFate.REFUSED
    assert fcm.tried == []


async def test_too_large_a_push_is_refused_by_the_carrier(sender: FcmSender) -> None:
    assert (await sender.send(a_message(data={"engagement_id": "x" * 5_000}))).fate is PushFate.REFUSED


async def test_a_registration_token_warns_nobody_and_an_installation_id_is_told_apart(
    sender: FcmSender, fcm: FakeFcm
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await sender.send(a_push("fZ7bKxYtQ0mW1nR4sUvA2c:APA91bE"))
        await sender.send(a_push("fZ7bKxYtQ0mW1nR4sUvA2c"))
    registered, installed = fcm.messages
    assert registered["token"] == "fZ7bKxYtQ0mW1nR4sUvA2c:APA91bE"
    assert installed["fid"] == "fZ7bKxYtQ0mW1nR4sUvA2c"


def test_no_send_outlives_the_claim_it_was_made_under() -> None:
    assert HTTP_TIMEOUT < MOST_S < LEASE.total_seconds()


async def test_a_defect_of_ours_is_not_taken_for_an_answer(
    sender: FcmSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr(fcm_module, "message", breaks)
    with pytest.raises(TypeError, match="a bug"):
        await sender.send(a_push())
