"""One push as FCM wants it for Android, iOS and the web: what shows, what wakes, what collapses, when it dies.

Sources: firebase.google.com/docs/cloud-messaging (HTTP v1, 4,096 bytes a message, four collapse keys a device),
developer.apple.com "Sending notification requests to APNs" (headers), RFC 8030 (web push: Urgency, Topic).
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from firebase_admin import messaging

from domain.rules.ports import Push
from domain.rules.pushes import INSTALLATION_ID, Family

FID: Final = re.compile(INSTALLATION_ID)
IMMEDIATE, WHEN_CONVENIENT = "10", "5"  # apns-priority
APNS_COLLAPSE_ID: Final = 64  # bytes, at most
WEB_TOPIC: Final = 32  # characters of URL-safe base64, at most (RFC 8030 5.4)
QUIET_CHANNEL: Final = "quiet"


def message(push: Push, now: datetime) -> Any:
    """The `messaging.Message` of a push. Only the block of the device's own platform is filled.

    An offer to an Android is data only: the app itself rings and shows it, with the terms it fetches; a data
    message that leads to no visible notification costs the app its high priority (FCM, 7 days).
    """
    blocks: dict[str, Any] = {"data": dict(push.data)}
    match push.platform:
        case "ios":
            blocks["apns"] = _apns(push, now)
        case "web":
            blocks["webpush"] = _webpush(push)
        case _:
            blocks["android"] = _android(push)
    if FID.fullmatch(push.to):
        return messaging.Message(fid=push.to, **blocks)
    built = messaging.Message(**blocks)
    built.token = (
        push.to
    )  # set apart: the constructor warns of registration tokens, which most apps still have
    return built


def subject(push: Push) -> str:
    """The id a push is about, in 32 hexadecimal digits: what a newer one about the same replaces on the screen."""
    for name in _SUBJECTS[Family(push.collapse_key)]:
        if name in push.data:
            return push.data[name].replace("-", "")[:WEB_TOPIC]
    return push.data.get("seq", "0")


_SUBJECTS: Final = {
    Family.OFFER: ("offer_id",),
    Family.WORK: ("engagement_id", "request_id", "offer_id"),
    Family.MESSAGE: ("engagement_id",),
    Family.ACCOUNT: ("payment_id", "engagement_id"),
}


def _android(push: Push) -> Any:
    config: dict[str, Any] = {
        "priority": "high" if push.urgent else "normal",
        "ttl": timedelta(seconds=push.ttl_s),
        "collapse_key": push.collapse_key,
    }
    if push.collapse_key != Family.OFFER:
        config["notification"] = messaging.AndroidNotification(
            title=push.title,
            body=push.body,
            tag=subject(push),
            channel_id=QUIET_CHANNEL if push.quiet else push.collapse_key,
            priority="low" if push.quiet else "high" if push.urgent else "default",
            default_sound=not push.quiet,
        )
    return messaging.AndroidConfig(**config)


def _apns(push: Push, now: datetime) -> Any:
    """An alert. (A silent one would have to be priority 5, and iOS would deliver it when it likes.)"""
    level = "passive" if push.quiet else "time-sensitive" if push.urgent else "active"
    return messaging.APNSConfig(
        headers={
            "apns-push-type": "alert",
            "apns-priority": WHEN_CONVENIENT if push.quiet else IMMEDIATE,
            "apns-expiration": str(int(now.timestamp()) + push.ttl_s),
            "apns-collapse-id": f"{push.collapse_key}-{subject(push)}"[:APNS_COLLAPSE_ID],
        },
        payload=messaging.APNSPayload(
            aps=messaging.Aps(
                alert=messaging.ApsAlert(title=push.title, body=push.body),
                sound=None if push.quiet else "default",
                thread_id=push.collapse_key,
                mutable_content=True,  # an extension may fetch what the words leave out
                custom_data={"interruption-level": level},
            )
        ),
    )


def _webpush(push: Push) -> Any:
    return messaging.WebpushConfig(
        headers={
            "TTL": str(push.ttl_s),
            "Urgency": "low" if push.quiet else "high" if push.urgent else "normal",
            "Topic": subject(push),
        },
        notification=messaging.WebpushNotification(
            title=push.title, body=push.body, tag=subject(push), silent=push.quiet
        ),
    )
