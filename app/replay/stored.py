"""`./coudmain replay --from-db DAY`: the rounds an engine stored that day, under other weights."""

import argparse
import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import open_database
from app.replay.command import check_targets, tell, write
from domain.rules.errors import UnknownMarket
from domain.store import catalogue, rounds
from domain.store.outage import DatabaseAway
from matching.whatif.stored import Change, reweigh, summary

TOLD_EVERY: Final = 1_000  # rounds, of which a busy day has tens of thousands
PAGE: Final = 200  # rounds read at once: a problem is some ten to a hundred kilobytes


@dataclass(frozen=True, slots=True)
class StoredDay:
    """A market's day by its own clock."""

    market: str
    day: str
    weights: dict[str, float]


class NoRounds(ValueError):
    """A day of which no round is stored."""


async def reweigh_day(url: str, asked: argparse.Namespace) -> int:
    """Solve the stored rounds again and tell what changes; the exit status. Writes nothing to the database."""
    if asked.trips is not None or asked.html is not None:
        print("coudmain: --from-db takes no TRIPS and writes no --html, only --json", file=sys.stderr)
        return 2
    database = open_database(url, idle_within=0)  # a page of rounds may take a minute to solve again
    try:
        check_targets((asked.json,))
        async with AsyncSession(database) as db:
            told_day = await report(db, StoredDay(asked.market, asked.from_db, asked.weights), tell)
        if not told_day["rounds"]:
            raise NoRounds(
                f"{asked.market} has no stored round of {asked.from_db}: nothing was asked, or it is forgotten"
            )
        for line in lines(told_day):
            print(line)
        write(asked.json, json.dumps(told_day, indent=1, ensure_ascii=False) + "\n")
    except UnknownMarket as unknown:
        print(f"coudmain: {unknown.detail}", file=sys.stderr)
        return 1
    except DatabaseAway as away:
        print(f"coudmain: {away}", file=sys.stderr)
        return 1
    except ProgrammingError:
        print("coudmain: the database is not at this version: ./coudmain migrate", file=sys.stderr)
        return 1
    except (
        ValueError
    ) as told:  # a round stored by a version that wrote another format, or no place for a report
        print(f"coudmain: {told}", file=sys.stderr)
        return 1
    finally:
        await database.dispose()
    return 0


async def report(
    db: AsyncSession, of: StoredDay, tell: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """The day's `summary`, under its head. `UnknownMarket` where there is none."""
    market = await catalogue.market(db, of.market)
    midnight = datetime.combine(date.fromisoformat(of.day), time(), ZoneInfo(market.timezone))
    changes = []
    async for change in _changes(db, of, midnight):
        changes.append(change)
        if len(changes) % TOLD_EVERY == 0:
            tell(f"{len(changes)} rounds solved again")
    return {"market": of.market, "day": of.day, "weights": of.weights, **summary(changes)}


async def _changes(db: AsyncSession, of: StoredDay, midnight: datetime) -> AsyncIterator[Change]:
    tomorrow = midnight + timedelta(days=1)  # by the market's clock: a day may have 23 or 25 hours
    async for row in rounds.of_day(db, of.market, midnight, tomorrow, PAGE):
        yield reweigh(row.problem, row.result, of.weights)


def lines(told: dict[str, Any]) -> list[str]:
    """The report in words and columns."""
    weights = (
        ", ".join(f"{name} = {value:g}" for name, value in told["weights"].items()) or "the same weights"
    )
    head = (
        f"{told['market']}, {told['day']}, under {weights}: {told['rounds_that_change']} of {told['rounds']} stored "
        f"rounds would have ended differently, {told['requests_asked_of_others']} requests would have been put to "
        f"other people."
    )
    said = [head]
    if told["rounds_as_stored"] < told["rounds"]:
        said.append(
            f"{told['rounds'] - told['rounds_as_stored']} rounds do not solve to what was stored: the solver has "
            "changed since, and `before` is what it gives today."
        )
    said.append(f"{'':24}{'as it was':>14}{'as weighed':>14}")
    for name, was in told["before"].items():
        said.append(f"{name.replace('_', ' '):24}{_number(was):>14}{_number(told['after'][name]):>14}")
    if told["weights"].get("fairness_s") and told["before"]["income_above_mean"] is None:
        said.append("Nobody's income was known in what was asked: fairness had nothing to weigh.")
    said.append("Each round is asked again as it stood; what would have followed from it is not lived again.")
    return said


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}" if isinstance(value, int) else f"{value:.3f}"
