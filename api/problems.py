"""Refusals as RFC 9457 problems. One map from codes to statuses, proved total by a test.

A route says which problems it may answer with `responses=problems(404, 409)`; those every route shares
(401, 403, 413, 422, 429) are documented for all by `api.openapi`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException

from api.field_words import words_of
from api.languages import language_of
from domain.rules.errors import Invalid, NotFound, Refusal, TooMany
from domain.rules.titles import detail_of, errors_of, title_of

PROBLEM_JSON: Final = "application/problem+json"
MOST_ERRORS: Final = 20  # of one body: enough to mend a form, not an echo of a hostile one
LONGEST_DETAIL: Final = 300

STATUSES: Final[Mapping[str, int]] = {
    "account_suspended": 403,
    "agenda_conflict": 409,
    "already_busy": 409,
    "already_proposed": 409,
    "already_reviewed": 409,
    "challenge_over": 410,
    "counter_twice": 409,
    "forbidden": 403,
    "idempotency_mismatch": 422,
    "illegal_move": 409,
    "invalid": 422,
    "lost_race": 409,
    "not_a_provider": 409,
    "not_eligible": 403,
    "not_found": 404,
    "not_on_duty": 409,
    "not_your_turn": 409,
    "offer_expired": 410,
    "outside_service_area": 422,
    "payment_declined": 402,
    "payment_pending": 409,
    "pickup_restricted": 422,
    "pin_locked": 429,
    "quote_expired": 410,
    "quote_forged": 422,
    "quote_used": 409,
    "refused": 409,
    "regime_violation": 422,
    "review_closed": 409,
    "slug_taken": 409,
    "still_engaged": 409,
    "stops_too_far": 422,
    "token_expired": 401,
    "token_invalid": 401,
    "token_reused": 401,
    "too_early": 409,
    "too_many_requests": 429,
    "unauthenticated": 401,
    "unavailable": 503,
    "unknown_market": 422,
    "unknown_service": 422,
    "wrong_code": 401,
    "wrong_pin": 403,
}

# What the framework refuses before any of our code runs.
FRAMEWORK_CODES: Final[Mapping[int, str]] = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    412: "precondition_failed",
    413: "body_too_large",
    415: "unsupported_media_type",
    428: "precondition_required",
}

FRENCH_PHRASES: Final[Mapping[int, str]] = {
    400: "Requête mal formée",
    405: "Méthode non permise ici",
    408: "Requête trop lente",
    412: "La ressource a changé entre-temps",
    413: "Contenu trop grand",
    415: "Type de contenu non accepté",
    428: "Un en-tête If-Match est demandé",
}

RENAMED: Final[Mapping[int, str]] = {413: "Content Too Large", 422: "Unprocessable Content"}


def phrase(status: int) -> str:
    """What RFC 9110 calls a status, on every Python: before 3.13 two had their older names."""
    return RENAMED.get(status) or HTTPStatus(status).phrase


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: these statuses carry a `Problem`."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {status: {"description": phrase(status), "content": {PROBLEM_JSON: schema}} for status in statuses}


def body_of(
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    request_id: str,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A problem as JSON-ready data. The socket's `failed` frames carry the same."""
    return {
        **(facts or {}),
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail[:LONGEST_DETAIL],
        "code": code,
        "request_id": request_id,
    }


def problem_response(body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A problem as an answer. Never cached; 401 says how to sign in, as RFC 9110 asks."""
    status = int(body["status"])
    extra = {"Cache-Control": "no-store", **(headers or {})}
    if status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = "Bearer"
    if "retry_after_s" in body:
        extra["Retry-After"] = str(max(1, math.ceil(float(body["retry_after_s"]))))
    text = json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace")
    return Response(text, status, headers=extra, media_type=PROBLEM_JSON)


def refusal_body(refusal: Refusal, request_id: str, language: str = "en") -> dict[str, Any]:
    """A refusal of the house as a problem, in the reader's language."""
    facts, status = dict(refusal.facts), STATUSES[refusal.code]
    if isinstance(refusal, TooMany) and "policy" in facts:
        facts["violated-policies"] = [facts["policy"]]
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        facts["errors"] = errors_of(refusal, language)
    return body_of(
        status=status,
        code=refusal.code,
        title=title_of(refusal, language),
        detail=detail_of(refusal, language),
        request_id=request_id,
        facts=facts,
    )


def request_id_of(request: Request) -> str:
    """The id the outer layer gave this request; it is in the answer's `X-Request-Id` and in the log."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def pointer_of(location: Sequence[int | str]) -> str:
    """`("body", "stops", 0, "lat")` as `/stops/0/lat` (RFC 6901); a parameter of the query has no inside."""
    if location[:1] == ("query",):
        location = location[:2]
    words = [str(part).replace("~", "~0").replace("/", "~1") for part in location[1:]]
    return "".join(f"/{word[:60]}" for word in words)


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return problem_response(refusal_body(refusal, request_id_of(request), language_of(request.headers)))


async def _invalid(request: Request, wrong: Exception) -> Response:
    """Per-field errors; the values themselves are not sent back.

    A malformed id in a path is a 404; a name there that the client itself gives (`PUT`) is told what it may be.
    """
    assert isinstance(wrong, RequestValidationError)
    found = wrong.errors()[:MOST_ERRORS]
    named = request.method == "PUT"
    if any(
        error["loc"][:1] == ("path",) and not (named and error["type"].startswith("string_"))
        for error in found
    ):
        return await _refused(request, NotFound())
    language = language_of(request.headers)
    errors = [
        {
            "pointer": "" if error["type"] == "json_invalid" else pointer_of(error["loc"]),
            "detail": words_of(error, language)[:LONGEST_DETAIL],
        }
        for error in found
    ]
    first = " ".join(filter(None, errors[0].values())) if errors else ""
    return await _refused(request, Invalid(first, french=first, errors=errors))


async def _by_framework(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    if isinstance(wrong.__cause__, RecursionError):  # a body nested deeper than the parser goes
        return await _refused(request, Invalid.field("", "not JSON", "ce n'est pas du JSON"))
    if wrong.status_code == HTTPStatus.NOT_FOUND:
        return await _refused(request, NotFound(wrong.detail if wrong.detail != phrase(404) else ""))
    headers = dict(wrong.headers or {})
    if wrong.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_at(request))) or headers.get("Allow", "")
    return _of_framework(request, wrong.status_code, str(wrong.detail), headers)


def _methods_at(request: Request) -> set[str]:
    """What the path does take: the framework names the methods of the first route that has it, we name all."""
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        pattern = getattr(route, "path_regex", None)
        if route.methods and pattern is not None and pattern.match(request.url.path):
            found |= route.methods
    return found | {"HEAD"} if "GET" in found else found


def _of_framework(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    language = language_of(request.headers)
    return problem_response(framework_body(status, detail, request_id_of(request), language), headers)


def framework_body(status: int, detail: str, request_id: str, language: str = "en") -> dict[str, Any]:
    """What is no refusal of ours, but of the HTTP under it, as a problem."""
    french = FRENCH_PHRASES.get(status) if language == "fr" else None
    return body_of(
        status=status,
        code=FRAMEWORK_CODES.get(status, "refused"),
        title=french or phrase(status),
        detail=french or detail,
        request_id=request_id,
    )


def install(api: FastAPI) -> None:
    """Answer every refusal with a problem. What is left (a bug) is answered by `api.frame` with a 500."""
    api.add_exception_handler(Refusal, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _by_framework)
