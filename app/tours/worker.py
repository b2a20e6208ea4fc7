"""What the planner's worker process does. Compiled kernels, VROOM and its pandas are imported there, by the first
deed: whoever only sends one pays for none of them."""

import os
import signal
import threading
from multiprocessing import connection, parent_process

import numpy as np

from matching.tours.answer import Tours
from matching.tours.effort import A_DAY, POOLING, Effort
from matching.tours.problem import Errand, Halt, TourProblem, Vehicle


def begin() -> None:
    """As the process begins: a Ctrl-C is its parent's to answer, and it does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, name="parent", daemon=True).start()


def _leave_with_parent() -> None:
    """A parent that is killed ends nobody; its pipe tells."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def ready() -> None:
    """Have everything loaded, and compiled where no kernels are kept, by planning something small."""
    errand = Errand(id="", pickup=Halt(place=0), drop=Halt(place=1))
    nothing_far = np.ones((2, 2))
    small = TourProblem(errands=(errand,), vehicles=(Vehicle(id="", start=0),), seconds=nothing_far, seed=0)
    planned(small, Effort(shrink=1, improve=1))
    pooled(small, Effort(shrink=0, improve=1))


def planned(problem: TourProblem, effort: Effort = A_DAY) -> Tours:
    """Tours of a day: VROOM's, bettered by our search."""
    from app.tours.vroom_start import begun  # noqa: PLC0415 - see above
    from matching.tours.solve import plan  # noqa: PLC0415 - see above

    return plan(begun(problem, fewest=effort.shrink > 0), effort)


def pooled(problem: TourProblem, effort: Effort = POOLING) -> Tours:
    """Running plans with what may be added to them."""
    from matching.tours.solve import pool  # noqa: PLC0415 - see above

    return pool(problem, effort)
