"""Whether customers got an answer: their counter-offers, of which a yes and a no count as one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import and_, extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from domain.rules.states import OfferOrigin, OfferState
from domain.store.tables import Offer

FAIR_TIME: Final = timedelta(minutes=15)  # one that ran out sooner was nobody's silence
ANSWERED: Final = (OfferState.ACCEPTED, OfferState.DECLINED)


@dataclass(frozen=True, slots=True)
class Answers:
    """How many counter-offers awaited this provider's answer, how many got one, and the median seconds to it."""

    asked: int = 0
    answered: int = 0
    reply_s: float = 0.0


async def answers_of(db: AsyncSession, providers: Iterable[UUID], since: datetime) -> dict[UUID, Answers]:
    """Of each provider. The engine's offers (`dispatch`) are not looked at: letting one pass is nobody's business."""
    wanted = set(providers)
    replied = Offer.state.in_(ANSWERED)
    to_answer = extract("epoch", Offer.answered_at - Offer.created_at)
    statement = (
        select(
            Offer.provider_id,
            func.count(),
            func.count().filter(replied),
            func.percentile_cont(0.5).within_group(to_answer).filter(replied),
        )
        .where(
            Offer.provider_id.in_(sorted(wanted)),
            Offer.origin == OfferOrigin.COUNTER,
            Offer.created_at > since,
            or_(
                replied,
                and_(Offer.state == OfferState.EXPIRED, Offer.answer_by - Offer.created_at >= FAIR_TIME),
            ),
        )
        .group_by(Offer.provider_id)
    )
    found = {
        provider: Answers(asked, answered, max(0.0, float(median or 0.0)))
        for provider, asked, answered, median in await db.execute(statement)
    }
    return {provider: found.get(provider, Answers()) for provider in wanted}
