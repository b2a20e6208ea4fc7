"""The command line: `./coudmain COMMAND`. Every command says what it does and stops at once on Ctrl-C."""

import argparse
import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import uvloop

from app import cities
from app.binaries import PostgresUnavailable
from app.cities import CityUnavailable
from app.directories import basemap_of, cluster_directory
from app.postgres import PrivateCluster
from app.replay import arguments as replay_arguments
from app.settings import Settings, SettingsError, read
from app.watch import log

OF_THE_DISK: Final = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EISDIR,
)
PARTS: Final = ("serve", "api", "dispatch", "relay")
TERMINATED: Final = 128 + signal.SIGTERM  # of what was to come to an end of its own, as a shell tells it


def main(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    asked = _parser().parse_args(arguments)
    log.set_up(level="warning", form=None)
    try:
        if (
            asked.command == "replay" and asked.from_db is None
        ):  # arithmetic: nothing to await, and Ctrl-C ends it
            from app.replay.command import replay  # noqa: PLC0415 - here and below: no start needs these

            return replay(asked)
        settings = read()
        log.set_up(level=settings.log_level, form=settings.log_format)
        if asked.command == "map":  # in no thread: nothing ends one
            with _terminable():
                return _import_map(asked.source, asked.market)
        return uvloop.run(_interruptible(_command(asked, settings), terminated=_when_terminated(asked)))
    except (SettingsError, PostgresUnavailable, CityUnavailable) as told:
        print(f"coudmain: {told}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        print(f"coudmain: cannot write {error.filename or 'any more'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./coudmain", description="The engine for local services.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    town = commands.add_parser("up", help="everything, with a living town on it")
    _address(town)
    town.add_argument("--drivers", type=_count, default=60, help="drivers and couriers (60)")
    town.add_argument("--jobbers", type=_count, default=40, help="jobbers on foot (40)")
    town.add_argument("--customers", type=_count, default=80, help="customers (80)")
    town.add_argument(
        "--speed", type=_speed, default=1.0, help="how many times faster than life phones move (1)"
    )
    town.add_argument(
        "--for", type=_seconds, dest="seconds", metavar="SECONDS", help="stop by itself, then tell"
    )
    town.add_argument("--json", type=_writable, metavar="FILE", help="write what happened there")
    town.add_argument("--seed", type=int, default=1, help="other people, another day (1)")
    for name, words in (
        ("serve", "the engine alone"),
        ("api", "HTTP and sockets of a spread-out installation"),
    ):
        _address(commands.add_parser(name, help=words))
    _door(commands.add_parser("dispatch", help="the rounds of a spread-out installation"))
    _door(commands.add_parser("relay", help="events, timers and pushes of a spread-out installation"))
    replay_arguments.add_to(
        commands.add_parser("replay", help="what would have been: recorded demand under another policy")
    )
    commands.add_parser("migrate", help="bring the database to this version")
    maps = commands.add_parser("map", help="cities of your own").add_subparsers(
        dest="deed", required=True, metavar="import"
    )
    bring = maps.add_parser("import", help="streets and basemap from an OpenStreetMap extract")
    bring.add_argument("source", metavar="FILE.osm.pbf|URL")
    bring.add_argument("--market", metavar="SLUG", help="which market it is for (default: the file's name)")
    return parser


def _address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8000, help="where to answer (8000)")
    parser.add_argument("--host", default="127.0.0.1", help="which address to answer on (127.0.0.1)")


def _door(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metrics-port", type=_port, metavar="PORT", help="where /metrics and /readyz are (any free one)"
    )


async def _command(asked: argparse.Namespace, settings: Settings) -> int:
    match asked.command:
        case "up":
            from app.up import TownArguments, up  # noqa: PLC0415 - as above: the engine is two seconds of imports

            async with database(settings) as url:
                return await up(settings, url, TownArguments.of(asked))
        case "migrate":
            from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - as above

            from app import migrate  # noqa: PLC0415 - as above

            async with database(settings) as url:
                engine = create_async_engine(url)
                version = await migrate.to_head(engine)
                await engine.dispose()
            newer = (
                ""
                if version in migrate.revisions()
                else f", or rather at a newer one ({version}): left as it is"
            )
            print(f"the database is at this version{newer}")
            return 0
        case "replay":
            from app.replay.stored import reweigh_day  # noqa: PLC0415 - as above

            async with database(settings) as url:
                return await reweigh_day(url, asked)
        case part:
            async with database(settings) as url:
                return await _serve(settings, url, part, asked)


async def _serve(settings: Settings, url: str, part: str, asked: argparse.Namespace) -> int:
    """Run a part, or all of them, until told to stop."""
    from app import server  # noqa: PLC0415 - as above
    from app.engine import Part, running  # noqa: PLC0415 - as above

    parts = Part.ALL if part == "serve" else Part[part.upper()]
    if Part.API in parts:
        listener = server.bound(asked.host, asked.port)
    else:
        listener = server.bound(settings.metrics_host, asked.metrics_port or settings.metrics_port)
    host, port = listener.getsockname()[:2]
    async with (
        running(settings, url, parts) as engine,
        server.answering(engine.api or engine.door, listener, engine.drain) as serving,
    ):
        if engine.api is None:
            numbers = f"http://{host}:{port}/metrics"
            print(f"{asked.command} runs; its numbers: {numbers}; Ctrl-C stops it", flush=True)
        else:
            print(f"coudmain answers at http://{asked.host}:{asked.port}; Ctrl-C stops it", flush=True)
        await asyncio.wait({serving})
    return 0


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database: yours, or the private cluster's, which runs as long as anybody needs it."""
    if settings.database_url is not None:
        from app import external  # noqa: PLC0415 - as above

        await external.require_fit(settings.database_url)
        yield settings.database_url
        return
    cluster = PrivateCluster(cluster_directory())
    await asyncio.to_thread(cluster.start)
    try:
        await asyncio.to_thread(cluster.prepare)
        yield cluster.url()
    finally:
        await asyncio.to_thread(cluster.stop)


def _when_terminated(asked: argparse.Namespace) -> int:
    """The exit status after SIGTERM: 0 where nothing but a signal ends the command."""
    for_ever = asked.command in PARTS or (asked.command == "up" and asked.seconds is None)
    return 0 if for_ever else TERMINATED


@contextmanager
def _terminable() -> Iterator[None]:
    """Have SIGTERM end what runs here as Ctrl-C does: whatever was begun is cleared away."""

    def leave(*_: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


async def _interruptible(work: Coroutine[Any, Any, int], *, terminated: int) -> int:
    """Run to the end, or until the first Ctrl-C or SIGTERM: then everything is closed in order and we leave."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    told: list[int] = []

    def stop(number: int) -> None:
        if told:  # asked twice: leave without ceremony; the database recovers
            os._exit(128 + number)
        told.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        return 130 if signal.SIGINT in told else terminated


def _import_map(source: str, slug: str | None) -> int:
    """Bring a city: keep its extract, build its street graph and its basemap."""
    from app import ground  # noqa: PLC0415 - as above
    from app.basemap import build as build_basemap  # noqa: PLC0415 - reads maps: no start needs it

    with cities.from_file_or_url(source, slug) as extract:
        market = extract.parent.name
        print(f"{market}: reading streets and places", flush=True)
        ground.replace(market, extract)
    extract = cities.extract(market)
    print(f"{market}: drawing the basemap", flush=True)
    build_basemap(extract, basemap_of(market))
    print(f"{market}: ready ({len(ground.places(market))} named places)")
    return 0


def _count(text: str) -> int:
    return _within(int(text), 0, 5_000)


def _writable(text: str) -> Path:
    """A file that can be written once there is something to say: found out before, not after an hour."""
    path = Path(text)
    place = path if path.exists() else path.absolute().parent
    if path.is_dir() or not os.access(place, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def _port(text: str) -> int:
    return _within(int(text), 1, 65_535)


def _within(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{number} is not between {least} and {most}")
    return number


def _speed(text: str) -> float:
    speed = float(text)
    if not 0.1 <= speed <= 60:
        raise argparse.ArgumentTypeError("a speed is between 0.1 and 60")
    return speed


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 86_400 * 7:
        raise argparse.ArgumentTypeError("between a second and a week")
    return seconds
