"""What ops should look at now: computed when asked, never stored, so that it cannot be out of date."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from domain.rules.catalogue import in_language
from domain.rules.states import TRACKED_ENGAGEMENT, EngagementState
from domain.rules.wire import moment
from domain.store import exceptions as store
from domain.store import pushes
from domain.store.tables import Engagement, Request
from domain.usecases.access import require_ops
from domain.usecases.work import Work
from geo.live import GONE_AFTER, STALE_AFTER

WAITING_S: Final = 60  # an open request that nobody has taken: the first wave and a half have failed
NEAR_S: Final = 600  # before an agreed hour: the time to call somebody by hand
PAYMENT_STUCK_S: Final = 30  # a payment service that answers does so within seconds
ALERT_FRESH_S: Final = 1_800  # twice the longest rest of a carrier: while it is broken it is tried in between
LATE_S: Final = 180  # past an announced end: a customer who was told a time begins to look for another way
MANY_ATTEMPTS: Final = 4  # 1 + 2 + 4 s of retries
STALLED_MARGIN_S: Final = 600  # ten minutes beyond twice what was planned
MOST: Final = 200  # of each kind: past that the list is not read, it is counted

_WORDS: Final = {
    "request_waiting": {
        "en": "Nobody has taken this request yet",
        "fr": "Personne n'a encore pris cette demande",
    },
    "provider_dark": {
        "en": "The provider's phone has gone silent",
        "fr": "Le téléphone du prestataire ne répond plus",
    },
    "stalled": {
        "en": "This takes much longer than planned",
        "fr": "Cela dure bien plus longtemps que prévu",
    },
    "late_to_set_off": {
        "en": "The agreed hour is near and the provider has not set off",
        "fr": "L'heure convenue approche et le prestataire n'est pas parti",
    },
    "kept_waiting": {
        "en": "The provider's trip before this one takes longer than announced",
        "fr": "La course précédente du prestataire dure plus longtemps qu'annoncé",
    },
    "disputed": {
        "en": "One side contests this; a human must decide",
        "fr": "Une des parties conteste ; un humain doit trancher",
    },
    "payment_failing": {
        "en": "A payment does not go through",
        "fr": "Un paiement n'aboutit pas",
    },
    "pushes_failing": {
        "en": "Pushes do not go out: the carrier refuses our credentials",
        "fr": "Les notifications ne partent pas : le service refuse nos identifiants",
    },
    "timer_failing": {
        "en": "Something due keeps failing",
        "fr": "Une échéance échoue à répétition",
    },
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing out of order. `subject` names the row: request, engagement, payment or timer, and its id; or the
    carrier of pushes."""

    kind: str
    severity: str  # info | warning | critical
    since: datetime
    subject: tuple[str, str]
    market: str | None
    detail: str = ""


async def exceptions(work: Work) -> list[dict[str, Any]]:
    """Everything out of order in the markets the actor oversees, the gravest and oldest first; what belongs to no
    market is for the staff of all. Ops only."""
    require_ops(work.actor)
    found = [
        *await _requests(work),
        *await _engagements(work),
        *await _disputes(work),
        *await _payments(work),
    ]
    if work.actor.oversees_all:
        found += [*await _pushes(work), *await _timers(work)]
    gravity = {"critical": 0, "warning": 1, "info": 2}
    found.sort(key=lambda finding: (gravity[finding.severity], finding.since, finding.subject))
    return [_shown(finding, work.actor.language) for finding in found]


async def _requests(work: Work) -> list[Finding]:
    rows = await store.requests_waiting(work.db, work.after(-WAITING_S), MOST, work.actor.ops_markets)
    return [
        Finding(
            "request_waiting",
            "critical" if _presses(row, work.now) else "warning",
            row.due_at,
            ("request", str(row.id)),
            row.market_id,
        )
        for row in rows
    ]


def _presses(row: Request, now: datetime) -> bool:
    """Whether its customer is about to be left standing: the search is long, and the agreed hour near."""
    long = now - row.due_at > timedelta(seconds=3 * WAITING_S)
    return long and (row.start_at is None or row.start_at - now < timedelta(seconds=NEAR_S))


async def _engagements(work: Work) -> list[Finding]:
    found = []
    for row in await store.running(work.db, MOST, work.actor.ops_markets):
        subject = ("engagement", str(row.id))
        if (dark := _dark(work, row)) is not None:
            severity = "critical" if dark > GONE_AFTER else "warning"
            found.append(
                Finding("provider_dark", severity, work.after(-dark), subject, row.market_id, f"{dark:.0f} s")
            )
        planned = _planned_end(row)
        if planned is not None and work.now > planned:
            found.append(Finding("stalled", "warning", planned, subject, row.market_id, row.state))
        if row.state == EngagementState.CONFIRMED and row.waits:
            free_at = row.confirmed_at + timedelta(seconds=float(row.terms.get("free_in_s") or 0))
            if work.now > free_at + timedelta(seconds=LATE_S):
                found.append(Finding("kept_waiting", "warning", free_at, subject, row.market_id))
        elif row.state == EngagementState.CONFIRMED and row.start_at is not None:
            leave_at = row.start_at - timedelta(seconds=float(row.terms.get("approach_s") or 0))
            if work.now > leave_at:
                found.append(Finding("late_to_set_off", "warning", leave_at, subject, row.market_id))
    return found


def _dark(work: Work, row: Engagement) -> float | None:
    """Seconds of silence of a provider who should be heard of; `None` while they are."""
    if row.state not in TRACKED_ENGAGEMENT or row.en_route_at is None:
        return None
    point = work.tools.live.of(row.market_id).newest(row.provider_id)
    heard = row.en_route_at.timestamp() if point is None else point.at
    silent = work.now.timestamp() - heard
    return silent if silent > STALE_AFTER else None


def _planned_end(row: Engagement) -> datetime | None:
    """When the present step should long be over: twice the plan and ten minutes."""
    approach, duration = float(row.terms.get("approach_s") or 0), float(row.terms.get("duration_s") or 0)
    match row.state:
        case EngagementState.EN_ROUTE:
            began, plan = row.en_route_at, approach
        case EngagementState.IN_PROGRESS:
            began, plan = row.started_at, duration
        case _:
            return None
    return None if began is None else began + timedelta(seconds=2 * plan + STALLED_MARGIN_S)


async def _disputes(work: Work) -> list[Finding]:
    rows = await store.disputes(work.db, MOST, work.actor.ops_markets)
    return [
        Finding(
            "disputed",
            "critical",
            row.ended_at or row.confirmed_at,
            ("engagement", str(row.id)),
            row.market_id,
        )
        for row in rows
    ]


async def _payments(work: Work) -> list[Finding]:
    rows = await store.payments_failing(work.db, work.after(-PAYMENT_STUCK_S), MOST, work.actor.ops_markets)
    return [
        Finding(
            "payment_failing",
            "warning",
            row.updated_at,
            ("payment", str(row.id)),
            row.market_id,
            row.reason or f"{row.state}, wanted: {row.want}",
        )
        for row in rows
    ]


async def _pushes(work: Work) -> list[Finding]:
    count, since, words = await pushes.alerts_since(work.db, work.after(-ALERT_FRESH_S))
    if since is None:
        return []
    return [Finding("pushes_failing", "critical", since, ("push", "carrier"), None, f"{count}: {words}")]


async def _timers(work: Work) -> list[Finding]:
    rows = await store.timers_failing(work.db, MANY_ATTEMPTS, MOST)
    return [
        Finding(
            "timer_failing",
            "warning",
            row.due_at,
            ("timer", str(row.id)),
            None,
            f"{row.kind}: {row.last_error}",
        )
        for row in rows
    ]


def _shown(finding: Finding, language: str) -> dict[str, Any]:
    what, ref = finding.subject
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "since": moment(finding.since),
        "subject": what,
        "id": ref,
        "market": finding.market,
        "words": in_language(_WORDS[finding.kind], language),
        "detail": finding.detail,
    }
