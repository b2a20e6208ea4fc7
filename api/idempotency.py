"""`Idempotency-Key` on HTTP. Every POST that creates or moves something takes `once: Once` and answers through it.

    @router.post("/v1/things", status_code=201, response_model=ThingOut, responses=problems(409))
    async def create(body: ThingIn, work: SignedIn, once: Once) -> Response:
        async def run() -> Mapping[str, Any]:
            return thing_view(await things.create_thing(work, body.name))

        return await once(ThingOut, run, status=201)

The key is optional; without one the deed simply runs. Refusals are not stored: a retry is judged afresh.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from api.context import Anybody
from domain.rules.errors import Invalid
from domain.usecases.idempotency import Answer, fingerprint, once
from domain.usecases.work import Work

LONGEST_KEY = 255

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Repeat a request safely: the same key and body give the first answer again.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]


class OnceOnly:
    """One request's key. Called with the answer's model and the deed."""

    def __init__(self, work: Work, key: str | None, operation: str, asked: str) -> None:
        self._work, self._key, self._operation, self._asked = work, key, operation, asked

    async def __call__(
        self,
        model: type[BaseModel],
        run: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        status: int = 200,
        account: UUID | None = None,
    ) -> Response:
        """Do it, or give the first answer again with `Idempotency-Replayed: true`.

        `account` owns the key where nobody has signed in yet; it is the actor's own otherwise.
        """

        async def answer() -> tuple[int, str]:
            return status, model.model_validate(await run()).model_dump_json()

        if self._key is None:
            given = Answer(*await answer())
        else:
            given = await once(self._work, self._operation, self._key, self._asked, answer, account=account)
        headers = {"Idempotency-Replayed": "true"} if given.replayed else {}
        return Response(given.body, given.status, headers=headers, media_type="application/json")


def read_key(text: str | None) -> str | None:
    """The key without the quotes of a structured field; `Invalid` when it is empty or too long."""
    if text is None:
        return None
    key = text.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid.field(
            "/Idempotency-Key",
            f"a key has 1 to {LONGEST_KEY} characters",
            f"une clé a de 1 à {LONGEST_KEY} caractères",
        )
    return key


async def _once(request: Request, work: Anybody, idempotency_key: Key = None) -> OnceOnly:
    key = read_key(idempotency_key)
    template = getattr(request.scope.get("route"), "path", request.url.path)
    raw = await request.body()
    try:
        asked = fingerprint(request.url.path, json.loads(raw) if raw else None)
    except (ValueError, RecursionError):  # no JSON, or deeper than the parser goes
        asked = fingerprint(request.url.path, raw.hex())
    return OnceOnly(work, key, f"{request.method} {template}", asked)


Once = Annotated[OnceOnly, Depends(_once, scope="function")]
