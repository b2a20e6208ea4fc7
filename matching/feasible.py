"""May this provider be offered this request? Hard constraints, as one literal table per allocator.

The order is the order in which a person is told: the trade, their own state, the two together, then the way.
A row judges any number of pairs at once; a new constraint is a new row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching.field import AskColumns, Field, Flags, Floats, Rows, SupplyColumns, columns, lacking
from matching.policy import Policy
from matching.problem import DECIMALS, Ask, Supply
from matching.reasons import BARRING, CODES, REASONS, Reason

FREE = -1  # where codes of reasons are kept: nothing stands against it


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Requests put to providers, as pairs: row `i` of `asks` and row `j` of `supply`, who would be there in
    `eta_s` (infinite where there is no way)."""

    asks: AskColumns
    supply: SupplyColumns
    i: Rows
    j: Rows
    eta_s: Floats
    policy: Policy

    @classmethod
    def of(cls, ask: Ask, supply: Supply, eta_s: float, policy: Policy) -> "Case":
        """One request put to one provider."""
        here = np.zeros(1, dtype=np.intp)
        return cls(*columns([ask], [supply]), here, here, np.array([eta_s]), policy)

    @classmethod
    def of_pairs(cls, field: Field) -> "Case":
        """All the pairs of a round."""
        return cls(
            field.asks, field.supply, field.pairs.ask, field.pairs.supply, field.pairs.eta_s, field.policy
        )


Check: TypeAlias = Callable[[Case], Flags]
"""True, pair by pair, where the constraint is broken."""

Checks: TypeAlias = Sequence[tuple[Reason, Check]]


def _agenda_conflict(case: Case) -> Flags:
    """By the road to the next job where it is known, else by a buffer."""
    done_s = np.maximum(case.eta_s, case.asks.starts_in_s[case.i]) + case.asks.duration_s[case.i]
    free_s, next_s = case.supply.free_until_s[case.j], case.supply.next_start_s[case.j]
    onward_s = case.asks.onward_s.of(case.i, case.j)
    blindly = done_s + case.policy.agenda_buffer_s > free_s
    knowing = (done_s + case.policy.leave_s > free_s) | (done_s + onward_s > next_s)
    known = np.isfinite(onward_s) & np.isfinite(next_s) & np.isfinite(free_s)
    return np.asarray(np.where(known, knowing, blindly), dtype=np.bool_)


def _beyond_reach(case: Case) -> Flags:
    asks = case.asks
    return case.eta_s > case.policy.reaches_s(asks.wave, asks.age_s, asks.max_approach_s)[case.i]


def _beyond_own_limit(case: Case) -> Flags:
    """A limit of one's own is on the way, not on what one does before."""
    way_s = np.round(case.eta_s - case.supply.free_in_s[case.j], DECIMALS)
    return way_s > case.supply.max_travel_s[case.j]


def _barred(reason: Reason) -> Check:
    return lambda case: case.asks.barred[reason].holds(case.i, case.j)


TRADE: tuple[Reason, Check] = (
    Reason.WRONG_SERVICE,
    lambda case: lacking(case.asks.service[case.i], case.supply.services[case.j]),
)

SUSPENSION: tuple[Reason, Check] = (Reason.SUSPENDED, lambda case: case.supply.suspended[case.j])

STATE: tuple[tuple[Reason, Check], ...] = (
    SUSPENSION,
    (Reason.OFF_DUTY, lambda case: ~case.supply.on_duty[case.j]),
    (Reason.STALE_POSITION, lambda case: case.supply.stale[case.j]),
    (Reason.BUSY, lambda case: case.supply.busy[case.j]),
    (Reason.HAS_OFFER, lambda case: case.supply.pending_offer[case.j]),
)
"""What the provider's own state says, whoever asks; none holds for one who is `available`."""

TOGETHER: tuple[tuple[Reason, Check], ...] = (
    (Reason.MISSING_TAG, lambda case: lacking(case.asks.needs[case.i], case.supply.tags[case.j])),
    (Reason.BLOCKED, lambda case: case.supply.blocked.holds(case.asks.customer[case.i], case.j)),
    (Reason.ALREADY_ASKED, lambda case: case.asks.already_asked.holds(case.i, case.j)),
    *((reason, _barred(reason)) for reason in sorted(BARRING)),
)
"""What the two say together, wherever they are."""

THERE: tuple[tuple[Reason, Check], ...] = (
    (Reason.UNREACHABLE, lambda case: ~np.isfinite(case.eta_s)),
    (Reason.BEYOND_OWN_LIMIT, _beyond_own_limit),
)
"""Whether there is a way that the provider would take."""

DISPATCH_CHECKS: tuple[tuple[Reason, Check], ...] = (
    TRADE,
    *STATE,
    *TOGETHER,
    *THERE,
    (Reason.TOO_FAR, _beyond_reach),
    (Reason.AGENDA_CONFLICT, _agenda_conflict),
)

CALL_CHECKS: tuple[tuple[Reason, Check], ...] = (
    TRADE,
    SUSPENSION,
    *TOGETHER,
    *THERE,
    (Reason.TOO_FAR, lambda case: case.eta_s > case.asks.max_approach_s[case.i]),
)
"""A posted job is read off duty, at work and from home, and the provider proposes a time that fits the
agenda: only what they are, the two together and the travel time count."""

WITHOUT_A_WAY = (TRADE, *STATE, *TOGETHER)
"""What can be judged before any travel time was computed."""


def reach_s(ask: Ask, policy: Policy) -> float:
    """How many seconds of approach this ask looks out to in this round."""
    return policy.reach_s(wave=ask.wave, age_s=ask.age_s, limit_s=ask.max_approach_s)


def first_broken(case: Case, checks: Checks) -> NDArray[np.int8]:
    """Pair by pair, the code of the first constraint that forbids it, or `FREE`."""
    found = np.full(len(case.i), FREE, dtype=np.int8)
    for reason, check in reversed(checks):
        found[check(case)] = CODES[reason]  # an earlier row has the last word
    return found


def could_come(asks: Sequence[Ask], supply: Sequence[Supply], policy: Policy) -> list[Rows]:
    """For each ask the rows of `supply` that nothing forbids, as far as is known before any travel time."""
    their, own = columns(asks, supply)
    everybody = np.arange(len(supply), dtype=np.intp)
    here = np.zeros(len(supply))
    return [
        np.flatnonzero(
            first_broken(Case(their, own, np.full_like(everybody, i), everybody, here, policy), WITHOUT_A_WAY)
            == FREE
        )
        for i in range(len(asks))
    ]


def first_of(ask: Ask, supply: Supply, eta_s: float, policy: Policy, checks: Checks) -> Reason | None:
    """The first constraint of these that forbids this offer, or None."""
    code = int(first_broken(Case.of(ask, supply, eta_s, policy), checks)[0])
    return None if code == FREE else REASONS[code]


def feasible(ask: Ask, supply: Supply, eta_s: float | None, policy: Policy) -> Reason | None:
    """The first constraint that forbids this offer, or None. Without a travel time the way is not judged."""
    return first_of(ask, supply, eta_s or 0.0, policy, _checks(eta_s))


def broken(ask: Ask, supply: Supply, eta_s: float | None, policy: Policy) -> tuple[Reason, ...]:
    """Every constraint that forbids this offer, in the table's order."""
    case = Case.of(ask, supply, eta_s or 0.0, policy)
    return tuple(reason for reason, check in _checks(eta_s) if bool(check(case)[0]))


def _checks(eta_s: float | None) -> Checks:
    return WITHOUT_A_WAY if eta_s is None else DISPATCH_CHECKS
