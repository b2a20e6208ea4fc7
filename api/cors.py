"""Pages of other origins that an operator names may call the API from a browser, as they may open a socket.

Of all others the browser keeps the answers to itself, as it does without a word from us: no header is sent then.
"""

from collections.abc import Collection
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
SENT: Final = ("Authorization", "Content-Type", "Idempotency-Key", "Traceparent", "X-Request-Id")
"""What a page may send beside what every page may."""
READ: Final = (
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
"""What its script may read of an answer's head."""
REMEMBERED_S: Final = 600  # how long a browser need not ask again


def welcome_pages(api: FastAPI, origins: Collection[str]) -> None:
    """Let pages of these origins in, with a token: there is no cookie that would come by itself."""
    if origins:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(origins),
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
            max_age=REMEMBERED_S,
        )
