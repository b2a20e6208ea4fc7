"""Whether a running plan can still be kept: walked stop by stop, before anything is added to it."""

from dataclasses import dataclass

from matching.tours.problem import TourProblem, Vehicle, halt_of

SLACK_S = 1e-6  # sums of seconds in another order differ by less


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold: at `stop` (`+id`, `-id`, `=k`; "" for the vehicle's end), `late_s` after its
    window (inf: no way leads there), or with more aboard than the vehicle holds (`late_s` 0)."""

    stop: str
    late_s: float


def broken(problem: TourProblem, vehicle: Vehicle) -> Broken | None:
    """The first promise of a vehicle's plan that its times or its room do not allow; `None` when all hold."""
    errands = {errand.id: errand for errand in problem.errands}
    at, now = vehicle.start, vehicle.from_s
    aboard = sum(load for _, load in vehicle.onboard)
    for stop in vehicle.plan:
        halt, load = halt_of(stop, vehicle, errands)
        now = max(now + float(problem.seconds[at, halt.place]), halt.earliest_s)
        if late := _late(now, halt.latest_s):
            return Broken(stop, late)
        aboard += load
        if aboard > vehicle.capacity:
            return Broken(stop, 0.0)
        now, at = now + halt.service_s, halt.place
    back = 0.0 if vehicle.end is None or not vehicle.plan else float(problem.seconds[at, vehicle.end])
    late = _late(now + back, vehicle.until_s)
    return Broken("", late) if late else None


def _late(now: float, latest_s: float) -> float:
    """Seconds after the window; 0 within it. No moment is without end, an endless way is late for any window."""
    if now == float("inf"):
        return now
    return now - latest_s if now > latest_s + SLACK_S else 0.0
