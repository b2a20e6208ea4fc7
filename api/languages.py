"""Which of our languages a reader asks for."""

import re

from starlette.datastructures import Headers

LANGUAGES = ("fr", "en")


def preferred_language(header: str) -> str | None:
    """The best of our languages in an `Accept-Language` header; `None` when it names none of them."""
    best, weight = None, 0.0
    for part in header[:200].split(","):
        name, _, params = part.strip().partition(";")
        found = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", params)
        q = float(found.group(1)) if found else 1.0
        language = name.strip().lower().partition("-")[0]
        if language in LANGUAGES and q > weight:
            best, weight = language, q
    return best


def language_of(headers: Headers) -> str:
    """The language to refuse in: what the reader asked for, else English."""
    return preferred_language(headers.get("accept-language", "")) or "en"
