"""Signing in and out, and tickets for the socket.

These routes open transactions of their own: a wrong code is counted although it is refused, and an
`Authorization` header that has expired must not stop a refresh.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.context import SignedIn, ToolsOf
from api.languages import preferred_language
from api.limits import CodeLimit
from api.problems import problems
from api.schemas import NO_NUL, In, Out, ShortText
from domain.rules.errors import TokenReused
from domain.usecases import identity
from domain.usecases.work import Actor, Tools, working

router = APIRouter(tags=["who you are"])

Token = Annotated[str, Field(strict=True, min_length=1, max_length=8_000, pattern=NO_NUL)]
PHONE = "+33612345678"
SIGN_IN_WAYS = ("challenge_id", "firebase_id_token", "refresh_token")


class CodeAsked(In):
    phone: Annotated[str, Field(strict=True, min_length=3, max_length=40, pattern=NO_NUL, examples=[PHONE])]


class CodeSent(Out):
    """Where to send the code, and for how many seconds it holds."""

    challenge_id: UUID
    expires_in: int


class SignIn(In):
    """One of: `challenge_id` with `code`; `firebase_id_token`; `refresh_token`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"challenge_id": "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55", "code": "123456"}],
            "oneOf": [
                {"required": ["challenge_id", "code"]},
                {"required": ["firebase_id_token"], "not": {"required": ["code"]}},
                {"required": ["refresh_token"], "not": {"required": ["code"]}},
            ],
        }
    )

    challenge_id: UUID | None = None
    code: Annotated[str, Field(strict=True, pattern=r"^[0-9]{6}$")] | None = None
    firebase_id_token: Token | None = None
    refresh_token: Token | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "SignIn":
        ways = [name for name in SIGN_IN_WAYS if getattr(self, name) is not None]
        if len(ways) != 1:
            raise PydanticCustomError(
                "one_sign_in", "send one of challenge_id with code, firebase_id_token, refresh_token"
            )
        if (self.challenge_id is None) != (self.code is None):
            raise PydanticCustomError("half_a_code", "challenge_id and code come together")
        return self


class SignedInAs(Out):
    """Tokens: the access token goes into `Authorization: Bearer`; the refresh token is good once."""

    access_token: str
    refresh_token: str
    expires_in: int
    account_id: UUID
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name, not a secret


class SignOut(In):
    device_id: ShortText | None = None


class TicketOut(Out):
    """Good once, for `expires_in` seconds, in the socket's first frame."""

    ticket: str
    expires_in: int


def _stranger(request: Request) -> Actor:
    language = preferred_language(request.headers.get("accept-language", ""))
    return Actor(account_id=None, language=language or "fr")


@router.post("/v1/auth/otp", status_code=202, response_model=CodeSent, responses=problems(422))
async def ask_for_code(body: CodeAsked, request: Request, tools: ToolsOf) -> CodeSent:
    """Have a six-digit code sent to a phone."""
    limit: CodeLimit = request.app.state.codes
    limit.pass_or_refuse(request.scope)
    async with working(tools, _stranger(request)) as work:
        challenge = await identity.send_code(work, body.phone)
    return CodeSent(challenge_id=challenge.id, expires_in=tools.knobs.otp_ttl)


@router.post("/v1/auth/token", response_model=SignedInAs, responses=problems(401, 403, 410))
async def sign_in(body: SignIn, request: Request, response: Response, tools: ToolsOf) -> Mapping[str, Any]:
    """Trade a code, a Firebase token or a refresh token for tokens. Five wrong codes end a challenge."""
    response.headers["Cache-Control"] = "no-store"
    return asdict(await _session(tools, _stranger(request), body))


async def _session(tools: Tools, stranger: Actor, body: SignIn) -> identity.Session:
    if body.refresh_token is not None:
        return await _refreshed(tools, stranger, body.refresh_token)
    if body.firebase_id_token is not None:
        async with working(tools, stranger) as work:
            return await identity.sign_in_with_firebase(work, body.firebase_id_token)
    assert body.challenge_id is not None
    assert body.code is not None
    async with working(tools, stranger) as work:
        challenge = await identity.take_a_try(work, body.challenge_id)
    async with working(tools, stranger) as work:
        return await identity.sign_in_with_code(work, challenge, body.code)


async def _refreshed(tools: Tools, stranger: Actor, token: str) -> identity.Session:
    try:
        async with working(tools, stranger) as work:
            return await identity.refresh(work, token)
    except TokenReused:
        async with working(tools, stranger) as work:
            await identity.end_reused_family(work, token)
        raise


@router.post("/v1/auth/logout", status_code=204, response_class=Response)
async def sign_out(work: SignedIn, body: SignOut | None = None) -> None:
    """End this sign-in at once, and stop pushes to the device when it is named."""
    await identity.sign_out(work, body.device_id if body else None)


@router.post("/v1/ws/tickets", status_code=201, response_model=TicketOut)
async def ticket(work: SignedIn, response: Response) -> Mapping[str, Any]:
    """A single-use ticket for a browser's socket."""
    response.headers["Cache-Control"] = "no-store"
    return asdict(await identity.issue_ticket(work))
