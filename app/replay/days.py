"""Recorded days lived under each policy: the report, as JSON values."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from app.replay.arguments import SHIFTS
from matching.anticipation import Value
from matching.whatif.city import HOUR_S, City, Day, Shifts, most_at_once, steady_fleet
from matching.whatif.foresight import Foresight, learn_value
from matching.whatif.learnt import Learnt, learn, others
from matching.whatif.measures import HEADLINES, Measures, Meter, measure, pooled
from matching.whatif.outcome import Outcome
from matching.whatif.paired import Cell, difference, standard_error
from matching.whatif.policies import POLICIES, PRODUCTION
from matching.whatif.round import Decide, batch, nearest
from matching.whatif.simulate import Rules, simulate

METER: Final = Meter()
SPARE: Final = 1.2  # cars per trip under way at the busiest moment, where nobody says how many there are
PAST_SEED: Final = 11  # of the past days that a table is learnt from
QUIET_S: Final = 5.0  # s of silence after which a day under way says how far it is
KEYS: Final = ("policy", "fleet", "days", *HEADLINES)
"""What a report says first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to live. `days` is empty for all there are, `fleet` None for one that fits the demand."""

    days: tuple[str, ...]
    fleet: int | str | None
    policies: tuple[str, ...]
    weights: Mapping[str, float]
    seeds: tuple[int, ...]
    rules: Rules


class NothingToLive(ValueError):
    """A day that is not in the file, or a fleet by shifts without shifts."""


def report(
    asked: Asked, city: City, shifts: Mapping[str, Shifts], tell: Callable[[str], None]
) -> dict[str, Any]:
    """The first policy's figures at the top, each policy's under `policies`, differences to the first under
    `differences`."""
    lived = asked.days or tuple(day.name for day in city.days)
    unknown = [name for name in lived if name not in {day.name for day in city.days}]
    if unknown:
        there = ", ".join(day.name for day in city.days)
        raise NothingToLive(f"no trip on {unknown[0]}: there are {there}")
    fleet = asked.fleet or (SHIFTS if shifts else None)
    if fleet == SHIFTS and not shifts:
        raise NothingToLive("a fleet by shifts needs --shifts FILE")
    resting = [name for name in lived if fleet == SHIFTS and not shifts[name].cars]
    if resting:
        raise NothingToLive(f"no shift on {resting[0]}: leave the day out (--days), or say --fleet N")
    learnt = {name: learn(city, city.day(name), lived) for name in lived}
    progress = _Progress(tell)
    values = _Values(city, fleet, shifts, asked.rules, progress)
    cells: dict[str, dict[Cell, Measures]] = {policy: {} for policy in asked.policies}
    for name in lived:
        day = city.day(name)
        for seed in asked.seeds:
            cars = _cars(fleet, day, city, lived, seed, shifts)
            for policy in asked.policies:
                foresight = values.of(day, lived) if anticipates(policy, asked.weights) else None
                began = time.process_time()
                hourly = progress.of(f"{name} {policy} seed {seed}")
                cells[policy][name, seed] = _live(
                    day, cars, learnt[name], policy, seed, asked, foresight, hourly
                )
                cpu_s = time.process_time() - began
                cells[policy][name, seed]["cpu_s"] = round(cpu_s, 2)
                served = cells[policy][name, seed]["service_rate"]
                tell(f"{name} {policy} seed {seed}: {_percent(served)} served, {cpu_s:.1f} s of CPU")
    told = [_of_policy(policy, fleet, lived, cells[policy]) for policy in asked.policies]
    first = asked.policies[0]
    return {
        **told[0],
        "seeds": list(asked.seeds),
        "weights": dict(asked.weights),
        "rules": _rules(asked.rules),
        "learnt": {name: _learnt(learnt[name]) for name in lived},
        "clock": {"utc_offset_s": city.offset_s, "days_named": city.days_named},
        "policies": told,
        "differences": [
            {"policy": policy, "less": first, **difference(cells[policy], cells[first])}
            for policy in asked.policies[1:]
        ],
    }


def _cars(
    fleet: int | str | None,
    day: Day,
    city: City,
    lived: tuple[str, ...],
    seed: int,
    shifts: Mapping[str, Shifts],
) -> Shifts:
    if fleet == SHIFTS:
        return shifts[day.name]
    known = others(city, day, lived)
    count = fleet if isinstance(fleet, int) else max(1, math.ceil(SPARE * max(map(most_at_once, known))))
    return steady_fleet(count, known, np.random.default_rng(seed))


class _Progress:
    """Says how far a day is, of days that take long."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._told = tell, time.monotonic()

    def of(self, what: str) -> Callable[[float], None]:
        """For `simulate`, which calls it at each full hour of the day."""
        self._told = time.monotonic()

        def hourly(lived_s: float) -> None:
            if time.monotonic() - self._told >= QUIET_S:
                self._tell(f"{what}: lived until {lived_s // HOUR_S:02.0f}:00")
                self._told = time.monotonic()

        return hourly


class _Values:
    """Tables of what being free is worth, by the days they were learnt from: these are lived under the production
    solver without anticipation, each with what the others of them teach, and no day that is asked for is."""

    def __init__(
        self,
        city: City,
        fleet: int | str | None,
        shifts: Mapping[str, Shifts],
        rules: Rules,
        progress: "_Progress",
    ) -> None:
        self._city, self._fleet, self._shifts, self._rules = city, fleet, shifts, rules
        self._progress = progress
        self._known: dict[tuple[str, ...], Value | None] = {}

    def of(self, day: Day, lived: tuple[str, ...]) -> Foresight | None:
        """What the day may anticipate; None where nobody earned anything on the days to learn from."""
        days = others(self._city, day, lived)
        names = tuple(other.name for other in days)
        if names not in self._known:
            past = replace(self._city, days=days)
            outcomes = [self._lived(other, past) for other in days]
            earned = any(bool(outcome.income.any()) for outcome in outcomes)
            self._known[names] = learn_value(outcomes, past.plane) if earned else None
        value = self._known[names]
        return None if value is None else Foresight(day, value, self._city.plane)

    def _lived(self, day: Day, past: City) -> Outcome:
        learnt, seed = learn(past, day, (day.name,)), PAST_SEED
        cars = _cars(self._fleet, day, past, (day.name,), seed, self._shifts)
        fares = METER.fares(day.crow_m, day.driven_m, learnt.travel.detour)
        hourly = self._progress.of(f"{day.name} to learn from")
        return simulate(day, cars, learnt, batch(PRODUCTION, seed), fares, rules=self._rules, hourly=hourly)


def anticipates(policy: str, weights: Mapping[str, float]) -> bool:
    """Whether a policy under these weights looks ahead."""
    weighed = POLICIES[policy]
    return weighed is not None and weights.get("anticipation", weighed.anticipation) > 0


def _live(
    day: Day,
    cars: Shifts,
    learnt: Learnt,
    policy: str,
    seed: int,
    asked: Asked,
    foresight: Foresight | None,
    hourly: Callable[[float], None],
) -> Measures:
    fares = METER.fares(day.crow_m, day.driven_m, learnt.travel.detour)
    decide = _decide(policy, asked.weights, seed)
    outcome = simulate(
        day, cars, learnt, decide, fares, rules=asked.rules, foresight=foresight, hourly=hourly
    )
    return measure(outcome, METER)


def _decide(policy: str, weights: Mapping[str, float], seed: int) -> Decide:
    weighed = POLICIES[policy]
    return nearest if weighed is None else batch(replace(weighed, **weights), seed)  # type: ignore[arg-type]  # checked by name


def _of_policy(
    policy: str, fleet: int | str | None, lived: tuple[str, ...], cells: Mapping[Cell, Measures]
) -> dict[str, Any]:
    """One policy over all its days, and each day with the same keys."""
    days = {name: pooled([figures for (day, _), figures in cells.items() if day == name]) for name in lived}
    every = pooled(list(cells.values()))
    head = {"policy": policy, "fleet": fleet or round(every["cars"])}
    spread = {
        name: standard_error([day[name] for day in days.values() if day[name] is not None])
        for name in HEADLINES
    }
    per_day = [_ordered({"day": name, **head, "days": [name], **figures}) for name, figures in days.items()]
    return _ordered({**head, "days": list(lived), **every, "se_over_days": spread, "per_day": per_day})


def _ordered(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: figures[name] for name in (*KEYS, *figures)}


def _rules(rules: Rules) -> dict[str, float]:
    return {name: getattr(rules, name) for name in rules.__slots__}


def _learnt(learnt: Learnt) -> dict[str, Any]:
    return {
        "travel_from": list(learnt.days),
        "demand_from": list(learnt.demand_days),
        "honest": learnt.honest,
        "detour": round(learnt.travel.detour, 3),
        "trips": learnt.travel.trips,
        "seconds_at_1_km": [round(a) for a in learnt.travel.a.tolist()],
        "power": [round(p, 3) for p in learnt.travel.p.tolist()],
        "zones": len(learnt.demand.cells),
    }


def _percent(share: float | None) -> str:
    return "nothing" if share is None else f"{100 * share:.1f} %"
