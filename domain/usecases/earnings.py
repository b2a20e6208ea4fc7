"""What a provider made: money from the ledger, time from the clocks, and the one divided by the other."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from domain.rules.clocks import Spell, activity_s, bound_at, connected_s
from domain.rules.errors import Invalid
from domain.rules.ledger import provider_account
from domain.rules.wire import moment, money
from domain.store import earnings as store
from domain.store import money as payments
from domain.usecases import access
from domain.usecases.views.money import payment_view
from domain.usecases.work import Work

MOST_DAYS: Final = 366  # a tax year
USUAL_DAYS: Final = 7


async def my_earnings(work: Work, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """Gross, fees, tips and net of `[since, until)`, by day of the market; the last seven days unless told.

    `net` holds tips and is less refunds; the hours are activity time (from being bound to the end) and
    connected time (on duty), and `net_per_connected_hour` is what an hour on duty came to.
    """
    account = access.require_account(work.actor)
    until = until or work.now
    since = since or until - timedelta(days=USUAL_DAYS)
    if not since < until <= since + timedelta(days=MOST_DAYS):
        raise Invalid.field(
            "/from",
            f"from lies before to, by at most {MOST_DAYS} days",
            f"from précède to, de {MOST_DAYS} jours au plus",
        )
    days = await store.income_by_day(work.db, provider_account(account), since, until)
    currency = days[0].currency if days else "EUR"
    net = sum(day.net for day in days)
    sessions = [
        Spell(on, off or work.now) for on, off in await store.duty_between(work.db, account, since, until)
    ]
    connected = connected_s(sessions, since, min(until, work.now))
    worked = await store.ended_between(work.db, account, since, until)
    active = sum(
        activity_s(
            bound_at(
                row.confirmed_at,
                row.en_route_at,
                row.start_at,
                waits=row.waits,
                promoted_at=row.promoted_at,
            ),
            row.ended_at,
            work.now,
        )
        for row in worked
    )
    return {
        "from": moment(since),
        "to": moment(until),
        "engagements": len(worked),
        "gross": money(sum(day.gross for day in days), currency),
        "fees": money(sum(day.fees for day in days), currency),
        "tips": money(sum(day.tips for day in days), currency),
        "net": money(net, currency),
        "activity_s": active,
        "connected_s": connected,
        "net_per_connected_hour": money(round(net * 3_600 / connected), currency) if connected else None,
        "days": [
            {
                "date": day.day.isoformat(),
                "gross": money(day.gross, currency),
                "fees": money(day.fees, currency),
                "tips": money(day.tips, currency),
                "net": money(day.net, currency),
            }
            for day in days
        ],
    }


async def my_payments(work: Work, *, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    """What the actor has been asked to pay, newest first."""
    account = access.require_account(work.actor)
    rows = await payments.of_customer(work.db, account, before=before, limit=limit)
    return [payment_view(row) for row in rows]
