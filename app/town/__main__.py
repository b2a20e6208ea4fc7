"""`python -m app.town`: the town's own process (started by `./coudmain up`)."""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

import uvloop

from app.town.run import TownPlan, live


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m app.town", description="Simulated phones on the public API."
    )
    parser.add_argument("--base", default="http://localhost:8000", help="where the engine answers")
    parser.add_argument("--market", default="monaco")
    parser.add_argument("--drivers", type=int, default=60)
    parser.add_argument("--jobbers", type=int, default=40)
    parser.add_argument("--customers", type=int, default=80)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--for", type=float, dest="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, dest="json_file")
    parser.add_argument("--tethered", action="store_true", help="leave when standard input ends")
    asked = vars(parser.parse_args())
    if asked.pop("tethered"):
        threading.Thread(target=_leave_with_the_parent, name="tether", daemon=True).start()
    uvloop.run(live(TownPlan(**asked)))


def _leave_with_the_parent() -> None:
    """Standard input is a pipe that the parent holds and never writes to: it ends with the parent, by SIGKILL too."""
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
