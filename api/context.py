"""What a route is given: one transaction with its actor, the language, the tools.

How to write a route (see `api/idempotency.py` for POSTs):

    router = APIRouter(tags=["things"])

    @router.get("/v1/things/{thing_id}", response_model=ThingOut, responses=problems(404))
    async def read(thing_id: RowId, work: SignedIn) -> Mapping[str, Any]:
        return thing_view(await things.read_thing(work, thing_id))

- `SignedIn` needs a bearer token (401), `OpsOnly` an ops account too (403); `Anybody` needs neither, but
  knows the actor when a good token is sent (with an old one they are a stranger). All three are the request's
  one `Work`.
- Never commit, never catch a `Refusal`: the transaction commits when the route returns, before the answer
  leaves, and rolls back on any exception. An answer that was sent is an answer that is stored.
- `work.actor.language` is what `Accept-Language` asked for, else the account's own.
- A dependency is `async` even where it awaits nothing: FastAPI sends a plain function to a thread, which costs more
  than most of them do.
- Append the router to `ROUTERS` in `api/app.py`.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.bearer import bearer_of, remember_bearer
from api.languages import preferred_language
from domain.rules.errors import Refusal
from domain.rules.tokens import Claims
from domain.usecases import identity
from domain.usecases.access import require_account, require_ops
from domain.usecases.work import NOBODY, Tools, Work, working

bearer = HTTPBearer(
    auto_error=False, description="An access token of POST /v1/auth/token.", scheme_name="bearer"
)


def tools_of(request: Request) -> Tools:
    """The house's means, for routes that open transactions of their own."""
    tools: Tools = request.app.state.tools
    return tools


async def transaction(request: Request) -> AsyncIterator[Work]:
    """The request's one transaction, committed when the route has returned."""
    async with working(tools_of(request), NOBODY) as work:
        claims = bearer_of(request.scope)
        if isinstance(claims, Claims):
            try:
                work.actor = await identity.actor_of(work, claims)
            except Refusal as refusal:
                remember_bearer(request.scope, refusal)
        language = preferred_language(request.headers.get("accept-language", ""))
        if language:
            work.actor = replace(work.actor, language=language)
        yield work


Anybody = Annotated[Work, Depends(transaction, scope="function")]


async def signed_in(request: Request, work: Anybody, _scheme: Annotated[object, Depends(bearer)]) -> Work:
    """A transaction of somebody who has signed in."""
    found = bearer_of(request.scope)
    if isinstance(found, Refusal):
        raise found
    require_account(work.actor)
    return work


SignedIn = Annotated[Work, Depends(signed_in, scope="function")]


async def ops_only(work: SignedIn) -> Work:
    """A transaction of a member of the ops staff."""
    require_ops(work.actor)
    return work


OpsOnly = Annotated[Work, Depends(ops_only, scope="function")]


async def _tools(request: Request) -> Tools:
    return tools_of(request)


ToolsOf = Annotated[Tools, Depends(_tools)]
