"""What leaving costs: a pure function of the service's rule, who leaves, and how far things had come."""

from dataclasses import dataclass
from typing import Final

from domain.rules.catalogue import Cancellation
from domain.rules.money import Cents
from domain.rules.states import EngagementState, Role

EARLY_S: Final = 900.0  # before the agreed hour: who stands there sooner waits on their own account


@dataclass(frozen=True, slots=True)
class Leaving:
    """The circumstances. Seconds; `price` in cents is what was authorised, the most that can be taken."""

    state: EngagementState
    role: Role
    price: int
    since_confirmed_s: float
    before_start_s: float = 0.0  # until the agreed hour; none for work that was asked for now
    since_started_s: float = 0.0
    planned_s: float = 0.0


def fee(rule: Cancellation, leaving: Leaving) -> Cents:
    """What the customer owes when work ends before its time; never more than the price.

    Only the customer's own leaving costs anything: nothing within `free_s` of the confirmation unless the
    provider is already there, `late_cents` after that, `arrived_cents` once the provider is there, though
    not more than `EARLY_S` before the agreed hour. Work under way is paid for the part done, and at least as
    if it had not begun.
    """
    if leaving.role is not Role.CUSTOMER:
        return Cents(0)
    on_the_way = 0 if leaving.since_confirmed_s <= rule.free_s else rule.late_cents
    match leaving.state:
        case EngagementState.CONFIRMED | EngagementState.EN_ROUTE:
            asked = on_the_way
        case EngagementState.ARRIVED:
            asked = rule.arrived_cents if leaving.before_start_s <= EARLY_S else on_the_way
        case EngagementState.IN_PROGRESS:
            asked = max(rule.arrived_cents, _part_done(leaving))
        case _:
            asked = 0
    return Cents(max(0, min(asked, leaving.price)))


def no_show_fee(rule: Cancellation, declared_by: Role, price: int) -> Cents:
    """What the customer owes for not being there; a provider who was not there is owed nothing."""
    return Cents(max(0, min(rule.arrived_cents, price))) if declared_by is not Role.CUSTOMER else Cents(0)


def _part_done(leaving: Leaving) -> int:
    """The price in proportion to the time worked, whole cents; all of it when the plan is unknown or over."""
    if leaving.planned_s <= 0 or leaving.since_started_s >= leaving.planned_s:
        return leaving.price
    return int(leaving.price * max(0.0, leaving.since_started_s) / leaving.planned_s)
