"""How a market's rounds are run, as data: fairness, candidates, the rest between two rounds.

A market carries these under `dispatch` in its settings; what it leaves out has the defaults below.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from domain.rules.errors import Invalid

LEAST_ACTIVE_S: Final = 3_600  # an income per hour from less than an hour is chance. A judgement


class RoundSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`settings.dispatch` of a market."""

    fairness_s: float = 60.0
    """s per standard deviation of income per active hour; 0 switches fairness off."""
    fairness_cap: float = 2.0
    """standard deviations at which it is cut off."""
    income_days: int = 7
    """days over which incomes are counted."""
    ample: float = 5.0
    """idle providers per open request from which a request need not wait for a window."""
    window_most_s: float = 10.0
    """s; the longest window, when fewer providers are idle than requests are open."""
    candidates_ample: int = 16
    candidates: int = 32
    candidates_scarce: int = 64
    """nearest by road that are judged for a request: in ample supply, in between, and with fewer than two idle a
    request."""

    chain_within_s: float = 240.0
    """s before the end of a trip from which its driver may be offered the next one; 0 switches that off. A judgement:
    later than four minutes ahead, a street's lights and a door decide when the trip ends."""
    homeward_a_day: int = 2
    """times a day that somebody may ask for work on their way home only."""
    most_hours_a_day: dict[str, float] = {}
    """hours of activity time a day after which nobody is asked, by the regime of the service; none unless said."""

    @property
    def fairness_most_s(self) -> float:
        """The most that fairness may add to one offer's approach, in seconds: one person lifted to the limit over
        another lowered to it."""
        return 2 * self.fairness_cap * self.fairness_s


USUAL: Final = RoundSettings()
SCARCE: Final = 2.0  # idle providers per request below which 32 candidates are too few (ADR 10)


def read_round_settings(settings: Mapping[str, Any]) -> RoundSettings:
    """The market's own, from its settings; `Invalid` names the field that is wrong."""
    try:
        read = msgspec.convert(settings.get("dispatch", {}), RoundSettings)
    except msgspec.ValidationError as wrong:
        raise Invalid.field("/settings/dispatch", str(wrong)) from None
    numbers = {name: getattr(read, name) for name in read.__struct_fields__ if name != "most_hours_a_day"}
    hours = {f"most_hours_a_day/{regime}": most for regime, most in read.most_hours_a_day.items()}
    for name, value in (numbers | hours).items():
        if not 0 <= value < float("inf"):
            raise Invalid.field(f"/settings/dispatch/{name}", "not below zero")
    if not 1 <= read.candidates_ample <= read.candidates <= read.candidates_scarce:
        raise Invalid.field("/settings/dispatch/candidates", "at least 1, and the scarcer the more")
    return read


def income_per_hour(net_cents: int, active_s: float) -> float | None:
    """Cents per active hour: what the provider keeps (price less commission) of engagements that came to a good
    end, over their activity time, from being bound to the end.

    `None` under an hour of work. Time on duty without work is left out on purpose: it depends on which offers
    somebody takes, and declining may change nothing, not even in their favour.
    """
    return None if active_s < LEAST_ACTIVE_S else net_cents * 3_600 / active_s


@dataclass(frozen=True, slots=True)
class Rest:
    """What comes after a round: `window_s` of rest, which a wake-up call ends where `at_once`."""

    window_s: float
    at_once: bool


def rest_after(*, requests: int, idle: int, usual_s: float, settings: RoundSettings = USUAL) -> Rest:
    """The rest after a round with so many open requests and idle providers.

    Requests that come together are matched together where it matters: with supply in plenty the nearest is free
    whoever comes next, so nobody is kept waiting; the scarcer it is, the longer it pays to gather. With nobody
    idle there is nothing to gather for, and whoever becomes free is to be found soon.
    """
    if requests == 0 or idle >= settings.ample * requests:
        return Rest(usual_s, at_once=True)
    if idle == 0 or idle >= requests:
        return Rest(usual_s, at_once=False)
    return Rest(max(usual_s, min(settings.window_most_s, usual_s * requests / idle)), at_once=False)


def candidates_for(*, requests: int, idle: int, settings: RoundSettings = USUAL) -> int:
    """How many of the nearest are judged for each request: few in plenty, more where they are contended for."""
    if idle >= settings.ample * requests:
        return settings.candidates_ample
    return settings.candidates if idle >= SCARCE * requests else settings.candidates_scarce
