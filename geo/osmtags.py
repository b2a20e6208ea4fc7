"""What OpenStreetMap's tags say of a street: who may use it, which way, how fast.

Speeds and access follow OSRM's car, foot and bicycle profiles
(github.com/Project-OSRM/osrm-backend/tree/master/profiles) where no other source is named. Left for later:
turn restrictions, surfaces, slopes, conditional and hourly tags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

KMH = 1 / 3.6  # m/s

# km/h in free flow (OSRM car.lua, its four fastest city classes held to what a 50 km/h town lets one drive:
# this house serves towns, and there most streets carry no maxspeed tag of their own).
DRIVE_KMH = {
    "motorway": 90,
    "motorway_link": 45,
    "trunk": 70,
    "trunk_link": 40,
    "primary": 50,
    "primary_link": 30,
    "secondary": 45,
    "secondary_link": 25,
    "tertiary": 40,
    "tertiary_link": 20,
    "unclassified": 25,
    "road": 25,
    "residential": 25,
    "living_street": 10,
    "service": 15,
}
# Driven seconds per free-flow second: junctions, lights, turns, traffic, which a profile by class knows nothing of. A
# house figure until real trips fit it. With it 100 x 100 drives in Monaco take 1.33 times OSRM's free-flow seconds
# over the same meters (median), 31 km/h instead of 42. Roads built between towns are spared.
URBAN_DELAY = 1.3
BETWEEN_TOWNS = {"motorway", "motorway_link", "trunk", "trunk_link"}
OF_THE_LIMIT = 0.8  # one drives at this share of a posted limit (car.lua `speed_reduction`)
SLOW_SERVICE = {"alley", "parking_aisle", "driveway", "drive-through"}  # half the speed, as in car.lua
TO_ITS_OWN_DOORS_KMH = 5.0  # through streets open to residents or deliveries only: never a short cut

WALK_KMH = 5.0
STEPS_KMH = 2.5  # half of it: a house figure
CYCLE_KMH = 15.0
CYCLE_SLOW_KMH = {"path": 12.0, "track": 12.0, "footway": 6.0, "pedestrian": 6.0, "living_street": 10.0}

ON_FOOT_ONLY = {"footway", "pedestrian", "steps", "path", "corridor", "bridleway"}
WALKABLE = (set(DRIVE_KMH) - BETWEEN_TOWNS) | ON_FOOT_ONLY | {"track", "cycleway"}
CYCLABLE = (WALKABLE - ON_FOOT_ONLY) | {"path"}

NOBODY = {
    "no",
    "private",
    "military",
    "official",
    "emergency",
    "agricultural",
    "forestry",
    "bus",
    "psv",
    "taxi",
}
RESIDENTS = {"destination", "delivery", "customers", "permit", "residents"}
ONE_WAY = {"yes", "true", "1", "-1", "reverse"}
STOPS_CARS = {
    "bollard",
    "block",
    "cycle_barrier",
    "jersey_barrier",
    "chain",
    "planter",
    "kissing_gate",
    "stile",
}
GATES = {"gate", "lift_gate", "swing_gate"}

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MPH = 1.609344  # km/h


@dataclass(frozen=True, slots=True)
class Street:
    """Seconds per meter with and against the way's direction, inf where one may not go."""

    name: str
    drive: tuple[float, float]
    walk: tuple[float, float]
    cycle: tuple[float, float]


def street_of(tags: Mapping[str, str]) -> Street | None:
    """The street a way with these tags is; None if it is none, or nobody may use it."""
    kind = tags.get("highway", "")
    drive, walk, cycle = _drive_kmh(kind, tags), _walk_kmh(kind, tags), _cycle_kmh(kind, tags)
    if not (drive or walk or cycle):
        return None
    with_it, against = _ways_open(kind, tags)
    bikes_against = against or _bikes_may_oppose(tags)
    return Street(
        tags.get("name") or tags.get("ref") or "",
        drive=_both(drive, with_it, against),
        walk=_both(walk, True, True),
        cycle=_both(cycle, with_it or _bikes_may_oppose(tags), bikes_against),
    )


def stops_cars(tags: Mapping[str, str]) -> bool:
    """Whether a node with these tags lets walkers through and no car."""
    barrier = tags.get("barrier", "")
    if _access(tags, "motorcar", "motor_vehicle", "vehicle") in {"yes", "permissive", "designated"}:
        return False
    return barrier in STOPS_CARS or (barrier in GATES and _access(tags, "motor_vehicle", "access") in NOBODY)


def _drive_kmh(kind: str, tags: Mapping[str, str]) -> float:
    access = _access(tags, "motorcar", "motor_vehicle", "vehicle", "access")
    if kind not in DRIVE_KMH or access in NOBODY or tags.get("area") == "yes":
        return 0.0
    if tags.get("service") == "emergency_access":
        return 0.0
    limit = _posted_kmh(tags.get("maxspeed", ""))
    speed = limit * OF_THE_LIMIT if limit else float(DRIVE_KMH[kind])
    if tags.get("service") in SLOW_SERVICE:
        speed /= 2
    if kind not in BETWEEN_TOWNS:
        speed /= URBAN_DELAY
    return min(speed, TO_ITS_OWN_DOORS_KMH) if access in RESIDENTS else speed


def _walk_kmh(kind: str, tags: Mapping[str, str]) -> float:
    if kind not in WALKABLE or _access(tags, "foot", "access") in NOBODY:
        return 0.0
    return STEPS_KMH if kind == "steps" else WALK_KMH


def _cycle_kmh(kind: str, tags: Mapping[str, str]) -> float:
    welcome = _access(tags, "bicycle") in {"yes", "designated", "permissive"}
    if not (kind in CYCLABLE or (kind in WALKABLE and kind != "steps" and welcome)):
        return 0.0
    if _access(tags, "bicycle", "vehicle", "access") in NOBODY | {"dismount"}:
        return 0.0
    return CYCLE_SLOW_KMH.get(kind, CYCLE_KMH)


def _access(tags: Mapping[str, str], *keys: str) -> str:
    """The first of the keys that is set decides, most specific first."""
    return next((tags[key] for key in keys if key in tags), "")


def _ways_open(kind: str, tags: Mapping[str, str]) -> tuple[bool, bool]:
    oneway = tags.get("oneway", "")
    if oneway in {"-1", "reverse"}:
        return False, True
    implied = tags.get("junction") in {"roundabout", "circular"} or kind in {"motorway", "motorway_link"}
    return True, not (oneway in ONE_WAY or (implied and oneway != "no"))


def _bikes_may_oppose(tags: Mapping[str, str]) -> bool:
    return tags.get("oneway:bicycle") == "no" or tags.get("cycleway", "").startswith("opposite")


def _posted_kmh(maxspeed: str) -> float:
    """km/h of a limit like "30", "30 mph"; 0 for words ("FR:urban", "walk", "none")."""
    number = _NUMBER.match(maxspeed)
    return float(number[0]) * (_MPH if maxspeed.endswith("mph") else 1.0) if number else 0.0


def _both(kmh: float, forward: bool, backward: bool) -> tuple[float, float]:
    pace = 1 / (kmh * KMH) if kmh else inf
    return (pace if forward else inf), (pace if backward else inf)
