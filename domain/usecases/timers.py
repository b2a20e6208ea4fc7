"""What to do when a timer rings: one use case per kind, each safe to run twice and to run late."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from uuid import UUID

from domain.store.timers import TimerKind
from domain.usecases import actions, engagements, fading, funding, offers, requests, reviews, tracks
from domain.usecases.work import Work

Handler = Callable[[Work, UUID], Awaitable[None]]

HANDLERS: Final[Mapping[TimerKind, Handler]] = {
    TimerKind.OFFER_EXPIRES: offers.on_offer_expired,
    TimerKind.REQUEST_EXPIRES: requests.on_request_expired,
    TimerKind.MONEY: funding.on_money,
    TimerKind.AUTO_CONFIRM: actions.on_auto_confirm,
    TimerKind.REVIEWS_PUBLISH: reviews.on_window_ended,
    TimerKind.TRACK_ERASE: tracks.on_track_erase,
    TimerKind.PLACES_FADE: fading.on_places_fade,
    TimerKind.ENGAGEMENT_REMIND: engagements.on_remind,
}
