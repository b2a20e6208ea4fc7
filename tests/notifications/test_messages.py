"""What a push says, and what it never carries."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from firebase_admin import messaging
from hypothesis import given
from hypothesis import strategies as st

from domain.rules.events import EventType
from domain.rules.ports import Push
from domain.rules.pushes import DATA_LIMIT, PUSH_RULES, rule_for
from domain.usecases.pushes import DuePush
from notifications.messages import WORDS, compose, words
from notifications.payload import message
from tests.notifications.fake_fcm import check
from tests.notifications.pushes import ENGAGEMENT, NOON, OFFER, PAYMENT, a_due_push, a_message, a_push

IDS = {
    "offer_id": OFFER,
    "engagement_id": ENGAGEMENT,
    "request_id": OFFER,
    "message_id": OFFER,
    "payment_id": PAYMENT,
    "review_id": OFFER,
}


def possible(push: DuePush) -> bool:
    """Whether the rules would ever plan it."""
    told = {"role": push.role} | ({"origin": push.origin} if push.origin else {})
    return rule_for(push.type, told) is not None


due_pushes = st.builds(
    lambda type_, role, origin, platform, language, lives_s, seq, quiet: a_due_push(
        type_,
        role=role,
        origin=origin,
        platform=platform,
        language=language,
        lives_s=lives_s,
        seq=seq,
        quiet=quiet,
        ids=IDS,
    ),
    st.sampled_from(sorted(PUSH_RULES)),
    st.sampled_from(["customer", "provider"]),
    st.sampled_from(["", "dispatch", "proposal", "counter"]),
    st.sampled_from(["android", "ios", "web"]),
    st.sampled_from(["fr", "en", "fr-CA", "it", ""]),
    st.floats(-10, 90_000),
    st.integers(1, 2**63 - 1),
    st.booleans(),
).filter(possible)


def composed(push: DuePush, *, after_s: float = 0.0) -> Push:
    """The message of a push that has time left."""
    made = compose(push, NOON + timedelta(seconds=after_s))
    assert made is not None
    return made


def encoded(push: Push) -> dict[str, object]:
    """What would go over the wire."""
    built = message(push, NOON)
    wire: dict[str, object] = json.loads(json.dumps(messaging._MessagingService.encode_message(built)))
    return wire


@given(push=due_pushes, waited_s=st.floats(0, 1_000))
def test_no_push_is_shown_after_its_time(push: DuePush, waited_s: float) -> None:
    now = NOON + timedelta(seconds=waited_s)
    made = compose(push, now)
    if made is None:
        assert now > push.not_after - timedelta(seconds=1)
    else:
        assert now + timedelta(seconds=made.ttl_s) <= push.not_after


@given(push=due_pushes)
def test_what_goes_out_is_small_well_formed_and_made_of_strings(push: DuePush) -> None:
    made = compose(push, NOON)
    if made is None or (not made.title and push.platform != "android"):
        return
    wire = encoded(made)
    check(wire)
    assert all(isinstance(value, str) for value in made.data.values())
    assert len(json.dumps(wire).encode()) < DATA_LIMIT


@given(push=due_pushes)
def test_a_push_carries_its_type_its_number_and_ids_alone(push: DuePush) -> None:
    made = compose(push, NOON)
    if made is not None:
        assert made.data.keys() <= {"type", "seq", *IDS}
        assert (made.data["type"], made.data["seq"]) == (push.type, str(push.seq))


def test_every_pushed_event_has_words_in_both_languages() -> None:
    for type_, rule in PUSH_RULES.items():
        for variant in ["customer", "provider"] if rule.family == "work" else [""]:
            if not rule.clears and rule.only_for in {None, variant}:
                assert words(type_, "fr", role=variant) != words(type_, "en", role=variant)
                assert all(words(type_, "fr", role=variant))


def test_words_name_no_number_at_all() -> None:
    for said in WORDS.values():
        for title, body in said.values():
            assert not any(character.isdigit() or character == "€" for character in title + body)


@pytest.mark.parametrize(
    ("language", "title"), [("fr", "Nouvelle offre"), ("fr-MC", "Nouvelle offre"), ("it", "New offer")]
)
def test_the_device_s_language_is_spoken(language: str, title: str) -> None:
    assert composed(a_due_push(language=language)).title == title


def test_the_two_sides_are_told_in_their_own_words() -> None:
    confirmed = EventType.ENGAGEMENT_CONFIRMED
    said = {composed(a_due_push(confirmed, role=role, lives_s=600)).body for role in ("customer", "provider")}
    assert len(said) == 2


def test_a_proposal_is_no_offer() -> None:
    assert composed(a_due_push(origin="proposal")).title == "Nouvelle proposition"


def test_an_offer_to_an_android_is_data_only_urgent_and_dies_with_the_offer() -> None:
    android = encoded(composed(a_due_push(), after_s=2.2))["android"]
    assert android == {"priority": "high", "ttl": "12s", "collapse_key": "offer"}


def test_an_offer_to_an_iphone_is_a_visible_alert_that_expires_with_it() -> None:
    apns = encoded(composed(a_due_push(platform="ios")))["apns"]
    assert apns == {
        "headers": {
            "apns-push-type": "alert",
            "apns-priority": "10",
            "apns-expiration": str(int(NOON.timestamp()) + 15),
            "apns-collapse-id": "offer-" + OFFER.replace("-", ""),
        },
        "payload": {
            "aps": {
                "alert": {
                    "title": "Nouvelle offre",
                    "body": "Une demande près de vous attend votre réponse.",
                },
                "sound": "default",
                "thread-id": "offer",
                "mutable-content": 1,
                "interruption-level": "time-sensitive",
            }
        },
    }


def test_a_withdrawn_offer_says_nothing_and_clears() -> None:
    made = composed(a_due_push(EventType.OFFER_WITHDRAWN))
    assert (made.title, made.body) == ("", "")
    assert encoded(made)["android"] == {"priority": "normal", "ttl": "15s", "collapse_key": "offer"}


def test_at_night_a_message_makes_no_sound() -> None:
    loud, quiet = a_message(), a_message(quiet=True)
    assert encoded(loud)["android"]["notification"]["channel_id"] == "message"  # type: ignore[index]
    assert encoded(quiet)["android"]["notification"]["channel_id"] == "quiet"  # type: ignore[index]
    apns = encoded(replace(quiet, platform="ios"))["apns"]
    assert "sound" not in apns["payload"]["aps"]  # type: ignore[index]
    assert apns["headers"]["apns-priority"] == "5"  # type: ignore[index]
    web = encoded(replace(quiet, platform="web"))["webpush"]
    assert web["headers"]["Urgency"] == "low"  # type: ignore[index]
    assert web["notification"]["silent"] is True  # type: ignore[index]


def test_one_state_after_the_other_replaces_on_the_screen() -> None:
    tags = set()
    for type_ in (EventType.ENGAGEMENT_CONFIRMED, EventType.ENGAGEMENT_ARRIVED):
        wire = encoded(
            composed(a_due_push(type_, role="customer", lives_s=300, ids={"engagement_id": OFFER}))
        )
        tags.add(wire["android"]["notification"]["tag"])  # type: ignore[index]
    assert tags == {OFFER.replace("-", "")}


def test_android_s_four_collapse_keys_are_enough() -> None:
    assert len({rule.family for rule in PUSH_RULES.values()}) == 4


def test_a_message_names_one_platform_only() -> None:
    for platform in ("android", "ios", "web"):
        assert len(encoded(a_push(platform=platform)).keys() & {"android", "apns", "webpush"}) == 1
