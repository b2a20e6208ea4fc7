"""Tours as JSON: moments instead of seconds, errands by their names, reasons in the reader's language."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from domain.rules.tours import Laid, VehicleAsked, Ways, stop_named
from domain.rules.wire import maybe_moment, moment
from matching.tours.answer import WORDS, Tour, Tours
from matching.tours.problem import Vehicle, halt_of


def tours_view(
    laid: Laid, vehicles: Sequence[VehicleAsked], ways: Ways, answer: Tours, language: str
) -> dict[str, Any]:
    """The tours in the order the vehicles were named in, and what is left over in that of the errands."""
    found = {tour.vehicle_id: tour for tour in answer.tours}
    tours = [
        _tour(laid, asked, vehicle, ways, found[vehicle.id])
        for asked, vehicle in zip(vehicles, laid.vehicles, strict=True)
    ]
    words, why = WORDS["fr" if language == "fr" else "en"], dict(answer.unplanned)
    return {
        "at": moment(laid.at),
        "seed": answer.seed,
        "travel_source": ways.source,
        "calibration": ways.calibration,
        "tours": tours,
        "left_over": [
            {"errand": one.id, "reason": str(why[one.id]), "words": words[why[one.id]]}
            for one in laid.errands
            if one.id in why
        ],
    }


def _tour(laid: Laid, asked: VehicleAsked, vehicle: Vehicle, ways: Ways, tour: Tour) -> dict[str, Any]:
    errands = {errand.id: errand for errand in laid.errands}
    at, free_s, meters = vehicle.start, vehicle.from_s, 0.0
    load = sum(amount for _, amount in vehicle.onboard)
    stops = []
    for visit in tour.visits:
        halt, more = halt_of(visit.stop, vehicle, errands)
        errand, kind = stop_named(visit.stop, asked)
        stop = laid.stops[errand, kind]
        leg_s, leg_m = float(ways.seconds[at, halt.place]), float(ways.meters[at, halt.place])
        load += more
        stops.append(
            {
                "errand": errand,
                "kind": kind,
                "lat": stop.point.lat,
                "lon": stop.point.lon,
                "arrive_at": _at(laid, free_s + leg_s),
                "begin_at": _at(laid, visit.begin_s),
                "earliest": maybe_moment(stop.earliest),
                "latest": maybe_moment(stop.latest),
                "drive_s": round(leg_s),
                "drive_m": round(leg_m),
                "load": load,
            }
        )
        meters += leg_m
        free_s, at = visit.begin_s + halt.service_s, halt.place
    if vehicle.end is not None and stops:
        free_s += float(ways.seconds[at, vehicle.end])
        meters += float(ways.meters[at, vehicle.end])
    return {
        "vehicle": vehicle.id,
        "leave_at": _at(laid, vehicle.from_s) if stops else None,
        "end_at": _at(laid, free_s) if stops else None,
        "drive_s": round(tour.drive_s),
        "drive_m": round(meters),
        "stops": stops,
    }


def _at(laid: Laid, seconds: float) -> str:
    """To the nearest millisecond, as the plan's own moment is."""
    return moment(laid.at + timedelta(milliseconds=round(seconds * 1_000)))
