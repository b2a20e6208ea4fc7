"""Who may what, as tables: kinds of routes, exceptions, channels and commands, each against everybody."""

PUBLIC = "public"  # anybody, signed in or not; nothing about a person
SIGN_IN = "sign-in"  # anybody, and refused for what it carries
OWN = "own"  # whoever is signed in, and only what is his
PARTIES = "parties"  # those it concerns; to others it is not there
OPS = "ops"  # staff

EXPECTED: dict[tuple[str, str], str] = {
    ("get", "/healthz"): PUBLIC,
    ("get", "/readyz"): PUBLIC,
    ("get", "/metrics"): PUBLIC,
    ("get", "/v1/markets"): PUBLIC,
    ("get", "/v1/services"): PUBLIC,
    ("get", "/v1/shared/{token}"): PUBLIC,
    ("post", "/v1/auth/otp"): PUBLIC,
    ("post", "/v1/auth/token"): SIGN_IN,
    ("post", "/v1/psp/webhook"): SIGN_IN,
    ("get", "/v1/dev/outbox"): PUBLIC,
    ("post", "/v1/dev/ops"): PUBLIC,
    ("post", "/v1/auth/logout"): OWN,
    ("post", "/v1/ws/tickets"): OWN,
    ("get", "/v1/me"): OWN,
    ("patch", "/v1/me"): OWN,
    ("get", "/v1/me/provider"): OWN,
    ("put", "/v1/me/provider"): OWN,
    ("put", "/v1/me/devices/{device_id}"): OWN,
    ("delete", "/v1/me/devices/{device_id}"): OWN,
    ("get", "/v1/me/duty"): OWN,
    ("put", "/v1/me/duty"): OWN,
    ("post", "/v1/me/positions"): OWN,
    ("get", "/v1/me/events"): OWN,
    ("get", "/v1/me/offers"): OWN,
    ("get", "/v1/me/calls"): OWN,
    ("get", "/v1/me/requests"): OWN,
    ("get", "/v1/me/engagements"): OWN,
    ("get", "/v1/me/suggestions"): OWN,
    ("get", "/v1/me/blocks"): OWN,
    ("put", "/v1/me/blocks/{account_id}"): OWN,
    ("delete", "/v1/me/blocks/{account_id}"): OWN,
    ("get", "/v1/me/payments"): OWN,
    ("get", "/v1/me/earnings"): OWN,
    ("post", "/v1/quotes"): OWN,
    ("post", "/v1/requests"): OWN,
    ("get", "/v1/accounts/{account_id}/profile"): OWN,
    ("get", "/v1/requests/{request_id}"): PARTIES,
    ("post", "/v1/requests/{request_id}/cancel"): PARTIES,
    ("post", "/v1/requests/{request_id}/pay"): PARTIES,
    ("get", "/v1/requests/{request_id}/why-not-me"): PARTIES,
    ("get", "/v1/requests/{request_id}/offers"): PARTIES,
    ("post", "/v1/requests/{request_id}/offers"): PARTIES,
    ("post", "/v1/offers/{offer_id}/accept"): PARTIES,
    ("post", "/v1/offers/{offer_id}/decline"): PARTIES,
    ("post", "/v1/offers/{offer_id}/withdraw"): PARTIES,
    ("post", "/v1/offers/{offer_id}/counter"): PARTIES,
    ("get", "/v1/offers/{offer_id}/why"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/actions"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/tip"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/timeline"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/track"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/messages"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/messages"): PARTIES,
    ("get", "/v1/engagements/{engagement_id}/reviews"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/reviews"): PARTIES,
    ("post", "/v1/engagements/{engagement_id}/share"): PARTIES,
    ("post", "/v1/ops/services"): OPS,
    ("put", "/v1/ops/services/{slug}"): OPS,
    ("get", "/v1/ops/engagements"): OPS,
    ("post", "/v1/ops/engagements/{engagement_id}/reassign"): OPS,
    ("post", "/v1/ops/engagements/{engagement_id}/refund"): OPS,
    ("get", "/v1/ops/exceptions"): OPS,
    ("get", "/v1/ops/markets/{slug}/calibration"): OPS,
    ("get", "/v1/ops/ledger"): OPS,
    ("get", "/v1/ops/ledger/check"): OPS,
    ("get", "/v1/ops/rounds"): OPS,
    ("get", "/v1/ops/requests/{request_id}/rounds"): OPS,
    ("post", "/v1/ops/tours"): OPS,
    ("post", "/v1/ops/accounts/{account_id}/suspend"): OPS,
    ("post", "/v1/ops/accounts/{account_id}/unsuspend"): OPS,
}
SPENDS_THE_TOKEN = {"/v1/auth/logout"}

WHO = (
    "nobody", "a forger", "another customer", "another driver", "the driver who lost",
    "its customer", "its driver", "ops",
)  # fmt: skip
SIGNED_IN, PARTICULAR = WHO[2:], WHO[5:]

# What each may get. `answers`: anything but 401, 403 (it is told no for what it asks, not for who it is);
# `shown`: the answer, or that the token it came with is bad; `theirs`: anything but 401, 403 and 404;
# a status and a code: exactly that refusal.
ANSWERS, SHOWN, THEIRS = "answers", "shown", "theirs"
NO_TOKEN, BAD_TOKEN = "401 unauthenticated", "401 token_invalid"
NOT_THERE, NOT_FOR_YOU = "404 not_found", "403 forbidden"

STRANGERS = {"another customer": NOT_THERE, "another driver": NOT_THERE, "the driver who lost": NOT_THERE}
VERDICTS: dict[str, dict[str, str]] = {
    PUBLIC: {"nobody": ANSWERS, "a forger": SHOWN, **dict.fromkeys(SIGNED_IN, ANSWERS)},
    SIGN_IN: {"nobody": "refused", "a forger": "refused", **dict.fromkeys(SIGNED_IN, "refused")},
    OWN: {"nobody": NO_TOKEN, "a forger": BAD_TOKEN, **dict.fromkeys(SIGNED_IN, ANSWERS)},
    PARTIES: {"nobody": NO_TOKEN, "a forger": BAD_TOKEN, **dict.fromkeys(SIGNED_IN, THEIRS), **STRANGERS},
    OPS: {"nobody": NO_TOKEN, "a forger": BAD_TOKEN, **dict.fromkeys(SIGNED_IN, NOT_FOR_YOU), "ops": ANSWERS},
}
# Where one person differs from the rule of the route's kind.
EXCEPTIONS: dict[tuple[str, str, str], str] = {
    # The driver who lost was asked for this ride: its request, and why not he, are his to read.
    ("get", "/v1/requests/{request_id}", "the driver who lost"): THEIRS,
    ("get", "/v1/requests/{request_id}/why-not-me", "the driver who lost"): THEIRS,
    ("post", "/v1/requests/{request_id}/offers", "the driver who lost"): "409 lost_race",
    # What is the driver's alone. That it is not there for the customer tells him nothing he did not know.
    ("post", "/v1/requests/{request_id}/offers", "its customer"): NOT_THERE,
    ("get", "/v1/requests/{request_id}/why-not-me", "its customer"): NOT_THERE,
    ("post", "/v1/offers/{offer_id}/accept", "its customer"): NOT_THERE,
    ("post", "/v1/offers/{offer_id}/decline", "its customer"): NOT_THERE,
    ("post", "/v1/offers/{offer_id}/withdraw", "its customer"): NOT_THERE,
    ("post", "/v1/offers/{offer_id}/counter", "its customer"): NOT_THERE,
    ("get", "/v1/offers/{offer_id}/why", "its customer"): NOT_THERE,
    # What is the customer's alone, or the author's of an offer (the engine, here).
    ("get", "/v1/requests/{request_id}/offers", "its driver"): NOT_THERE,
    ("post", "/v1/requests/{request_id}/cancel", "its driver"): NOT_THERE,
    ("post", "/v1/requests/{request_id}/pay", "its driver"): NOT_THERE,
    ("post", "/v1/engagements/{engagement_id}/tip", "its driver"): NOT_FOR_YOU,
    ("post", "/v1/offers/{offer_id}/withdraw", "its driver"): NOT_FOR_YOU,
    ("post", "/v1/offers/{offer_id}/counter", "its driver"): NOT_FOR_YOU,
    # Staff read everything, and speak for nobody.
    ("post", "/v1/requests/{request_id}/offers", "ops"): NOT_THERE,
    ("get", "/v1/requests/{request_id}/why-not-me", "ops"): NOT_THERE,
    ("post", "/v1/requests/{request_id}/pay", "ops"): NOT_FOR_YOU,
    ("post", "/v1/offers/{offer_id}/accept", "ops"): NOT_FOR_YOU,
    ("post", "/v1/offers/{offer_id}/decline", "ops"): NOT_FOR_YOU,
    ("post", "/v1/offers/{offer_id}/withdraw", "ops"): NOT_FOR_YOU,
    ("post", "/v1/offers/{offer_id}/counter", "ops"): NOT_FOR_YOU,
    ("post", "/v1/engagements/{engagement_id}/tip", "ops"): NOT_FOR_YOU,
    ("post", "/v1/engagements/{engagement_id}/messages", "ops"): NOT_FOR_YOU,
    ("post", "/v1/engagements/{engagement_id}/reviews", "ops"): NOT_FOR_YOU,
    ("post", "/v1/engagements/{engagement_id}/share", "ops"): NOT_FOR_YOU,
}

# Channels of the socket, by kind, and commands, by name: `ok`, or the code of the problem. Without a good token
# there is no talk to send either in.
FOLLOWED = "ok"
CHANNELS: dict[str, dict[str, str]] = {
    "engagement": {
        "another customer": "not_found",
        "another driver": "not_found",
        "the driver who lost": "not_found",
        "its customer": FOLLOWED,
        "its driver": FOLLOWED,
        "ops": FOLLOWED,
    },
    "map": {**dict.fromkeys(SIGNED_IN, "forbidden"), "ops": FOLLOWED},
}
_OF_ITS_DRIVER = {**dict.fromkeys(SIGNED_IN, "not_found"), "ops": "forbidden"}
COMMANDS: dict[str, dict[str, str]] = {
    "offer.accept": {**_OF_ITS_DRIVER, "its driver": FOLLOWED},  # said again, it is true again
    "offer.decline": {**_OF_ITS_DRIVER, "its driver": "illegal_move"},
    "offer.withdraw": {**_OF_ITS_DRIVER, "its driver": "forbidden"},
    "offer.counter": {**_OF_ITS_DRIVER, "its driver": "forbidden"},
    "message.send": {
        **dict.fromkeys(SIGNED_IN, "not_found"),
        "its customer": FOLLOWED,
        "its driver": FOLLOWED,
        "ops": "forbidden",
    },
    "duty.set": {
        "another customer": "not_a_provider",
        "another driver": FOLLOWED,
        "the driver who lost": FOLLOWED,
        "its customer": "not_a_provider",
        "its driver": FOLLOWED,
        "ops": "not_a_provider",
    },
    "engagement.action": {
        **dict.fromkeys(SIGNED_IN, "not_found"),
        "its customer": "forbidden",
        "its driver": "illegal_move",  # as asked: it has arrived and begun
        "ops": "illegal_move",  # staff may act for either side
    },
    "request.pay": {
        **dict.fromkeys(SIGNED_IN, "not_found"),
        "its customer": FOLLOWED,  # paid already: paying twice is paying once
        "ops": "forbidden",
    },
    "request.cancel": {**dict.fromkeys(SIGNED_IN, "not_found"), "its customer": FOLLOWED, "ops": FOLLOWED},
}
