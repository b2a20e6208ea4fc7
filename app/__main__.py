"""`python -m app COMMAND`: what the launcher becomes once everything is installed."""

import gc
import sys

from app.interrupts import ends_at_once

gc.disable()  # half a million objects that stay are made here: looking them through takes a tenth of the start
with ends_at_once():
    from app.cli import main
gc.enable()

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
