"""`python -m app COMMAND`: what the launcher becomes once everything is installed."""

import sys

from app.cli import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
