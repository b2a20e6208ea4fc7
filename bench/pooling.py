"""`pooling`: tours of pickups and deliveries with windows, by VROOM alone, by our search alone, and by both."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from app.tours.vroom_start import started
from bench.figures import Outcome, Spread
from bench.lilim import WHERE, Instance, instances
from matching.tours.answer import Tours
from matching.tours.effort import A_DAY, Effort
from matching.tours.problem import Halt, TourProblem
from matching.tours.solve import plan

GRAIN: Final = (
    100  # VROOM counts whole seconds: it is given hundredths of them, as the notes of its makers advise
)
SAME: Final = 5e-4  # of the distance: two solutions that differ by less are one, rounded

Say = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is done."""

    most: int | None = None  # instances; None: all there are
    effort: Effort = A_DAY
    level: int = 5  # VROOM's


@dataclass(frozen=True, slots=True)
class Found:
    """One planner's answer to one instance."""

    vehicles: int
    distance: float
    cpu_s: float


def measure(sizes: Sizes, seed: int, say: Say) -> Outcome:
    """Every planner on every instance, one after the other in this process."""
    chosen = instances(seed)[: sizes.most]
    plan(chosen[0].problem, Effort(shrink=1, improve=1))  # compiles
    found: dict[str, list[Found]] = {"vroom": [], "search": [], "both": []}
    sound = True
    for instance in chosen:
        for name, answer in _answers(instance, sizes, seed):
            sound = sound and not answer[0].unplanned
            found[name].append(_found(*answer))
        say(f"{instance.name}: " + ", ".join(f"{name} {_said(of[-1])}" for name, of in found.items()))
    return _outcome(sizes, chosen, found, sound=sound)


def _answers(instance: Instance, sizes: Sizes, seed: int) -> list[tuple[str, tuple[Tours, float]]]:
    problem = replace(instance.problem, seed=seed)
    coarse = _scaled(problem, GRAIN)
    from_vroom, first_s = _timed(lambda: started(coarse, fewest=True, level=sizes.level))
    begun = replace(problem, vehicles=from_vroom.vehicles, room=from_vroom.room)
    alone = plan(begun, Effort(shrink=0, improve=0))  # read, checked against the exact windows, not searched
    search, search_s = _timed(lambda: plan(problem, sizes.effort))
    both, more_s = _timed(lambda: plan(begun, sizes.effort))
    return [
        ("vroom", (alone, first_s)),
        ("search", (search, search_s)),
        ("both", (both, first_s + more_s)),
    ]


def _timed(deed: Callable[[], _T]) -> tuple[_T, float]:
    began = time.process_time()
    done = deed()
    return done, time.process_time() - began


def _scaled(problem: TourProblem, by: float) -> TourProblem:
    """The same in finer units of time."""
    errands = tuple(
        replace(errand, pickup=_finer(errand.pickup, by), drop=_finer(errand.drop, by))
        for errand in problem.errands
    )
    vehicles = tuple(replace(v, from_s=v.from_s * by, until_s=v.until_s * by) for v in problem.vehicles)
    return replace(problem, errands=errands, vehicles=vehicles, seconds=problem.seconds * by)


def _finer(halt: Halt, by: float) -> Halt:
    return replace(
        halt, earliest_s=halt.earliest_s * by, latest_s=halt.latest_s * by, service_s=halt.service_s * by
    )


def _found(answer: Tours, cpu_s: float) -> Found:
    used = [tour for tour in answer.tours if tour.visits]
    return Found(len(used), sum(tour.drive_s for tour in used), cpu_s)


def _said(found: Found) -> str:
    return f"{found.vehicles}/{found.distance:.1f} in {found.cpu_s:.2f} s"


def _outcome(
    sizes: Sizes, chosen: Sequence[Instance], found: dict[str, list[Found]], *, sound: bool
) -> Outcome:
    figures: dict[str, Spread | float] = {}
    pairs = sorted({len(instance.problem.errands) for instance in chosen})
    each = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    for name, answers in found.items():
        figures[f"{name}_vehicles"] = sum(answer.vehicles for answer in answers)
        figures[f"{name}_distance"] = sum(answer.distance for answer in answers)
        figures[f"{name}_cpu_s"] = Spread.of([answer.cpu_s for answer in answers])
    notes = []
    known = [instance.best for instance in chosen if instance.best is not None]
    if len(known) == len(chosen):
        figures["best_known_vehicles"] = sum(vehicles for vehicles, _ in known)
        figures["best_known_distance"] = sum(distance for _, distance in known)
        for name, answers in found.items():
            figures[f"{name}_equal_best_known"] = sum(
                answer.vehicles == vehicles and answer.distance <= distance * (1 + SAME)
                for answer, (vehicles, distance) in zip(answers, known, strict=True)
            )
        notes.append(
            "Li and Lim's instances; best knowns of SINTEF; the search was tuned on those of 100 tasks"
        )
    elif WHERE in os.environ:
        notes.append(
            f"Li and Lim's instances; for {len(chosen) - len(known)} of {len(chosen)} no best known is told"
        )
    else:
        notes.append(f"made-up instances: set {WHERE} to the published ones to compare with best knowns")
    return Outcome(
        name="pooling",
        measures=f"tours of {each} pickups and deliveries with windows: vehicles first, then distance, and CPU",
        peer=f"VROOM alone at level {sizes.level}",
        sizes={"instances": len(chosen), "shrink": sizes.effort.shrink, "improve": sizes.effort.improve},
        figures=figures,
        ratios={
            f"{name}_{what}_to_vroom": sum(getattr(a, what) for a in found[name])
            / sum(getattr(a, what) for a in found["vroom"])
            for name in ("search", "both")
            for what in ("vehicles", "distance")
        }
        | {"search_cpu_to_vroom": _median(found["search"]) / _median(found["vroom"])},
        notes=notes,
        sound=sound,
    )


def _median(answers: Sequence[Found]) -> float:
    return statistics.median(answer.cpu_s for answer in answers)
