"""`python -m app.replay`: recorded trips without the rest of the engine, whose import takes seconds."""

import argparse
import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # while anything loads, Ctrl-C ends it without a word
from app.replay.arguments import add_to  # noqa: E402 - the signal is set first
from app.replay.command import replay  # noqa: E402


def main(arguments: list[str]) -> int:
    """Run `replay`; the exit status."""
    parser = argparse.ArgumentParser(prog="./coudmain replay", description="What would have been.")
    add_to(parser)
    asked = parser.parse_args(arguments)
    if asked.from_db is not None:
        from app.cli import main as engine  # noqa: PLC0415 - five seconds that recorded trips do not need

        signal.signal(signal.SIGINT, signal.default_int_handler)
        return engine(["replay", *arguments])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return replay(asked)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
