"""What the generated tables say of each name. A name without words, or words without a name, fails a test."""

from collections.abc import Mapping
from typing import Final

from domain.rules.events import EventType

SETTINGS: Final[Mapping[str, str]] = {
    "environment": "`development` or `production`; only development has `/v1/dev/…` and founds the demo market",
    "database_url": "your PostgreSQL with PostGIS (`postgresql://…`); without it a private one runs on a Unix socket",
    "nats_url": "the bus between processes; without it everything runs in one process",
    "osrm_url": "an OSRM server with the car profile, for travel times before the street graph's: `http://127.0.0.1:5000`",
    "secret": "32 random characters or more; needed in production, else made once and kept beside the data (0600)",
    "firebase_credentials": "a service account's key file: verifies Firebase ID tokens and sends pushes over FCM",
    "fcm_url": "another address than Google's, for a proxy or a rehearsal",
    "metrics_host": "where `dispatch` and `relay` answer `/healthz`, `/readyz`, `/metrics` (`api`: on its address)",
    "metrics_port": "its port (`--metrics-port` too); 0 takes a free one and says which",
    "otlp": "a collector of traces, by OTLP over HTTP: `http://127.0.0.1:4318` (or `OTEL_EXPORTER_OTLP_ENDPOINT`)",
    "otlp_share": "the share of traces that is kept, 0 to 1; the same ones in every process",
    "origins": "whose pages may call the API and open a socket, besides our own: `https://app.example https://…`",
    "log_format": "`json` (a line, an object) or `text`; json unless stderr is a terminal",
    "log_level": "`debug`, `info` (a line for each request), `warning` or `error`",
    "fastest_mps": "m/s; a fix that implies a faster leap is refused (`up --speed` raises it by itself)",
    "account_per_s": "requests a second that come back to one account's bucket",
    "account_burst": "requests one account may make at once",
    "address_per_s": "the same for callers who have not signed in, per network address",
    "address_burst": "the same for callers who have not signed in, per network address",
}

KNOBS: Final[Mapping[str, str]] = {
    "otp_ttl": "s a one-time code is valid",
    "otp_tries": "wrong codes that end a challenge",
    "otp_per_phone": "codes a phone may be sent in ten minutes",
    "access_ttl": "s an access token is valid",
    "refresh_ttl": "s a sign-in lasts without being used",
    "ticket_ttl": "s a socket ticket is valid",
    "quote_ttl": "s a quote holds",
    "request_patience": "nothing reads it yet: a service's `dispatch.patience_s` decides",
    "call_patience": "nothing reads it yet: a service's `call.patience_s` decides",
    "proposal_ttl": "nothing reads it yet: a service's `call.proposal_ttl_s` decides",
    "review_window": "s after the end in which reviews are written; then sealed ones open",
    "auto_confirm": "s of the customer's silence that count as a yes, at most (a service may say less)",
    "track_kept": "s a track is kept after the end",
    "events_kept": "s an account's events are kept for clients that resume",
    "no_show_after": "s of waiting before a no-show may be declared",
    "scheduled_lead": "s before its start that a scheduled request is first sought (until its start and a patience)",
    "psp_timeout": "s the payment service is waited for",
    "round_window": "s between the rounds of a busy market",
}

EVENTS: Final[Mapping[EventType, str]] = {
    EventType.OFFER_CREATED: "who must answer: the provider (the engine's offer, a counter), the customer (a proposal)",
    EventType.OFFER_WITHDRAWN: "whom it was put to; `reason` says why (`other_won`, `request_over`, `by_author` …)",
    EventType.OFFER_EXPIRED: "whom it was put to, and its author if a person made it",
    EventType.OFFER_DECLINED: "its author, if a person made it",
    EventType.REQUEST_POSTED: "providers a posted job concerns",
    EventType.REQUEST_MATCHED: "the customer; a posted job: the others who heard of it, without whose it is",
    EventType.REQUEST_REOPENED: "the customer: the provider dropped out, the search goes on",
    EventType.REQUEST_EXPIRED: "the customer, with why and the honest next best; who heard of a posted job",
    EventType.REQUEST_CANCELLED: "the customer; who heard of a posted job",
    EventType.ENGAGEMENT_CONFIRMED: "both; the customer's copy holds the PIN",
    EventType.ENGAGEMENT_PROMOTED: "both: the trip it waited for is over; the provider is theirs from now on, "
    "and is told by whose deed (`promoted_by`)",
    EventType.ENGAGEMENT_EN_ROUTE: "both",
    EventType.ENGAGEMENT_ARRIVED: "both",
    EventType.ENGAGEMENT_STARTED: "both",
    EventType.ENGAGEMENT_COMPLETED: "both",
    EventType.ENGAGEMENT_CANCELLED: "both",
    EventType.ENGAGEMENT_NO_SHOW: "both",
    EventType.ENGAGEMENT_DISPUTED: "both",
    EventType.ENGAGEMENT_REMINDER: "both: an agreed hour is near",
    EventType.MESSAGE_CREATED: "the other party",
    EventType.PAYMENT_AUTHORISED: "the customer; the provider where work was waiting for it",
    EventType.PAYMENT_FAILED: "the customer, with why and whether to pay again; the provider bound to the work",
    EventType.PAYMENT_CAPTURED: "the customer (what was taken) and the provider (what they get)",
    EventType.PAYMENT_RELEASED: "the customer",
    EventType.PAYMENT_REFUNDED: "the customer and the provider",
    EventType.REVIEW_PUBLISHED: "both",
    EventType.DUTY_CHANGED: "the provider",
}

POLICY: Final[Mapping[str, str]] = {
    "nobody_s": "s; the price of offering a request to nobody this round, never under the approach it allows",
    "age_weight": "s per s: how much dearer leaving a request alone gets for each second it has waited",
    "wave_reach_s": "s of approach each wave looks out to",
    "wave_every_s": "s; not used while waves are each service's own",
    "fairness_s": "s per standard deviation of income per active hour; a market may set its own, 0: switched off",
    "fairness_cap": "standard deviations at which the fairness term is cut off",
    "anticipation": "s per second of earning that a trip brings beyond what it takes; 0: switched off",
    "anticipation_cap_s": "s at which the anticipation term is cut off, for or against",
    "agenda_buffer_s": "s kept free before the provider's next booked job where the way to it is not known",
    "leave_s": "s to take leave, before the way to the next booked job begins",
}

WEIGHTS: Final[Mapping[str, str]] = {
    "travel": "per ln(1 + travel / 10 min); less is better",
    "skill": "per unit of skill match in [0, 1]",
    "rating": "per standard deviation of ratings, less one of doubt",
    "price": "per ln(price / median price); less is better",
    "experience": "per ln(1 + finished jobs of the kind)",
    "responsiveness": "per ln(share of counter-offers answered / a half); a no counts as a yes does",
    "newcomer": "at most, for people shown fewer than `newcomer_shown` times",
    "exposure": "at most, and only among near-equals: towards equal showings",
    "near_equal": "utility within which people count as near-equals",
    "newcomer_shown": "showings after which nobody is a newcomer any more",
    "travel_scale_s": "s; the ten minutes above",
    "reply_half_life_s": "s of median reply time that take an answer's worth half-way from 1 to its least, 1/2",
    "rating_mean": "stars everybody's average starts from where the category has no review yet",
    "rating_sd": "stars between providers",
    "rating_noise": "stars between the reviews of one provider",
}
