"""`./coudmain bench [name …] [--seed N] [--json FILE]`: measure, show, and keep what was measured."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import accepts, apart, chaos, corridor, crowd, index, machine, offers, pooling, start, town, travel
from bench import round as rounds
from bench.figures import RESULTS, Outcome, keep, table

Say = Callable[[str], None]

BENCHMARKS: Final[dict[str, Callable[[int, Say], Outcome]]] = {
    "start": lambda _, say: start.measure(start.Sizes(), say),
    "offers": lambda seed, say: asyncio.run(offers.measure(offers.Sizes(), seed, say)),
    "accepts": lambda seed, say: asyncio.run(accepts.measure(accepts.Sizes(), seed, say)),
    "index": lambda seed, say: asyncio.run(index.measure(index.Sizes(), seed, say)),
    "travel": lambda seed, say: travel.measure(travel.Sizes(), seed, say),
    "phones": lambda seed, say: asyncio.run(crowd.measure(crowd.Sizes(), seed, say)),
    "apart": lambda seed, say: asyncio.run(apart.measure(apart.Sizes(), seed, say)),
    "chaos": lambda seed, say: asyncio.run(chaos.measure(chaos.Sizes(), seed, say)),
    "town": lambda seed, say: asyncio.run(town.measure(town.Sizes(), seed, say)),
    "pooling": lambda seed, say: pooling.measure(pooling.Sizes(), seed, say),
    "round": lambda seed, say: rounds.measure(rounds.Sizes(), seed, say),
    "corridor": lambda seed, say: corridor.measure(corridor.Sizes(), seed, say),
}


def main(arguments: Sequence[str], results: Path = RESULTS) -> int:
    """Run what is asked for, all of it by default; 1 if anything was unsound.

    Ctrl-C and SIGTERM end it, and with it all that was begun: 130 and 143.
    """
    terminated: list[int] = []

    def end(number: int, _: object) -> None:
        terminated.append(number)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, end)
    try:
        return _run(arguments, results)
    except KeyboardInterrupt:
        return 128 + (signal.SIGTERM if terminated else signal.SIGINT)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: Sequence[str], results: Path) -> int:
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    here = machine.describe()
    reports: dict[str, dict[str, Any]] = {}
    for name in asked.names or BENCHMARKS:
        print(f"{name} …", file=sys.stderr, flush=True)
        began, load_before = datetime.now(UTC), machine.load()
        outcome = BENCHMARKS[name](asked.seed, _say)
        reports[name] = outcome.as_json() | {
            "seed": asked.seed,
            "date": began.isoformat(timespec="seconds"),
            "took_s": round((datetime.now(UTC) - began).total_seconds(), 1),
            "machine": here | {"load_before": load_before, "load_after": machine.load()},
        }
        keep(reports[name], name, results)
        print(table(outcome), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(reports, indent=2, ensure_ascii=False) + "\n")
    return 0 if all(report["sound"] for report in reports.values()) else 1


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./coudmain bench",
        description="Measurements, each beside a peer of the same run; kept in bench/results.",
        epilog=f"Names: {', '.join(BENCHMARKS)}.",
    )
    parser.add_argument("names", nargs="*", metavar="name", type=_name, help="which (all)")
    parser.add_argument("--seed", type=int, default=1, help="other moments, another order (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of this run's reports there too")
    return parser


def _name(text: str) -> str:
    if text in BENCHMARKS:
        return text
    raise argparse.ArgumentTypeError(f"no benchmark {text!r}; there are {', '.join(BENCHMARKS)}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
