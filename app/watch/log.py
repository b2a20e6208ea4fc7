"""How the log is written: one object a line for machines, one line of words for a human; secrets in neither.

What must not stand in a log is kept out where it is written (`api.frame`, the use cases). The sieve here is the second
lock on that door: it takes out what has the shape of a token, a phone number or a key, whoever wrote it.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

from api.frame import current_request

PACKAGES: Final = (
    "uvicorn",
    "websockets",
    "httpx",
    "httpcore",
    "nats",
    "sqlalchemy",
    "asyncio",
    "google",
    "opentelemetry",
    "urllib3",
)
"""Other people's packages speak from warnings up, whatever our level: at debug they print what they carry."""

HIDDEN: Final = "[…]"
SHAPES: Final = (
    re.compile(r"\+\d{6,15}\b"),  # a phone number (E.164)
    re.compile(r"(?i)\bbearer\s+\S+"),
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+)*"),  # a JSON web token
    re.compile(r"(?i)(?<=[?&])(?:token|ticket|to|code)=[^&\s\"']+"),
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),  # user and password in a URL
    re.compile(r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d)[\w-]{24,}(?![\w-])"),  # a random secret
)


def sifted(text: str) -> str:
    """The text without what has the shape of a secret or of a phone number."""
    for shape in SHAPES:
        text = shape.sub(HIDDEN, text)
    return text


class Words(logging.Formatter):
    """A line a human reads."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return sifted(super().format(record))


class Objects(logging.Formatter):
    """A JSON object a line: `at`, `level`, `logger`, `message`; `request_id` and an error's `trace` if there."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": sifted(record.getMessage()),
        }
        request = getattr(record, "request_id", "")
        if request:
            told["request_id"] = request
        if record.exc_info:
            told["trace"] = sifted(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)


def _with_request(record: logging.LogRecord) -> bool:
    record.request_id = current_request.get()
    return True


def set_up(*, level: str, form: str | None, stream: TextIO | None = None) -> None:
    """Have the log written to `stream` (stderr), as objects unless it is a terminal or `form` says otherwise."""
    out = sys.stderr if stream is None else stream
    chosen = form or ("text" if out.isatty() else "json")
    handler = logging.StreamHandler(out)
    handler.addFilter(_with_request)
    handler.setFormatter(Objects() if chosen == "json" else Words())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for package in PACKAGES:
        logging.getLogger(package).setLevel(max(logging.WARNING, root.level))
