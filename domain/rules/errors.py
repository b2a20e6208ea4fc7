"""Refusals: one class per reason, each with a stable code. The edges map codes to statuses."""

from collections.abc import Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """Something the engine will not do. Raising it rolls the transaction back: nothing has changed."""

    code: ClassVar[str] = "refused"
    title: ClassVar[str] = "Refused"
    about: ClassVar[str] = ""
    """The JSON pointer of what such a refusal is mostly about; a fact `pointer` is nearer the mark."""

    def __init__(self, detail: str = "", *, french: str = "", **facts: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.french = french
        self.facts: Mapping[str, Any] = facts


class NotFound(Refusal):
    """It is not there, or it is not yours: from outside the two look the same."""

    code = "not_found"
    title = "Nothing here that you may see"


class Unauthenticated(Refusal):
    code = "unauthenticated"
    title = "Sign in first"


class Forbidden(Refusal):
    """Your role does not do this at all (never used to hide a row: that is `NotFound`)."""

    code = "forbidden"
    title = "Your role may not do this"


class Suspended(Refusal):
    code = "account_suspended"
    title = "This account is suspended"


class TooMany(Refusal):
    """Facts: `retry_after_s`, `policy`, `limit`, `window_s`."""

    code = "too_many_requests"
    title = "Too many requests; slow down"


class Invalid(Refusal):
    """Well-formed but wrong. Facts: `errors`, a list of `{pointer, detail, french?}`."""

    code = "invalid"
    title = "Some of the values cannot be accepted"

    @classmethod
    def field(cls, pointer: str, detail: str, french: str = "") -> "Invalid":
        """A refusal about one field, named by its JSON pointer."""
        return cls(
            detail, french=french, errors=[{"pointer": pointer, "detail": detail, "french": french or detail}]
        )


class OutsideServiceArea(Refusal):
    """Facts: `nearest` ({lat, lon} inside the area), `pointer`."""

    code = "outside_service_area"
    title = "This place is outside the service area"


class StopsTooFar(Refusal):
    code = "stops_too_far"
    title = "These stops are too far apart for this service"
    about = "/stops"


class PickupRestricted(Refusal):
    """Facts: `nearest` (an allowed pickup point nearby)."""

    code = "pickup_restricted"
    title = "No pickup is allowed at this place"


class UnknownService(Refusal):
    code = "unknown_service"
    title = "No such service in this market"
    about = "/service"


class UnknownMarket(Refusal):
    code = "unknown_market"
    title = "No such market"
    about = "/market"


class SlugTaken(Refusal):
    code = "slug_taken"
    title = "A service with this slug already exists"


class RegimeViolation(Refusal):
    """The law named in `regime` does not allow this. Facts: `regime`, `errors`."""

    code = "regime_violation"
    title = "A regime of this service does not allow this"


class QuoteExpired(Refusal):
    code = "quote_expired"
    title = "This quote has expired; ask for a new one"


class QuoteForged(Refusal):
    code = "quote_forged"
    title = "This quote was not signed by us"
    about = "/quote_id"


class QuoteUsed(Refusal):
    code = "quote_used"
    title = "This quote has already been turned into a request"


class WrongCode(Refusal):
    """Facts: `tries_left`."""

    code = "wrong_code"
    title = "Wrong code"


class ChallengeOver(Refusal):
    code = "challenge_over"
    title = "This code is no longer valid; ask for a new one"


class TokenInvalid(Refusal):
    code = "token_invalid"
    title = "This token is not valid"


class TokenExpired(Refusal):
    code = "token_expired"
    title = "This token has expired"


class TokenReused(Refusal):
    code = "token_reused"
    title = "This refresh token was used before; sign in again"


class IdempotencyMismatch(Refusal):
    code = "idempotency_mismatch"
    title = "This Idempotency-Key was used with another body"
    about = "/Idempotency-Key"


class OfferExpired(Refusal):
    code = "offer_expired"
    title = "This offer has expired"


class LostRace(Refusal):
    """Somebody else moved the row first: no row came back from the conditional update."""

    code = "lost_race"
    title = "Somebody else was faster"


class IllegalMove(Refusal):
    """The state table has no such move. Facts: `state`, `verb`."""

    code = "illegal_move"
    title = "This cannot be done in the present state"


class AlreadyBusy(Refusal):
    code = "already_busy"
    title = "You already have an engagement running"


class NotYourTurn(Refusal):
    """This work waits for the end of other work. Facts: `after`, the engagement to finish first."""

    code = "not_your_turn"
    title = "Finish the engagement before this one first"


class AgendaConflict(Refusal):
    code = "agenda_conflict"
    title = "This overlaps something already on the agenda"


class NotOnDuty(Refusal):
    code = "not_on_duty"
    title = "Go on duty first"


class StillEngaged(Refusal):
    code = "still_engaged"
    title = "An engagement is still running"


class NotAProvider(Refusal):
    code = "not_a_provider"
    title = "Register as a provider first (PUT /v1/me/provider)"


class NotEligible(Refusal):
    """Facts: `reason` (a `matching.reasons.Reason` value)."""

    code = "not_eligible"
    title = "You are not eligible for this request"


class AlreadyProposed(Refusal):
    code = "already_proposed"
    title = "You already have a proposal on this request"


class CounterTwice(Refusal):
    code = "counter_twice"
    title = "A proposal can be countered once"


class WrongPin(Refusal):
    """Facts: `tries_left`."""

    code = "wrong_pin"
    title = "Wrong PIN"


class PinLocked(Refusal):
    """Facts: `retry_after_s`."""

    code = "pin_locked"
    title = "Too many wrong PINs; wait a minute"


class PaymentDeclined(Refusal):
    code = "payment_declined"
    title = "The payment was declined"


class PaymentPending(Refusal):
    code = "payment_pending"
    title = "The payment is not authorised yet"


class TooEarly(Refusal):
    """Facts: `not_before`."""

    code = "too_early"
    title = "It is too early for this"


class ReviewClosed(Refusal):
    code = "review_closed"
    title = "The time for reviews of this engagement is over"


class AlreadyReviewed(Refusal):
    code = "already_reviewed"
    title = "You have already reviewed this engagement"


class Unavailable(Refusal):
    """Something we depend on does not answer. Facts: `retry_after_s`."""

    code = "unavailable"
    title = "Not available right now; try again soon"


def every_refusal() -> list[type[Refusal]]:
    """All refusal classes, sorted by code: the edges prove their maps total against it."""
    found: list[type[Refusal]] = []
    queue: list[type[Refusal]] = [Refusal]
    while queue:
        here = queue.pop()
        found.append(here)
        queue.extend(here.__subclasses__())
    return sorted(found, key=lambda refusal: refusal.code)
