"""`python -m app COMMAND`: what the launcher becomes once everything is installed."""

import gc
import sys

gc.disable()  # half a million objects that stay are made here: looking them through takes a tenth of the start
from app.cli import main  # noqa: E402 - the collector is switched off first

gc.enable()

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
