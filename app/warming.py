"""Every kernel of a round, compiled or loaded compiled: `python -m app.warming` once an installation.

The set-up runs it, and the image's build; a process with a crowd loads what it will need before it needs it. Those
of tours, the slowest, are left to the worker that plans them.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from app.clock import stopped_within
from app.kernels import READY, VARIABLE
from domain.usecases.work import Tools
from geo.addresses import prepare_cells
from geo.nearby import GRID_FROM, prepare_grid
from geo.register import prepare_table
from geo.shortest import Spreader

LOOK_EVERY: Final = 1.0  # s
CROWD: Final = GRID_FROM // 4  # in one market: by the time it is four times as large, all is loaded


def warm_ways() -> None:
    """The search for ways on a street graph."""
    graph = Spreader(np.array([0, 1, 1], np.int32), np.array([1], np.int32), np.array([1.0]), 1.0)
    graph.reach(np.array([0]), np.array([0.0]))


def warm_index() -> None:
    """The live index of a large crowd."""
    prepare_grid()
    prepare_cells()
    prepare_table()


def warm_assignment() -> None:
    """The assignment of a large round."""
    from matching import compiled  # noqa: PLC0415 - numba and its code, only where they are wanted

    compiled.assign(np.array([0]), np.array([0]), np.array([1.0]), np.array([2.0]))


ALL: Final[Mapping[str, Callable[[], None]]] = {
    "ways on streets": warm_ways,
    "the index of a large crowd": warm_index,
    "the assignment of a large round": warm_assignment,
}


class Warmer:
    """Loads kernels aside: the ways at once where a market has streets, though no start waits for them; the grid and
    the assignment when a market's crowd grows, so that a small town never pays for them."""

    def __init__(self, tools: Tools, *, streets: bool) -> None:
        self._tools, self._streets = tools, streets
        self.warm = False

    def step(self) -> None:
        """Begin to load them if any market is large enough; once."""
        crowd = max((len(self._tools.live.of(market)) for market in sorted(self._tools.cities)), default=0)
        if not self.warm and crowd >= CROWD:
            self.warm = True
            _aside(_load)

    async def run(self, stop: asyncio.Event) -> None:
        """Load the ways after the first beat; look until the rest is done, or until told to stop."""
        if self._streets and not await stopped_within(stop, LOOK_EVERY):
            _aside(warm_ways)
        while not (self.warm or await stopped_within(stop, LOOK_EVERY)):
            self.step()


def _aside(load: Callable[[], None]) -> None:
    """A daemon: where nothing is kept this compiles for a quarter of a minute, and no stop waits for that."""
    threading.Thread(target=load, name="kernels", daemon=True).start()


def _load() -> None:
    warm_index()
    warm_assignment()


def main() -> int:
    """Compile all of them, and say how long each took; then a mark that it was done."""
    for name, warm in ALL.items():
        began = time.process_time()
        warm()
        print(f"{name}: {time.process_time() - began:.1f} s of CPU", flush=True)
    if kept := os.environ.get(VARIABLE):
        (Path(kept) / READY).touch()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
