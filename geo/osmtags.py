"""What OpenStreetMap's tags say of a street: who may use it, which way, how fast, where one waits on it.

Speeds and access follow OSRM's car, foot and bicycle profiles
(github.com/Project-OSRM/osrm-backend/tree/master/profiles) where no other source is named. Turn restrictions
are `restrictions.py`'s. Left out: slopes, conditional and hourly tags.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

KMH = 1 / 3.6  # m/s

# km/h in free flow (car.lua `speeds`), where no limit is posted.
DRIVE_KMH = {
    "motorway": 90,
    "motorway_link": 45,
    "trunk": 85,
    "trunk_link": 40,
    "primary": 65,
    "primary_link": 30,
    "secondary": 55,
    "secondary_link": 25,
    "tertiary": 40,
    "tertiary_link": 20,
    "unclassified": 25,
    "road": 25,
    "residential": 25,
    "living_street": 10,
    "service": 15,
}
# Driven seconds per free-flow second, on every street, light and turn alike: traffic, looking for the door. A house
# figure until real trips fit it (geo/calibration.py does): 100 x 100 drives in Monaco come to 32 km/h instead of 42.
URBAN_DELAY = 1.3
BETWEEN_TOWNS = {"motorway", "motorway_link", "trunk", "trunk_link"}
OF_THE_LIMIT = 0.8  # one drives at this share of a posted limit (car.lua `speed_reduction`)
LIMIT_IN_WORDS = {"urban": 50.0, "rural": 80.0, "trunk": 110.0, "motorway": 130.0}  # km/h, as in France
SURFACE_KMH = {  # no faster than (car.lua `surface_speeds`)
    "sett": 40, "gravel": 40, "unpaved": 40, "ground": 40, "dirt": 40, "pebblestone": 40, "grass": 40, "wood": 40,
    "cobblestone": 30, "clay": 30, "earth": 20, "stone": 20, "rocky": 20, "sand": 20, "mud": 10,
}  # fmt: skip
NARROWEST_M = 1.9  # a car's width (car.lua `vehicle_width`)
WAITS_S = {"traffic_signals": 2.0, "stop": 2.0, "give_way": 1.0}  # free-flow s each (lib/obstacles.lua)
GATE_S = 60.0  # to have a gate opened (car.lua `barrier_penalties`)
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


@dataclass(frozen=True, slots=True)
class Wait:
    """Where drivers lose time on their way, with and against the direction the street was drawn in."""

    seconds: float
    with_it: bool = True
    against: bool = True


def wait_of(tags: Mapping[str, str]) -> Wait | None:
    """What a node with these tags costs those who drive past it."""
    if tags.get("barrier") in GATES:
        return Wait(GATE_S * URBAN_DELAY)
    seconds = WAITS_S.get(tags.get("highway", ""))
    if seconds is None:
        return None
    side = tags.get("traffic_signals:direction") or tags.get("direction")
    return Wait(seconds * URBAN_DELAY, with_it=side != "backward", against=side != "forward")


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
    if tags.get("oneway") == "reversible" or 0.0 < _metres(tags.get("maxwidth", "")) <= NARROWEST_M:
        return 0.0
    limit = _posted_kmh(tags)
    speed = limit * OF_THE_LIMIT if limit else float(DRIVE_KMH[kind])
    speed = min(speed, SURFACE_KMH.get(tags.get("surface", ""), speed))
    if tags.get("service") in SLOW_SERVICE:
        speed /= 2
    return min(speed / URBAN_DELAY, TO_ITS_OWN_DOORS_KMH if access in RESIDENTS else inf)


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


def _posted_kmh(tags: Mapping[str, str]) -> float:
    """km/h of a limit like "30", "30 mph", "FR:urban"; 0 where none is said in numbers or known words."""
    for key in ("maxspeed", "source:maxspeed", "maxspeed:type"):
        said = tags.get(key, "")
        if number := _NUMBER.match(said):
            return float(number[0]) * (_MPH if said.endswith("mph") else 1.0)
        if words := LIMIT_IN_WORDS.get(said.rpartition(":")[2]):
            return words
    return 0.0


def _metres(width: str) -> float:
    number = _NUMBER.match(width)
    return float(number[0]) if number else 0.0


def _both(kmh: float, forward: bool, backward: bool) -> tuple[float, float]:
    pace = 1 / (kmh * KMH) if kmh else inf
    return (pace if forward else inf), (pace if backward else inf)
