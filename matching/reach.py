"""How far a posted job is told: outwards in steps, until enough people who could do it are in reach."""

from collections.abc import Iterable
from typing import Final

STEPS_S: Final = (600.0, 900.0, 1_200.0, 1_800.0, 2_700.0, 3_600.0)  # of travel; a judgement
ENOUGH: Final = 30  # candidates: a customer reads a handful of proposals, and most who are told make none
WIDER_EVERY_S: Final = 900.0  # a job this old looks a step further; a judgement


def reach_s(
    travel: Iterable[tuple[float, float | None]], *, heard: int, age_s: float, limit_s: float
) -> float:
    """The travel time within which a job is told now, at most `limit_s`: the first step at which `ENOUGH` have heard
    of it or are in reach, and one more step for every quarter of an hour that it has stood open.

    `travel`: of each who could do it, the seconds there, and the most that they travel (None: any).
    """
    could = [seconds for seconds, own in travel if own is None or seconds <= own]
    steps = [step for step in STEPS_S if step < limit_s]
    enough = next(
        (k for k, step in enumerate(steps) if heard + sum(s <= step for s in could) >= ENOUGH), len(steps)
    )
    further = enough + int(age_s // WIDER_EVERY_S)
    return steps[further] if further < len(steps) else limit_s
