"""What `./coudmain replay` is asked, checked."""

import argparse
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Final, TypeVar

from matching.policy import Policy
from matching.whatif.policies import POLICIES, PRODUCTION

T = TypeVar("T")

MOST_CARS: Final = 20_000
MOST_WEIGHT: Final = 1e6  # s: eleven days; a million times that, and sums lose the seconds
SHIFTS: Final = "shifts"

WEIGHTS: Final = tuple(
    field.name for field in fields(Policy) if field.name not in {"version", "wave_reach_s"}
)
"""Numbers of a policy that may be tried."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """The options of `replay`."""
    parser.add_argument("trips", nargs="?", type=Path, metavar="TRIPS.csv[.gz]", help="recorded trips")
    parser.add_argument("--shifts", type=Path, metavar="FILE", help="when each car was on duty")
    parser.add_argument("--days", type=_names, default=(), metavar="D,…", help="local days to live (all)")
    parser.add_argument(
        "--fleet",
        type=_fleet,
        metavar="N|shifts",
        help="cars on duty all day, or the real shifts (shifts if given)",
    )
    parser.add_argument(
        "--policy",
        type=_policies,
        default=("batch",),
        metavar="|".join(POLICIES),
        help="one, or several with commas: they are compared in pairs (batch)",
    )
    parser.add_argument(
        "--weights",
        type=weights,
        default={},
        metavar="NAME=N,…",
        help=f"other weights than production's: {', '.join(WEIGHTS)}",
    )
    parser.add_argument(
        "--seed", type=_seeds, default=(1,), metavar="N[,N…]", help="where cars start, how ties fall (1)"
    )
    parser.add_argument(
        "--window", type=_window, default=10.0, metavar="S", help="seconds between rounds (10)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page with plots there")
    parser.add_argument(
        "--from-db",
        metavar="DAY",
        type=_day,
        help="instead of trips: the rounds this engine stored that day (YYYY-MM-DD, the market's time)",
    )
    parser.add_argument(
        "--market", metavar="SLUG", default="monaco", help="with --from-db: which market (monaco)"
    )


def weights(text: str) -> dict[str, float]:
    """`fairness_s=60,nobody_s=1200` as numbers by name."""
    found = {}
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        if name not in WEIGHTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(WEIGHTS)}")
        found[name] = _read(number, float, f"{name} wants a number, as in {name}=60")
        if found[name] > MOST_WEIGHT:
            raise argparse.ArgumentTypeError(f"{part}: a weight is {MOST_WEIGHT:,.0f} at most")
        try:
            replace(PRODUCTION, **found)  # type: ignore[arg-type]  # its own check of the number
        except ValueError as told:
            raise argparse.ArgumentTypeError(f"{part}: {told}") from None
    return found


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError("at least one day, or leave it out")
    return names


def _fleet(text: str) -> int | str:
    if text == SHIFTS:
        return text
    cars = _read(text, int, f"a fleet is 1 to {MOST_CARS} cars, or {SHIFTS}")
    if not 1 <= cars <= MOST_CARS:
        raise argparse.ArgumentTypeError(f"a fleet is 1 to {MOST_CARS} cars, or {SHIFTS}")
    return cars


def _policies(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in names if name not in POLICIES]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(POLICIES)}")
    return names


def _seeds(text: str) -> tuple[int, ...]:
    told = "a seed is a whole number from 0, several go with commas"
    seeds = tuple(dict.fromkeys(_read(part, int, told) for part in text.split(",")))
    if any(not 0 <= seed < 2**31 for seed in seeds):
        raise argparse.ArgumentTypeError(told)
    return seeds


def _window(text: str) -> float:
    told = "a window is 1 to 300 seconds"
    seconds = _read(text, float, told)
    if not 1 <= seconds <= 300:
        raise argparse.ArgumentTypeError(told)
    return seconds


def _day(text: str) -> str:
    return _read(text, date.fromisoformat, "a day is YYYY-MM-DD").isoformat()


def _read(text: str, read: Callable[[str], T], otherwise: str) -> T:
    try:
        return read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{otherwise}: not {text!r}") from None
