"""Who hears of a posted job: the nearest who could do it, and who pass there anyway.

They are found by a round of its own: the same solver, the same stored reasons as `dispatch`. Being told binds nobody
and excludes nobody from anything else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from domain.rules.events import EventType
from domain.rules.states import Allocator, Role
from domain.store import requests
from domain.store.supply import OnDuty
from domain.store.tables import Request
from domain.usecases import access
from domain.usecases.candidates import KEPT_NEAREST, Crowd, Seeking, crowd_of, look_around, seed_of
from domain.usecases.decisions import Solved, keep, keep_if_news
from domain.usecases.passing import Bound, detours
from domain.usecases.sight import Horizon
from domain.usecases.specs import specs_of
from domain.usecases.views.requests import call_over_view, request_view
from domain.usecases.work import Work
from matching.policy import Policy
from matching.problem import Problem
from matching.reach import reach_s
from matching.solve import solve

POLICY: Final = Policy(version="call-2", wave_reach_s=())
MOST_CALLS: Final = 50  # posted jobs of one look for newcomers: 6 ms each, and a market's rounds wait for it


async def tell(work: Work, request: Request) -> int:
    """Tell the nearest who could do a posted job and have not heard of it, and who pass there anyway; returns how many
    were told. How far it looks grows until enough could do it, and with the job's age (`matching.reach`)."""
    spec = (await specs_of(work, [request]))[request.service_id]
    told = (await requests.told_of(work.db, [request.id])).get(request.id, set())
    left = (await requests.dropped_by(work.db, [request.id])).get(request.id, set())
    if len(told) >= spec.call.invite:
        return 0
    seeking = Seeking(
        request=request,
        spec=spec,
        stops=(await requests.stops_of(work.db, [request.id]))[request.id],
        wave=0,
        wanted=spec.call.invite - len(told),
        within_s=spec.call.within_s,
        already_asked=frozenset(told | left),
    )
    round_id = work.new_id()
    problem, crowd, on_duty = await _looked(work, seeking, seed_of(round_id))
    passing = await detours(work, seeking, _bound(crowd, on_duty))
    problem = _reached(problem, passing, len(told))
    solved = Solved(round_id, request.market_id, problem, solve(problem), 0.0)
    matched = [UUID(match.provider_id) for match in solved.result.offers]
    if not matched:
        await keep_if_news(work, solved)
        return 0
    await keep(work, solved, {(str(request.id), str(provider)): None for provider in matched})
    view = request_view(request, seeking.stops, Role.PROVIDER, "fr")
    for provider in matched:
        work.emit(
            provider,
            EventType.REQUEST_POSTED,
            {**view, "request_id": str(request.id)},
            not_after=request.expires_at,
        )
    return len(matched)


class Crier:
    """Tells those who came on duty, or nearer, of the jobs of a market that are still open. One of any number."""

    def __init__(self, market: str) -> None:
        self._market = market
        self._last: UUID | None = None  # the last job of a look that did not come to the end

    async def step(self, work: Work) -> int:
        """One look, at so many jobs in turn; how many people were told. The dispatcher does it now and then."""
        jobs = await requests.open_calls(work.db, self._market, work.now, MOST_CALLS, self._last)
        self._last = jobs[-1].id if len(jobs) == MOST_CALLS else None
        return sum([await tell(work, request) for request in jobs])


async def my_calls(work: Work, limit: int) -> list[dict[str, Any]]:
    """The open jobs the actor was told of, newest first, as a provider sees them."""
    account = access.require_account(work.actor)
    rows = await requests.calls_told(work.db, account, work.now, limit)
    stops = await requests.stops_of(work.db, (row.id for row in rows))
    return [request_view(row, stops.get(row.id, []), Role.PROVIDER, work.actor.language) for row in rows]


async def tell_over(work: Work, request: Request, event: EventType, *, winner: UUID | None = None) -> None:
    """Tell those who heard of a posted job that it is open no more; whose it is now is not theirs to know."""
    if request.allocator != Allocator.CALL:
        return
    told = (await requests.told_of(work.db, [request.id])).get(request.id, set())
    for provider in sorted(told - {winner}):
        work.emit(provider, event, call_over_view(request))


async def _looked(work: Work, seeking: Seeking, seed: int) -> tuple[Problem, Crowd, Sequence[OnDuty]]:
    """The question, who was looked at, and the same people as they are.

    A posted job is read at work and between offers too: whoever is on duty for the service hears of it.
    """
    market = seeking.request.market_id
    horizon = Horizon.of(work, market, [seeking.request.service_slug])
    async for sight in horizon.sights([seeking], KEPT_NEAREST, at_work=True):
        people = [
            replace(one, busy=False, pending_offer=False, next_hold_at=None, towards=None, max_pickup_m=None)
            for one in sight.people
        ]
        crowd = crowd_of(work, market, people)
        problem = await look_around(
            work,
            market,
            [seeking],
            crowd,
            policy=POLICY,
            seed=seed,
            within_m=sight.within_m,
            left_out=sight.left_out,
        )
        if problem is not None:
            return problem, crowd, sight.people
    raise AssertionError("the last sight is of everybody")


def _bound(crowd: Crowd, on_duty: Sequence[OnDuty]) -> list[Bound]:
    """Who goes somewhere anyway, of those whose place is known now."""
    found = []
    for j, one in enumerate(on_duty):
        to = one.towards or one.heading
        if to is not None and not crowd.supply[j].stale:
            found.append(Bound(one.id, crowd.place(j), to))
    return found


def _reached(problem: Problem, passing: Mapping[UUID, int], heard: int) -> Problem:
    """The same, looking only as far as is needed; those who pass are as far as it takes out of their way."""
    (ask,) = problem.asks
    pairs = problem.pairs
    eta_s, passers, travel = pairs.eta_s.copy(), set[str](), []
    for k, j in enumerate(pairs.supply.tolist()):
        one = problem.supply[j]
        if one.id not in ask.already_asked:
            travel.append((float(eta_s[k]), one.max_travel_s))
        detour, own = passing.get(UUID(one.id)), one.max_travel_s
        if detour is not None and detour < eta_s[k] and (own is None or eta_s[k] <= own):
            passers.add(one.id)
            eta_s[k] = detour
    reach = reach_s(travel, heard=heard, age_s=ask.age_s, limit_s=ask.max_approach_s)
    return replace(
        problem,
        asks=(replace(ask, max_approach_s=reach, posted=True, passing=frozenset(passers)),),
        pairs=replace(pairs, eta_s=eta_s),
    )
