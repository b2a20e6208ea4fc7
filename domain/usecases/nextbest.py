"""What to say when nobody came: why, in plain words, and the honest next best.

Every `words` is stored in all languages; the reader's is picked when it is read.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from domain.rules.catalogue import Proposed, ServiceSpec
from domain.rules.pricing import price
from domain.rules.states import Allocator, PaymentState
from domain.rules.wire import moment
from domain.rules.wire import money as money_json
from domain.store import catalogue, offers, rounds, supply
from domain.store import money as payments
from domain.store.supply import OnDuty
from domain.store.tables import Request
from domain.usecases.specs import spec_of, specs_of
from domain.usecases.work import Work
from matching.reasons import Unserved

LATER_STEP_S: Final = 300  # a suggested hour is on the five minutes, as people say it

WORDS: Final[Mapping[str, dict[str, str]]] = {
    Unserved.NOBODY_CHEAPER: {
        "fr": "Quelqu'un aurait pu venir, mais de trop loin.",
        "en": "Somebody could have come, but from too far away.",
    },
    Unserved.ALL_TAKEN: {
        "fr": "Les personnes à proximité ont reçu d'autres demandes au même moment.",
        "en": "The people nearby were offered other requests at the same moment.",
    },
    Unserved.ALL_BUSY: {
        "fr": "Toutes les personnes à proximité étaient déjà au travail.",
        "en": "Everybody nearby was already at work.",
    },
    Unserved.ALL_TOO_FAR: {
        "fr": "Personne n'était assez près.",
        "en": "Nobody was near enough.",
    },
    Unserved.ALL_ASKED: {
        "fr": "Toutes les personnes à proximité ont été sollicitées ; aucune n'a pu accepter.",
        "en": "Everybody nearby was asked; nobody could accept.",
    },
    Unserved.NO_SUPPLY: {
        "fr": "Personne ne propose ce service en ce moment.",
        "en": "Nobody offers this service at the moment.",
    },
    "unanswered": {
        "fr": "Des personnes ont été sollicitées, mais aucune n'a accepté à temps.",
        "en": "People were asked, but nobody accepted in time.",
    },
    "payment": {
        "fr": "Le paiement n'a pas été autorisé à temps.",
        "en": "The payment was not authorised in time.",
    },
    "no_proposal": {
        "fr": "Personne n'a fait de proposition.",
        "en": "Nobody made a proposal.",
    },
    "no_award": {
        "fr": "Le délai est passé sans qu'une proposition soit retenue.",
        "en": "The time ran out before a proposal was chosen.",
    },
}
WAIT: Final = {
    "fr": "Quelqu'un devrait être libre dans environ {minutes} min.",
    "en": "Somebody should be free in about {minutes} min.",
}
SERVICE: Final = {
    "fr": "{name} : {free} personne(s) libre(s) en ce moment.",
    "en": "{name}: {free} free right now.",
}
POST: Final = {
    "fr": "{name} : publiez la demande et recevez des propositions.",
    "en": "{name}: post it and receive proposals.",
}
SCHEDULE: Final = {
    "fr": "Demandez pour plus tard : la recherche commencera {minutes} min avant.",
    "en": "Ask for later: the search will start {minutes} min before.",
}


async def outcome_of(work: Work, request: Request) -> dict[str, Any]:
    """`{reason, words, next_best}` of a request whose patience is over."""
    if request.allocator == Allocator.CALL:
        proposed = await offers.negotiated(work.db, request.id, 1)
        reason = "no_award" if proposed else "no_proposal"
        return {"reason": reason, "words": WORDS[reason], "next_best": []}
    reason = await _reason(work, request)
    return {"reason": reason, "words": WORDS[reason], "next_best": await _next_best(work, request)}


async def _reason(work: Work, request: Request) -> str:
    payment = await payments.price_of_request(work.db, request.id)
    if payment is not None and payment.state != PaymentState.AUTHORISED:
        return "payment"
    if await offers.put_so_far(work.db, [request.id]):
        return "unanswered"
    last = await rounds.last_verdicts(work.db, [request.id])
    told = {reason for provider, reason in last.get(request.id, ()) if provider is None}
    return min(told & set(WORDS), default=str(Unserved.NO_SUPPLY))


async def _next_best(work: Work, request: Request) -> list[dict[str, Any]]:
    spec = (await specs_of(work, [request]))[request.service_id]
    likes = [
        other
        for row in await catalogue.live_services(work.db, request.market_id)
        for other in [spec_of(work, row)]
        if other.trade == spec.trade and other.geo == spec.geo and not set(other.needs) - set(spec.needs)
    ]
    slugs = [spec.slug, *(other.slug for other in likes)]
    people = await supply.on_duty(work.db, request.market_id, slugs, work.now)
    seen = work.tools.live.of(request.market_id).snapshot(work.now.timestamp())
    heard = {who for who, stale in zip(seen.ids, seen.stale.tolist(), strict=True) if not stale}
    near = [one for one in people if one.id in heard and not one.suspended and one.id != request.customer_id]
    return [
        *_wait(near, spec.slug, work.now),
        *(said for other in likes if other.slug != spec.slug for said in _service(other, request, near)),
        *_schedule(work, request),
    ]


def _wait(near: Sequence[OnDuty], slug: str, now: datetime) -> list[dict[str, Any]]:
    """Whoever frees up soonest. Only if somebody does, and only while that is known."""
    soon = [one.free_at for one in near if slug in one.services and one.busy and one.free_at is not None]
    if not soon:
        return []
    seconds = max(0, int((min(soon) - now).total_seconds()))
    return [{"kind": "wait", "seconds": seconds, "words": _said(WAIT, minutes=max(1, -(-seconds // 60)))}]


def _service(other: ServiceSpec, request: Request, near: Sequence[OnDuty]) -> list[dict[str, Any]]:
    """Another service of the trade: dispatched if somebody is free for it this minute, or posted."""
    like = {"kind": "service", "slug": other.slug, "name": other.name}
    if other.allocator is Allocator.CALL:
        return [{**like, "price": None, "words": _named(POST, other)}]
    free = sum(1 for one in near if other.slug in one.services and not one.busy and not one.pending_offer)
    if not free or other.allocator is not Allocator.DISPATCH or isinstance(other.price_rule, Proposed):
        return []
    about = price(other, distance_m=request.distance_m, duration_s=request.duration_s).total
    return [
        {**like, "price": money_json(about, request.currency), "words": _named(SERVICE, other, free=free)}
    ]


def _schedule(work: Work, request: Request) -> list[dict[str, Any]]:
    """The first hour at which the engine would look ahead of time."""
    if request.start_at is not None:
        return []
    lead = work.knobs.scheduled_lead
    earliest = (work.now + timedelta(seconds=lead)).timestamp()
    start_at = datetime.fromtimestamp(-(-earliest // LATER_STEP_S) * LATER_STEP_S, tz=work.now.tzinfo)
    return [{"kind": "schedule", "start_at": moment(start_at), "words": _said(SCHEDULE, minutes=lead // 60)}]


def _said(words: Mapping[str, str], **facts: object) -> dict[str, str]:
    return {language: text.format(**facts) for language, text in words.items()}


def _named(words: Mapping[str, str], spec: ServiceSpec, **facts: object) -> dict[str, str]:
    return {
        language: text.format(name=spec.name.get(language, spec.slug), **facts)
        for language, text in words.items()
    }
