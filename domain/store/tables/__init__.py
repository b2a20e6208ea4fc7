"""All tables, by noun. Importing this package registers every one of them on `Base.metadata`."""

from domain.store.tables.accounts import (
    Account,
    Block,
    Challenge,
    Device,
    DutySession,
    HomewardUse,
    IdempotencyKey,
    Provider,
    SentMessage,
    StationTurn,
    TokenFamily,
    WsTicket,
)
from domain.store.tables.base import Base
from domain.store.tables.catalogue import Market, Quote, Service, ZoneRow
from domain.store.tables.demand import Offer, Request, Stop
from domain.store.tables.engagements import (
    Action,
    Engagement,
    Erasure,
    Hold,
    Message,
    Review,
    Share,
    TrackPoint,
    agenda_span,
)
from domain.store.tables.log import Decision, EventRow, PushRow, Round, Stream, Timer
from domain.store.tables.money import LedgerEntry, Payment

__all__ = [
    "Account",
    "Action",
    "Base",
    "Block",
    "Challenge",
    "Decision",
    "Device",
    "DutySession",
    "Engagement",
    "Erasure",
    "EventRow",
    "Hold",
    "HomewardUse",
    "IdempotencyKey",
    "LedgerEntry",
    "Market",
    "Message",
    "Offer",
    "Payment",
    "Provider",
    "PushRow",
    "Quote",
    "Request",
    "Review",
    "Round",
    "SentMessage",
    "Service",
    "Share",
    "StationTurn",
    "Stop",
    "Stream",
    "Timer",
    "TokenFamily",
    "TrackPoint",
    "WsTicket",
    "ZoneRow",
    "agenda_span",
]
