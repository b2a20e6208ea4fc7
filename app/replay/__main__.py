"""`python -m app.replay`: recorded trips without the rest of the engine, whose import takes seconds."""

import argparse
import sys

from app.interrupts import ends_at_once

with ends_at_once():
    from app.replay.arguments import add_to
    from app.replay.command import replay


def main(arguments: list[str]) -> int:
    """Run `replay`; the exit status."""
    parser = argparse.ArgumentParser(prog="./coudmain replay", description="What would have been.")
    add_to(parser)
    asked = parser.parse_args(arguments)
    if asked.from_db is not None:
        with ends_at_once():
            from app.cli import main as engine  # noqa: PLC0415 - five seconds that recorded trips do not need

        return engine(["replay", *arguments])
    try:
        return replay(asked)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
