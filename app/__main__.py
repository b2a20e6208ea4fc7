"""`python -m app COMMAND`: what the launcher becomes once everything is installed."""

import gc
import signal
import sys

gc.disable()  # half a million objects that stay are made here: looking them through takes a tenth of the start
before = signal.getsignal(signal.SIGINT)
if before is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is begun yet: Ctrl-C ends us without a word
from app.cli import main  # noqa: E402 - the collector is switched off first

signal.signal(signal.SIGINT, before)
gc.enable()

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
