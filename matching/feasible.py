"""May this provider be offered this request? Hard constraints, as one literal table per allocator.

The order is the order in which a person is told: the trade, their own state, the two together, then the way.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from matching.policy import Policy
from matching.problem import Ask, Supply
from matching.reasons import BARRING, Reason


class Case(NamedTuple):
    """A request put to a provider. `eta_s` is infinite where there is no way."""

    ask: Ask
    supply: Supply
    eta_s: float
    policy: Policy


Check: TypeAlias = Callable[[Case], bool]
"""True when the constraint is broken."""


def _agenda_conflict(case: Case) -> bool:
    if case.supply.free_until_s is None:
        return False
    done_s = max(case.eta_s, case.ask.starts_in_s) + case.ask.duration_s
    onward_s = dict(case.ask.onward_s).get(case.supply.id)
    if onward_s is None or case.supply.next_start_s is None:
        return done_s + case.policy.agenda_buffer_s > case.supply.free_until_s
    claimed = done_s + case.policy.leave_s > case.supply.free_until_s
    return claimed or done_s + onward_s > case.supply.next_start_s


def _barred(reason: Reason) -> Check:
    return lambda case: (case.supply.id, reason) in case.ask.barred


TRADE: tuple[Reason, Check] = (
    Reason.WRONG_SERVICE,
    lambda case: case.ask.service not in case.supply.services,
)

SUSPENSION: tuple[Reason, Check] = (Reason.SUSPENDED, lambda case: case.supply.suspended)

STATE: tuple[tuple[Reason, Check], ...] = (
    SUSPENSION,
    (Reason.OFF_DUTY, lambda case: not case.supply.on_duty),
    (Reason.STALE_POSITION, lambda case: case.supply.stale),
    (Reason.BUSY, lambda case: case.supply.busy),
    (Reason.HAS_OFFER, lambda case: case.supply.pending_offer),
)
"""What the provider's own state says, whoever asks; none holds for one who is `available`."""

TOGETHER: tuple[tuple[Reason, Check], ...] = (
    (Reason.MISSING_TAG, lambda case: not case.ask.needs <= case.supply.tags),
    (Reason.BLOCKED, lambda case: case.ask.customer in case.supply.blocked_customers),
    (Reason.ALREADY_ASKED, lambda case: case.supply.id in case.ask.already_asked),
    *((reason, _barred(reason)) for reason in sorted(BARRING)),
)
"""What the two say together, wherever they are."""

THERE: tuple[tuple[Reason, Check], ...] = (
    (Reason.UNREACHABLE, lambda case: not math.isfinite(case.eta_s)),
    (
        Reason.BEYOND_OWN_LIMIT,
        lambda case: case.supply.max_travel_s is not None and case.eta_s > case.supply.max_travel_s,
    ),
)
"""Whether there is a way that the provider would take."""

DISPATCH_CHECKS: tuple[tuple[Reason, Check], ...] = (
    TRADE,
    *STATE,
    *TOGETHER,
    *THERE,
    (Reason.TOO_FAR, lambda case: case.eta_s > reach_s(case.ask, case.policy)),
    (Reason.AGENDA_CONFLICT, _agenda_conflict),
)

CALL_CHECKS: tuple[tuple[Reason, Check], ...] = (
    TRADE,
    SUSPENSION,
    *TOGETHER,
    *THERE,
    (Reason.TOO_FAR, lambda case: case.eta_s > case.ask.max_approach_s),
)
"""A posted job is read off duty, at work and from home, and the provider proposes a time that fits the
agenda: only what they are, the two together and the travel time count."""

WITHOUT_A_WAY = (TRADE, *STATE, *TOGETHER)
"""What can be judged before any travel time was computed."""


def reach_s(ask: Ask, policy: Policy) -> float:
    """How many seconds of approach this ask looks out to in this round."""
    return policy.reach_s(wave=ask.wave, age_s=ask.age_s, limit_s=ask.max_approach_s)


def feasible(ask: Ask, supply: Supply, eta_s: float | None, policy: Policy) -> Reason | None:
    """The first constraint that forbids this offer, or None. Without a travel time the way is not judged."""
    return next(_broken(ask, supply, eta_s, policy), None)


def broken(ask: Ask, supply: Supply, eta_s: float | None, policy: Policy) -> tuple[Reason, ...]:
    """Every constraint that forbids this offer, in the table's order."""
    return tuple(_broken(ask, supply, eta_s, policy))


def _broken(ask: Ask, supply: Supply, eta_s: float | None, policy: Policy) -> Iterator[Reason]:
    checks = DISPATCH_CHECKS if eta_s is not None else WITHOUT_A_WAY
    case = Case(ask, supply, eta_s or 0.0, policy)
    return (reason for reason, check in checks if check(case))
