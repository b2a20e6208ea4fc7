"""Every table of moves. A state changes only along these tables; an unknown pair raises `IllegalMove`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from domain.rules.errors import IllegalMove


class Allocator(StrEnum):
    """Who moves first: the only four pieces of behaviour that are code rather than data."""

    DISPATCH = "dispatch"
    CALL = "call"
    BOOK = "book"
    POOL = "pool"


class RequestState(StrEnum):
    OPEN = "open"
    MATCHED = "matched"
    CLOSED = "closed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class RequestMove(StrEnum):
    MATCH = "match"
    REOPEN = "reopen"  # the provider dropped out before the start
    CLOSE = "close"
    EXPIRE = "expire"
    CANCEL = "cancel"


class OfferState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class OfferMove(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"
    EXPIRE = "expire"
    WITHDRAW = "withdraw"  # by its author, by a counter-offer that replaces it, or because another one won


class OfferOrigin(StrEnum):
    DISPATCH = "dispatch"  # the engine to a provider
    PROPOSAL = "proposal"  # a provider to the customer
    COUNTER = "counter"  # the customer back to that provider, once


class EngagementState(StrEnum):
    CONFIRMED = "confirmed"
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    DISPUTED = "disputed"


class Verb(StrEnum):
    """What a party may do on an engagement (`POST …/actions`)."""

    SET_OFF = "set_off"
    ARRIVE = "arrive"
    START = "start"
    FINISH = "finish"
    CONFIRM = "confirm"  # the customer says the work is done; the state stays
    CANCEL = "cancel"
    NO_SHOW = "no_show"
    DISPUTE = "dispute"


class PaymentState(StrEnum):
    PENDING = "pending"
    AUTHORISED = "authorised"
    FAILED = "failed"
    CAPTURED = "captured"
    RELEASED = "released"
    REFUNDED = "refunded"


class PaymentMove(StrEnum):
    AUTHORISE = "authorise"
    FAIL = "fail"
    CAPTURE = "capture"
    RELEASE = "release"
    REFUND = "refund"


class ReviewState(StrEnum):
    SEALED = "sealed"
    PUBLISHED = "published"


class Role(StrEnum):
    """What an account is to one row."""

    CUSTOMER = "customer"
    PROVIDER = "provider"
    OPS = "ops"
    ENGINE = "engine"


_R, _RM = RequestState, RequestMove
REQUEST_MOVES: Final[Mapping[RequestState, Mapping[RequestMove, RequestState]]] = {
    _R.OPEN: {_RM.MATCH: _R.MATCHED, _RM.EXPIRE: _R.EXPIRED, _RM.CANCEL: _R.CANCELLED},
    _R.MATCHED: {_RM.REOPEN: _R.OPEN, _RM.CLOSE: _R.CLOSED, _RM.CANCEL: _R.CANCELLED},
    _R.CLOSED: {},
    _R.EXPIRED: {},
    _R.CANCELLED: {},
}

_O, _OM = OfferState, OfferMove
OFFER_MOVES: Final[Mapping[OfferState, Mapping[OfferMove, OfferState]]] = {
    _O.PENDING: {
        _OM.ACCEPT: _O.ACCEPTED,
        _OM.DECLINE: _O.DECLINED,
        _OM.EXPIRE: _O.EXPIRED,
        _OM.WITHDRAW: _O.WITHDRAWN,
    },
    _O.ACCEPTED: {},
    _O.DECLINED: {},
    _O.EXPIRED: {},
    _O.WITHDRAWN: {},
}

_E = EngagementState
ENGAGEMENT_MOVES: Final[Mapping[EngagementState, Mapping[Verb, EngagementState]]] = {
    _E.CONFIRMED: {Verb.SET_OFF: _E.EN_ROUTE, Verb.CANCEL: _E.CANCELLED},
    _E.EN_ROUTE: {Verb.ARRIVE: _E.ARRIVED, Verb.CANCEL: _E.CANCELLED},
    _E.ARRIVED: {Verb.START: _E.IN_PROGRESS, Verb.CANCEL: _E.CANCELLED, Verb.NO_SHOW: _E.NO_SHOW},
    _E.IN_PROGRESS: {Verb.FINISH: _E.COMPLETED, Verb.CANCEL: _E.CANCELLED, Verb.DISPUTE: _E.DISPUTED},
    _E.COMPLETED: {Verb.CONFIRM: _E.COMPLETED, Verb.DISPUTE: _E.DISPUTED},
    _E.CANCELLED: {},
    _E.NO_SHOW: {Verb.DISPUTE: _E.DISPUTED},
    _E.DISPUTED: {},
}

# Who may say which verb. Ops may say every verb that the table of moves allows.
VERB_ROLES: Final[Mapping[Verb, frozenset[Role]]] = {
    Verb.SET_OFF: frozenset({Role.PROVIDER}),
    Verb.ARRIVE: frozenset({Role.PROVIDER}),
    Verb.START: frozenset({Role.PROVIDER}),
    Verb.FINISH: frozenset({Role.PROVIDER}),
    Verb.CONFIRM: frozenset({Role.CUSTOMER}),
    Verb.CANCEL: frozenset({Role.CUSTOMER, Role.PROVIDER}),
    Verb.NO_SHOW: frozenset({Role.CUSTOMER, Role.PROVIDER}),
    Verb.DISPUTE: frozenset({Role.CUSTOMER, Role.PROVIDER}),
}

_P, _PM = PaymentState, PaymentMove
PAYMENT_MOVES: Final[Mapping[PaymentState, Mapping[PaymentMove, PaymentState]]] = {
    _P.PENDING: {_PM.AUTHORISE: _P.AUTHORISED, _PM.FAIL: _P.FAILED},
    _P.AUTHORISED: {_PM.CAPTURE: _P.CAPTURED, _PM.RELEASE: _P.RELEASED},
    _P.FAILED: {},
    _P.CAPTURED: {_PM.REFUND: _P.REFUNDED},
    _P.RELEASED: {},
    _P.REFUNDED: {},
}

ACTIVE_ENGAGEMENT: Final = frozenset({_E.CONFIRMED, _E.EN_ROUTE, _E.ARRIVED, _E.IN_PROGRESS})
"""States in which the work is still ahead or under way: tracking, messages and places are open."""

TRACKED_ENGAGEMENT: Final = frozenset({_E.EN_ROUTE, _E.ARRIVED, _E.IN_PROGRESS})
"""States in which positions are kept as the engagement's track."""

S = TypeVar("S", bound=StrEnum)
M = TypeVar("M", bound=StrEnum)


def move(table: Mapping[S, Mapping[M, S]], state: S, verb: M) -> S:
    """The state after `verb`, or `IllegalMove` when the table has no such pair."""
    try:
        return table[state][verb]
    except KeyError:
        raise IllegalMove(f"cannot {verb} when {state}", state=str(state), verb=str(verb)) from None


def sources(table: Mapping[S, Mapping[M, S]], verb: M) -> frozenset[S]:
    """The states from which `verb` is allowed: the `WHERE state IN (…)` of a conditional update."""
    return frozenset(state for state, moves in table.items() if verb in moves)
