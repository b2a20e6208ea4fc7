"""A refusal on the socket is the problem that HTTP would answer, in the reader's language."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.rules.errors import Refusal
from domain.rules.titles import detail_of, errors_of, title_of

ProblemOf = Callable[[Refusal, str], Mapping[str, Any]]


def plain_problem(refusal: Refusal, language: str) -> dict[str, Any]:
    """A refusal as a problem without an HTTP status; `app` passes the one the HTTP API answers with."""
    told = {"errors": errors_of(refusal, language)} if "errors" in refusal.facts else {}
    return {
        **refusal.facts,
        **told,
        "type": f"/problems/{refusal.code}",
        "title": title_of(refusal, language),
        "detail": detail_of(refusal, language),
        "code": refusal.code,
    }
