"""When a carrier is left alone, and who tries it again."""

from datetime import timedelta

from domain.rules.ports import PushFate, PushResult
from notifications.fcm import MOST_S
from notifications.resting import (
    ALERT_FIRST_S,
    ALERT_MOST_S,
    QUOTAS_IN_A_ROW,
    TRIAL_S,
    CarrierRest,
)
from tests.notifications.pushes import NOON, a_push

ANDROID, IPHONE = a_push("a"), a_push("i", platform="ios")
SENT = PushResult(PushFate.SENT)
ALERT = PushResult(PushFate.ALERT, "refused")
APNS = PushResult(PushFate.ALERT, "refused", platform_only=True)


def test_nobody_waits_for_a_carrier_that_works() -> None:
    rest = CarrierRest()
    rest.heard(ANDROID, SENT, NOON)
    assert (rest.waits(ANDROID, NOON), rest.alarmed) == (0.0, False)


def test_refused_credentials_of_apns_keep_iphones_waiting_and_nobody_else() -> None:
    rest = CarrierRest()
    rest.heard(IPHONE, APNS, NOON)
    assert rest.waits(IPHONE, NOON) == ALERT_FIRST_S
    assert rest.waits(ANDROID, NOON) == 0.0
    assert rest.alarmed
    rest.heard(ANDROID, SENT, NOON)
    assert rest.alarmed, "an Android that is reached says nothing of APNs"


def test_refused_credentials_of_ours_keep_everybody_waiting_longer_each_time() -> None:
    rest, now = CarrierRest(), NOON
    waits = []
    for _ in range(7):
        rest.heard(ANDROID, ALERT, now)
        waits.append(rest.waits(IPHONE, now))
        now += timedelta(seconds=waits[-1])
    assert waits == [60, 120, 240, 480, ALERT_MOST_S, ALERT_MOST_S, ALERT_MOST_S]


def test_one_tries_when_the_rest_is_over_and_the_others_wait_for_what_it_hears() -> None:
    rest = CarrierRest()
    rest.heard(ANDROID, ALERT, NOON)
    over = NOON + timedelta(seconds=ALERT_FIRST_S)
    assert rest.waits(ANDROID, over) == 0.0
    assert rest.waits(ANDROID, over) == TRIAL_S > MOST_S
    rest.heard(ANDROID, SENT, over)
    assert rest.waits(ANDROID, over) == 0.0
    assert not rest.alarmed


def test_a_quota_that_several_meet_in_a_row_is_the_carriers_and_is_waited_for_as_it_asks() -> None:
    rest, busy = CarrierRest(), PushResult(PushFate.RETRY, "quota", 17.0)
    for _ in range(QUOTAS_IN_A_ROW - 1):
        rest.heard(ANDROID, busy, NOON)
    assert rest.waits(ANDROID, NOON) == 0.0, "it may be that device's own quota"
    rest.heard(ANDROID, SENT, NOON)
    for _ in range(QUOTAS_IN_A_ROW):
        rest.heard(ANDROID, busy, NOON)
    assert rest.waits(IPHONE, NOON) == 17.0
    assert not rest.alarmed
    assert rest.waits(IPHONE, NOON + timedelta(seconds=17)) == 0.0
    assert rest.waits(IPHONE, NOON + timedelta(seconds=17)) == 0.0, "no single trial: it is no alarm"


def test_what_a_device_or_a_malformed_push_is_answered_says_nothing_of_the_carrier() -> None:
    rest = CarrierRest()
    for fate in (PushFate.FORGET_DEVICE, PushFate.REFUSED, PushFate.RETRY):
        rest.heard(ANDROID, PushResult(fate), NOON)
    assert rest.waits(ANDROID, NOON) == 0.0
