"""`dispatch`: demand is published; the engine offers it to ranked providers; the first valid accept wins.

One round takes a snapshot without locks, solves one assignment for the whole market, then puts the offers
under the schema's guards: whoever got another offer meanwhile is passed over, whoever was taken is left alone.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules.catalogue import ServiceSpec
from domain.rules.deeds import Deed
from domain.rules.events import EventType
from domain.rules.rounds import USUAL, Rest, RoundSettings, candidates_for, read_round_settings, rest_after
from domain.rules.states import OfferOrigin, OfferState
from domain.rules.terms import terms
from domain.store import catalogue, earnings, offers, requests, stations
from domain.store.supply import OnDuty
from domain.store.tables import Offer, Request
from domain.store.timers import TimerKind
from domain.usecases.candidates import Crowd, Seeking, crowd_of, look_around, seed_of
from domain.usecases.chains import Finishing, finishing
from domain.usecases.decisions import Pair, Solved, keep, keep_if_news
from domain.usecases.incomes import Incomes
from domain.usecases.sight import Horizon, Sight
from domain.usecases.specs import specs_of
from domain.usecases.views.offers import offer_view
from domain.usecases.work import Work
from matching.fairness import FairnessPrice, price_of_fairness
from matching.policy import Policy
from matching.problem import DECIMALS
from matching.result import Match
from matching.solve import solve

MOST_OPEN: Final = 500  # requests a round; the oldest first, the others wait two seconds longer
POLICY: Final = Policy(
    version="dispatch-2", wave_reach_s=(), fairness_s=USUAL.fairness_s, fairness_cap=USUAL.fairness_cap
)
"""Waves are the service's own (`spec.dispatch.waves`): each request carries its reach, so the policy has none."""


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What one round came to. `round_id` is None when nothing was open or nothing had changed.

    `idle` counts who could have been offered something, `candidates` how many were judged for a request at most;
    `rest` is the pause that the market's settings want after it.
    """

    open: int
    offers: int
    unserved: int
    round_id: UUID | None
    rest: Rest
    idle: int = 0
    candidates: int = 0
    fairness: FairnessPrice | None = None


@dataclass(frozen=True, slots=True)
class _Round:
    """What was solved: the requests in it, and who of the people is about to finish a trip."""

    seekings: Sequence[Seeking]
    soon: Mapping[UUID, Finishing]
    solved: Solved
    report: RoundReport


async def run_round(work: Work, market: str, incomes: Incomes | None = None) -> RoundReport:
    """Match everything open in a market once. The engine's own use case: nobody calls it from outside.

    `incomes` are those of earlier rounds, where somebody keeps them.
    """
    found = await requests.to_match(work.db, market, work.now, MOST_OPEN)
    wanting = await _seekings(work, found) if found else []
    if not wanting:
        rest = rest_after(requests=0, idle=0, usual_s=work.knobs.round_window)
        return RoundReport(open=0, offers=0, unserved=0, round_id=None, rest=rest)
    settings = read_round_settings((await catalogue.market(work.db, market)).settings)
    round_ = await _first_that_sees_enough(work, market, wanting, settings, incomes or Incomes(market))
    seekings, soon, solved, report = round_.seekings, round_.soon, round_.solved, round_.report
    still_open = await requests.still_open(work.db, (seeking.request.id for seeking in seekings))
    offered = solved.result.offers
    put = await _put(work, [s for s in seekings if s.request.id in still_open], offered, soon, solved.id)
    found_for = Counter(match.ask_id for match in offered)
    for seeking in seekings:
        _grow(seeking, still_open, found_for[str(seeking.request.id)])
    stored = True
    if put:
        await keep(work, solved, put)
    else:
        stored = await keep_if_news(work, solved)
    return replace(report, offers=len(put), round_id=solved.id if stored else None)


async def _first_that_sees_enough(
    work: Work, market: str, seekings: Sequence[Seeking], settings: RoundSettings, incomes: Incomes
) -> "_Round":
    """The round over as many people as it takes."""
    horizon = Horizon.of(work, market, (seeking.request.service_slug for seeking in seekings))
    keep = candidates_for(requests=len(seekings), idle=horizon.idle, settings=settings)
    async for sight in horizon.sights(seekings, keep, ends_too=settings.chain_within_s > 0):
        soon = await finishing(work, market, sight.people, settings.chain_within_s)
        known = (
            await incomes.of(work, [one.id for one in sight.people], settings)
            if settings.fairness_s
            else None
        )
        crowd = crowd_of(work, market, sight.people, known, soon)
        turn = await _within_hours(work, _in_turn(seekings, sight.people), sight.people, settings)
        idle = horizon.idle if horizon.large else crowd.idle
        solved = await _solved(work, market, turn, crowd, sight, settings, idle)
        if solved is not None:
            return _Round(turn, soon, *solved)
    raise AssertionError("the last sight is of everybody")


async def _solved(
    work: Work,
    market: str,
    seekings: Sequence[Seeking],
    crowd: Crowd,
    sight: Sight,
    settings: RoundSettings,
    idle: int,
) -> tuple[Solved, RoundReport] | None:
    """The round solved under the market's settings, and what there is to say of it before anything is offered; `None`
    where the sight is not wide enough."""
    wanted = len(seekings)
    round_id, nearest = work.new_id(), candidates_for(requests=wanted, idle=idle, settings=settings)
    problem = await look_around(
        work,
        market,
        seekings,
        crowd,
        policy=_policy(market, settings),
        seed=seed_of(round_id),
        keep=nearest,
        within_m=sight.within_m,
        left_out=sight.left_out,
    )
    if problem is None:
        return None
    began = work.tools.clock.now()
    result = solve(problem)
    took_ms = (work.tools.clock.now() - began).total_seconds() * 1_000
    report = RoundReport(
        open=wanted,
        offers=0,
        unserved=len(result.unserved),
        round_id=round_id,
        idle=idle,
        candidates=nearest,
        rest=rest_after(requests=wanted, idle=idle, usual_s=work.knobs.round_window, settings=settings),
        fairness=price_of_fairness(problem, result),
    )
    return Solved(round_id, market, problem, result, took_ms, _measures(report)), report


async def _within_hours(
    work: Work, seekings: Sequence[Seeking], people: Sequence[OnDuty], settings: RoundSettings
) -> Sequence[Seeking]:
    """Requests whose regime bounds a day's work, with those who have reached the bound."""
    most = {
        regime: settings.most_hours_a_day[regime]
        for seeking in seekings
        for regime in seeking.spec.regimes
        if regime in settings.most_hours_a_day
    }
    if not most:
        return seekings
    worked = await earnings.worked_today(
        work.db, seekings[0].request.market_id, [one.id for one in people], work.now
    )

    def out(seeking: Seeking) -> frozenset[UUID]:
        bound = min((most[regime] for regime in seeking.spec.regimes if regime in most), default=math.inf)
        return frozenset(who for who, seconds in worked.items() if seconds >= bound * 3_600)

    return [replace(seeking, worked_out=out(seeking)) for seeking in seekings]


def _policy(market: str, settings: RoundSettings) -> Policy:
    """The policy under the market's own numbers; another name where they are not everybody's."""
    own = replace(POLICY, fairness_s=settings.fairness_s, fairness_cap=settings.fairness_cap)
    return own if own == POLICY else replace(own, version=f"{POLICY.version}/{market}")


def _measures(report: RoundReport) -> dict[str, Any]:
    return {
        "requests": report.open,
        "idle": report.idle,
        "candidates": report.candidates,
        "window_s": report.rest.window_s,
        "at_once": report.rest.at_once,
        "fairness": None if report.fairness is None else asdict(report.fairness),
    }


def patience(
    spec: ServiceSpec, now: datetime, start_at: datetime | None, lead_s: int
) -> tuple[datetime, datetime]:
    """`(due, expires)`: when the matcher first looks at a request, and when it gives up.

    The patience is the customer's, who waits from the agreed hour on: a scheduled request is sought from its lead
    before the start, all the way to the start, and for as long after it as one for now would be.
    """
    due = now if start_at is None else max(now, start_at - timedelta(seconds=lead_s))
    wanted = now if start_at is None else max(now, start_at)
    return due, wanted + timedelta(seconds=spec.dispatch.patience_s)


async def _seekings(work: Work, found: Sequence[Request]) -> list[Seeking]:
    """The requests that want somebody in this round: those whose wave is not out already."""
    ids = [request.id for request in found]
    specs = await specs_of(work, found)
    stops = await requests.stops_of(work.db, ids)
    dropped = await requests.dropped_by(work.db, ids)
    at_station = await stations.zone_of_pickups(work.db, found[0].market_id, ids)
    asked: defaultdict[UUID, list[tuple[UUID, str, int]]] = defaultdict(list)
    for request_id, provider, state, wave in await offers.put_so_far(work.db, ids):
        asked[request_id].append((provider, state, wave))
    seekings = []
    for request in found:
        spec, before = specs[request.service_id], asked[request.id]
        wave, wanted = _wave(spec, request.wave, before)
        if wanted > 0:
            seekings.append(
                Seeking(
                    request=request,
                    spec=spec,
                    stops=stops[request.id],
                    wave=wave,
                    wanted=wanted,
                    within_s=spec.dispatch.waves[wave].within_s,
                    already_asked=frozenset({provider for provider, _, _ in before})
                    | dropped.get(request.id, set()),
                    pending=sum(1 for _, state, _ in before if state == OfferState.PENDING),
                    zone=at_station.get(request.id),
                )
            )
    return seekings


def _in_turn(seekings: Sequence[Seeking], people: Sequence[OnDuty]) -> list[Seeking]:
    """At a station one is asked after the other: of three asked at once the quickest would win, not the first."""
    return [
        replace(seeking, wanted=1) if _has_line(seeking, people) else seeking
        for seeking in seekings
        if seeking.pending == 0 or not _has_line(seeking, people)
    ]


def _has_line(seeking: Seeking, people: Sequence[OnDuty]) -> bool:
    """Whether somebody waits in the queue of the pickup's station who may still be asked."""
    return seeking.zone is not None and any(
        one.queue_zone == seeking.zone
        and seeking.request.service_slug in one.services
        and not (one.busy or one.suspended or one.id in seeking.already_asked)
        for one in people
    )


def _wave(spec: ServiceSpec, wave: int, asked: Sequence[tuple[UUID, str, int]]) -> tuple[int, int]:
    """The wave a request is in, and how many more may be asked now.

    A wave is used up when as many as it holds were asked and none of them may still say yes; the next one asks
    more people, further away. The last one goes on until patience ends.
    """
    last = len(spec.dispatch.waves) - 1
    wave = min(wave, last)
    pending = sum(1 for _, state, _ in asked if state == OfferState.PENDING)
    in_wave = sum(1 for _, _, of in asked if of == wave)
    if pending == 0 and in_wave >= spec.dispatch.waves[wave].size:
        wave = min(wave + 1, last)
    return wave, spec.dispatch.waves[wave].size - pending


def _grow(seeking: Seeking, still_open: Mapping[UUID, Request], found: int) -> None:
    """Within this wave's reach there are not enough people: the next round looks further."""
    row = still_open.get(seeking.request.id)
    if row is None:
        return
    last = len(seeking.spec.dispatch.waves) - 1
    wave = seeking.wave if found >= seeking.wanted else min(seeking.wave + 1, last)
    if row.wave != wave:
        row.wave = wave


async def _put(
    work: Work,
    seekings: Sequence[Seeking],
    matches: Sequence[Match],
    soon: Mapping[UUID, Finishing],
    round_id: UUID,
) -> dict[Pair, UUID | None]:
    """Insert the offers the guards let through, tell their providers, set their timers."""
    now = work.tools.clock.now()  # the answer time begins when the question is put, not when the round began
    by_id = {str(seeking.request.id): seeking for seeking in seekings}
    rows = [
        _offer(work, by_id[match.ask_id], match, soon.get(UUID(match.provider_id)), round_id, now)
        for match in sorted(
            matches, key=lambda match: match.provider_id
        )  # one order of locks for every round
        if match.ask_id in by_id
    ]
    put: dict[Pair, UUID | None] = {}
    for offer in await offers.put(work.db, rows):
        seeking = by_id[str(offer.request_id)]
        put[str(offer.request_id), str(offer.provider_id)] = offer.id
        waited_s = None if offer.wave else (now - seeking.request.due_at).total_seconds()
        work.count(Deed.OFFER_CREATED, offer.market_id, waited_s=waited_s)
        work.emit(
            offer.provider_id, EventType.OFFER_CREATED, _told(offer, seeking), not_after=offer.answer_by
        )
        work.schedule(TimerKind.OFFER_EXPIRES, offer.id, offer.answer_by)
    return put


def _told(offer: Offer, seeking: Seeking) -> dict[str, Any]:
    return offer_view(
        offer, seeking.stops, service=seeking.request.service_slug, regimes=seeking.spec.regimes, exact=False
    )


def _offer(
    work: Work, seeking: Seeking, match: Match, trip: Finishing | None, round_id: UUID, now: datetime
) -> dict[str, Any]:
    request, before_s = seeking.request, 0.0 if trip is None else trip.free_in_s
    assert request.price_cents is not None, "a dispatched request has its price"
    agreed = terms(
        seeking.spec,
        price_cents=request.price_cents,
        distance_m=request.distance_m,
        duration_s=request.duration_s,
        approach_s=round(match.eta_s - before_s, DECIMALS),
        approach_m=match.meters,
        free_in_s=before_s,
    )
    provider = UUID(match.provider_id)
    return {
        "id": work.new_id(),
        "market_id": request.market_id,
        "request_id": request.id,
        "customer_id": request.customer_id,
        "provider_id": provider,
        "to_account": provider,
        "origin": OfferOrigin.DISPATCH,
        "state": OfferState.PENDING,
        "answer_by": now + timedelta(seconds=seeking.spec.dispatch.answer_s),
        "price_cents": request.price_cents,
        "currency": request.currency,
        "terms": agreed.as_json(),
        "message": "",
        "start_at": request.start_at,
        "after_id": None if trip is None else trip.engagement_id,
        "round_id": round_id,
        "wave": seeking.wave,
        "created_at": now,
    }
