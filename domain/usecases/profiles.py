"""What people say of themselves, and what others may see of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from domain.rules.errors import Invalid, NotFound, UnknownService
from domain.rules.titles import FRENCH
from domain.store import accounts as store
from domain.store import catalogue
from domain.store import profiles as queries
from domain.store.tables import Account, Device, Provider, Review
from domain.usecases.access import require_account
from domain.usecases.duty import keep_duty_within
from domain.usecases.work import Work
from matching.policy import CALL_PRIORS
from matching.rank import bayesian_rating

REVIEWS_SHOWN: Final = 20
MOST_DEVICES: Final = 20  # of one account: a push each would otherwise be an amplifier


@dataclass(frozen=True, slots=True)
class Profile:
    """What others may see. `rating` is drawn towards the usual by the reviews still missing; `None` without any."""

    account: Account
    provider: Provider | None
    rating: float | None
    reviews_count: int
    done_count: int
    reviews: Sequence[tuple[Review, str]]
    sees_plate: bool


async def read_me(work: Work, *, lock: bool = False) -> tuple[Account, Provider | None]:
    """The actor's own account, and what it provides."""
    account_id = require_account(work.actor)
    account = await store.account(work.db, account_id, lock=lock)
    if account is None:
        raise NotFound
    return account, await store.provider(work.db, account_id)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nothing but the urgent may ring: minutes after midnight in a time zone; they may go over midnight."""

    since: int
    until: int
    timezone: str


def change_me(account: Account, *, name: str | None, language: str | None) -> None:
    """Change the name or the language of an account read with `lock`."""
    if name is not None:
        account.name = " ".join(name.split())
    if language is not None:
        account.language = language
    account.version += 1


async def change_quiet_hours(work: Work, account: Account, hours: QuietHours | None) -> None:
    """Choose quiet hours, or none, for an account read with `lock`. `Invalid`: no such time zone, or no time at all."""
    if hours is not None and hours.since == hours.until:
        raise Invalid.field(
            "/quiet_hours/until",
            "quiet hours end at another minute than they begin",
            "les heures calmes ne finissent pas à la minute où elles commencent",
        )
    if hours is not None and not await store.knows_timezone(work.db, hours.timezone):
        raise Invalid.field(
            "/quiet_hours/timezone", "an IANA name, like Europe/Monaco", "un nom IANA, comme Europe/Monaco"
        )
    account.quiet_from = None if hours is None else hours.since
    account.quiet_until = None if hours is None else hours.until
    account.timezone = None if hours is None else hours.timezone


async def put_provider(
    work: Work,
    *,
    services: Sequence[str],
    vehicle: Mapping[str, Any] | None,
    languages: Sequence[str] | None,
    max_travel_s: int | None,
    max_pickup_m: int | None = None,
) -> Provider:
    """Say what one offers, whole; `UnknownService` names the slugs that no market has.

    Somebody on duty stays on duty for the services that remain.
    """
    account_id = require_account(work.actor)
    wanted = list(dict.fromkeys(services))
    unknown = set(wanted) - await catalogue.known_slugs(work.db, wanted)
    if unknown:
        raise UnknownService(
            f"no market offers {', '.join(sorted(unknown))}",
            services=sorted(unknown),
            errors=[
                {
                    "pointer": f"/services/{place}",
                    "detail": UnknownService.title,
                    "french": FRENCH["unknown_service"],
                }
                for place, slug in enumerate(services)
                if slug in unknown
            ],
        )
    row = await store.put_provider(
        work.db,
        account_id,
        {
            "services": wanted,
            "vehicle": None if vehicle is None else dict(vehicle),
            "languages": list(languages or [work.actor.language]),
            "max_travel_s": max_travel_s,
            "max_pickup_m": max_pickup_m,
            "updated_at": work.now,
        },
    )
    await _next_version(work, account_id)
    await keep_duty_within(work, wanted)
    return row


async def _next_version(work: Work, account_id: UUID) -> None:
    """What one provides is part of `GET /v1/me`: its ETag changes."""
    account = await store.account(work.db, account_id, lock=True)
    if account is not None:
        account.version += 1


async def put_device(work: Work, device_id: str, *, platform: str, push_token: str, language: str) -> Device:
    """Say where pushes go; apps do it at each start. The twenty newest devices are kept."""
    account_id = require_account(work.actor)
    values = {
        "platform": platform,
        "push_token": push_token,
        "language": language,
        "updated_at": work.now,
    }
    row = await store.put_device(work.db, account_id, device_id, values)
    await store.keep_newest_devices(work.db, account_id, MOST_DEVICES)
    return row


async def drop_device(work: Work, device_id: str) -> None:
    """No more pushes to a device; saying it twice is no harm."""
    await store.drop_device(work.db, require_account(work.actor), device_id)


async def read_profile(work: Work, account_id: UUID) -> Profile:
    """What anybody signed in may see of an account."""
    viewer = require_account(work.actor)
    account = await store.account(work.db, account_id)
    if account is None:
        raise NotFound
    count, total = await queries.stars(work.db, account_id)
    return Profile(
        account=account,
        provider=await store.provider(work.db, account_id),
        rating=bayesian_rating(count, total, CALL_PRIORS.rating_mean) if count else None,
        reviews_count=count,
        done_count=await queries.done_count(work.db, account_id),
        reviews=await queries.newest_reviews(work.db, account_id, REVIEWS_SHOWN),
        sees_plate=viewer == account_id
        or work.actor.oversees_all
        or (work.actor.is_ops and await _overseen(work, account_id))
        or await queries.at_work_together(work.db, viewer, account_id),
    )


async def _overseen(work: Work, account_id: UUID) -> bool:
    """Whether the account has dealings in a market that the actor oversees."""
    return any(work.actor.oversees(market) for market in await store.markets_of(work.db, account_id))
