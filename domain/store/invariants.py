"""What must never be true of the stored world, each as a query that counts its breaches. Zero everywhere is sound."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

BREACHES: Final[Mapping[str, str]] = {
    "a request engaged twice": """
        SELECT count(*) FROM (SELECT request_id FROM engagements WHERE state <> 'cancelled'
                              GROUP BY request_id HAVING count(*) > 1) twice""",
    "a provider on two exclusive engagements at once": """
        WITH busy AS (
          SELECT id, provider_id,
                 tstzrange(bound_at, coalesce(ended_at, 'infinity')) AS span
          FROM engagements, LATERAL (
            SELECT CASE WHEN allocator = 'call' THEN en_route_at ELSE coalesce(promoted_at, confirmed_at) END
            AS bound_at) AS bound
          WHERE exclusive AND bound_at IS NOT NULL AND coalesce(ended_at, 'infinity') > bound_at)
        SELECT count(*) FROM busy a JOIN busy b
          ON a.provider_id = b.provider_id AND a.id < b.id AND a.span && b.span""",
    "a provider for whose end two engagements wait": """
        SELECT count(*) FROM (SELECT provider_id FROM engagements WHERE after_id IS NOT NULL AND state = 'confirmed'
                              GROUP BY provider_id HAVING count(*) > 1) queue""",
    "an engagement that waits for nothing": """
        SELECT count(*) FROM engagements e WHERE e.after_id IS NOT NULL AND e.state = 'confirmed' AND NOT EXISTS (
          SELECT 1 FROM engagements f WHERE f.id = e.after_id AND f.provider_id = e.provider_id AND f.exclusive
            AND f.state IN ('confirmed', 'en_route', 'arrived', 'in_progress'))""",
    "an engagement that waits and has begun": """
        SELECT count(*) FROM engagements WHERE after_id IS NOT NULL
          AND (exclusive OR promoted_at IS NOT NULL OR state NOT IN ('confirmed', 'cancelled'))""",
    "two accepted offers on one live request": """
        SELECT count(*) FROM (
          SELECT o.request_id FROM offers o JOIN engagements e ON e.offer_id = o.id AND e.state <> 'cancelled'
          GROUP BY o.request_id HAVING count(*) > 1) twice""",
    "a gap in an account's stream": """
        SELECT count(*) FROM (
          SELECT s.account_id FROM streams s LEFT JOIN events e USING (account_id)
          GROUP BY s.account_id, s.seq, s.kept_from
          HAVING count(e.seq) <> s.seq - s.kept_from + 1 OR coalesce(max(e.seq), s.kept_from - 1) <> s.seq) gaps""",
    "a ledger transaction that does not sum to zero": """
        SELECT count(*) FROM (SELECT txn_id FROM ledger_entries GROUP BY txn_id, currency
                              HAVING sum(amount_cents) <> 0) leaks""",
    "work begun without secured money": """
        SELECT count(*) FROM engagements e
        WHERE e.state IN ('in_progress', 'completed') AND e.price_cents > 0 AND NOT EXISTS (
          SELECT 1 FROM payments p WHERE p.request_id = e.request_id AND p.kind = 'price'
            AND p.state IN ('authorised', 'captured', 'refunded'))""",
    "money captured that the ledger does not know": """
        SELECT count(*) FROM payments p WHERE p.captured_cents <> coalesce((
          SELECT -sum(l.amount_cents) FROM ledger_entries l
          WHERE l.payment_id = p.id AND l.account = 'psp' AND l.amount_cents < 0), 0)""",
    "an exclusive engagement whose request is not matched": """
        SELECT count(*) FROM engagements e JOIN requests r ON r.id = e.request_id
        WHERE e.state IN ('confirmed', 'en_route', 'arrived', 'in_progress') AND r.state <> 'matched'""",
    "a matched request without its engagement": """
        SELECT count(*) FROM requests r WHERE r.state = 'matched' AND NOT EXISTS (
          SELECT 1 FROM engagements e WHERE e.request_id = r.id AND e.state <> 'cancelled')""",
    "an engagement without a deed of each side": """
        SELECT count(*) FROM engagements e WHERE e.state = 'completed' AND NOT EXISTS (
          SELECT 1 FROM actions a WHERE a.engagement_id = e.id AND a.role = 'provider')""",
    "a stored position outside its engagement": """
        SELECT count(*) FROM track_points t JOIN engagements e ON e.id = t.engagement_id
        WHERE e.en_route_at IS NULL OR t.at < e.en_route_at - interval '2 minutes'
           OR t.at > coalesce(e.ended_at, 'infinity') + interval '10 seconds'""",
}


LEFT_UNDONE: Final[Mapping[str, str]] = {
    "a timer overdue": "SELECT count(*) FROM timers WHERE due_at < :now",
    "an event nobody was told of": "SELECT count(*) FROM events WHERE NOT sent",
    "a push kept waiting past its time": """
        SELECT count(*) FROM pushes WHERE state = 'waiting' AND not_after < :now AND next_at < :now""",
    "a pending offer that nothing will end": """
        SELECT count(*) FROM offers o WHERE o.state = 'pending' AND NOT EXISTS (
          SELECT 1 FROM timers t WHERE t.kind = 'offer_expires' AND t.ref = o.id)""",
    "an open request that nothing will end": """
        SELECT count(*) FROM requests r WHERE r.state = 'open' AND NOT EXISTS (
          SELECT 1 FROM timers t WHERE t.kind = 'request_expires' AND t.ref = r.id)""",
    "a step of an engagement that its two parties did not hear of exactly once": """
        WITH reached AS (
          SELECT account_id, e.id, v.type FROM engagements e,
            LATERAL (VALUES ('engagement.confirmed', e.confirmed_at), ('engagement.promoted', e.promoted_at),
                            ('engagement.en_route', e.en_route_at),
                            ('engagement.arrived', e.arrived_at), ('engagement.started', e.started_at),
                            (CASE WHEN e.state IN ('completed', 'cancelled', 'no_show', 'disputed')
                                  THEN 'engagement.' || e.state END, e.ended_at)) AS v(type, at),
            LATERAL (VALUES (e.customer_id), (e.provider_id)) AS party(account_id)
          WHERE v.at IS NOT NULL AND v.type IS NOT NULL)
        SELECT count(*) FROM (
          SELECT r.account_id, r.id, r.type FROM reached r
          JOIN streams s ON s.account_id = r.account_id AND s.kept_from = 1
          LEFT JOIN events e ON e.account_id = r.account_id AND e.type = r.type AND e.data->>'id' = r.id::text
          GROUP BY r.account_id, r.id, r.type HAVING count(e.seq) <> 1) unheard""",
    "a push sent after its time": """
        SELECT count(*) FROM sent_messages m
        JOIN accounts a ON a.phone = m."to"
        JOIN pushes p ON p.account_id = a.id AND p.seq = (m.data->>'seq')::bigint
        WHERE m.kind = 'push' AND m.at > p.not_after""",
}
"""What an engine that has come to rest has not left undone. Of one at work some of it may be true for a moment."""


async def left_undone(db: AsyncSession, now: datetime) -> dict[str, int]:
    """How often each thing that an engine at rest has done was not."""
    found = {}
    for name, query in LEFT_UNDONE.items():
        given = {"now": now} if ":now" in query else {}
        found[name] = int((await db.execute(text(query), given)).scalar_one())
    return found


async def breaches(db: AsyncSession) -> dict[str, int]:
    """How often each thing that must never be true is true now."""
    return {name: int((await db.execute(text(query))).scalar_one()) for name, query in BREACHES.items()}


COUNTS: Final[Mapping[str, str]] = {
    "rides finished": """SELECT count(*) FROM engagements e JOIN services s ON s.id = e.service_id
        WHERE e.state = 'completed' AND s.spec->>'trade' = 'ride'""",
    "parcels delivered": """SELECT count(*) FROM engagements e JOIN services s ON s.id = e.service_id
        WHERE e.state = 'completed' AND s.spec->>'trade' = 'parcel'""",
    "odd jobs finished": """SELECT count(*) FROM engagements e JOIN services s ON s.id = e.service_id
        WHERE e.state = 'completed' AND s.spec->>'trade' = 'job'""",
    "requests": "SELECT count(*) FROM requests",
    "offers": "SELECT count(*) FROM offers",
    "rounds": "SELECT count(*) FROM rounds",
    "events": "SELECT count(*) FROM events",
    "reviews": "SELECT count(*) FROM reviews",
    "captured cents": "SELECT coalesce(sum(captured_cents), 0) FROM payments",
}


async def counts(db: AsyncSession) -> dict[str, int]:
    """How much the stored world holds of each thing."""
    return {name: int((await db.execute(text(query))).scalar_one()) for name, query in COUNTS.items()}
