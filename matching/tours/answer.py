"""What comes of a `TourProblem`: tours, and for each errand that is on none a reason, in words too."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from matching.reasons import Language


class Unplanned(StrEnum):
    """Why an errand is on no tour."""

    TOO_LARGE = "too_large"  # for every vehicle
    OUT_OF_TIME = "out_of_time"  # no vehicle could do it alone
    NOBODY_CHEAPER = "nobody_cheaper"  # it could be done, for more than leaving it costs


WORDS: Mapping[Language, Mapping[Unplanned, str]] = {
    "en": {
        Unplanned.TOO_LARGE: "It is more than any of the vehicles holds.",
        Unplanned.OUT_OF_TIME: "No vehicle could make both of its stops in time, even with nothing else to do.",
        Unplanned.NOBODY_CHEAPER: (
            "A vehicle with nothing else to do could carry it; beside the other stops there is no room or time for it,"
            " or the way is longer than it is worth."
        ),
    },
    "fr": {
        Unplanned.TOO_LARGE: "C'est plus que ne contient aucun des véhicules.",
        Unplanned.OUT_OF_TIME: (
            "Aucun véhicule ne pourrait faire ses deux arrêts à temps, même sans rien d'autre à faire."
        ),
        Unplanned.NOBODY_CHEAPER: (
            "Un véhicule sans rien d'autre à faire pourrait s'en charger ; avec les autres arrêts, la place ou le temps"
            " manque, ou le chemin dépasse ce que cela vaut."
        ),
    },
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A stop of a tour: `+id`, `-id` or `=k`, and when its work begins, s."""

    stop: str
    begin_s: float


@dataclass(frozen=True, slots=True)
class Tour:
    """One vehicle's stops, in order. `drive_s`: on the road, to its end if it has one."""

    vehicle_id: str
    visits: tuple[Visit, ...]
    drive_s: float


@dataclass(frozen=True, slots=True)
class Tours:
    """The answer. `objective` is the seconds on the road and the prices of what is left."""

    tours: tuple[Tour, ...]
    unplanned: tuple[tuple[str, Unplanned], ...]
    objective: float
    seed: int
