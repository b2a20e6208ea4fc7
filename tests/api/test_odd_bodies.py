"""Bodies that are no body: whatever is sent to whichever route is a problem with a known code, and changes nothing.

Schemathesis sends what has the shape of a schema, or nearly; here is the rest: no JSON, deep JSON, JSON of another
kind, under a media type of another kind.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.app import ApiSettings, create_api
from api.limits import Rate
from api.problems import FRAMEWORK_CODES, PROBLEM_JSON, STATUSES
from domain.store.tables import Account, Base
from domain.usecases import identity
from domain.usecases.work import ENGINE, Actor, working
from tests.api.conftest import client_of
from tests.factories import PORT, a_posted_job, a_provider, a_round, put_at, the_offers_of
from tests.usecases.engaged import Town

JSON = "application/json"
LONGEST_ANSWER = 8_000  # bytes: twenty fields with their words, and no echo of what was sent
PLENTY = Rate(1e9, 10**9)
CHANGING = {"post", "put", "patch", "delete"}
EXAMPLES = 8  # of each; every one goes to every route in four people's names. Eighty have been tried


@dataclass(frozen=True)
class Route:
    """An operation of the document, with the ids of rows that are there."""

    method: str
    path: str
    fields: tuple[str, ...]  # that its body may have
    takes_a_body: bool
    may_go_without: bool


@dataclass(frozen=True)
class Scene:
    """Work under way, an offer that waits, a posted job; its people, and everything they may be asked to change."""

    engine: AsyncEngine
    people: dict[str, httpx.AsyncClient]
    routes: list[Route]

    async def rows(self) -> dict[str, str]:
        """A digest of every table."""
        digest = "SELECT '{0}', md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {0} t"
        whole = " UNION ALL ".join(digest.format(f'"{name}"') for name in Base.metadata.tables)
        async with self.engine.connect() as look:
            return {name: told for name, told in await look.execute(text(whole))}  # noqa: C416 - rows, not pairs


async def token(town: Town, actor: Actor) -> str:
    async with working(town.tools, ENGINE) as work:
        session = await identity._open_session(work, await work.db.get_one(Account, actor.id))
    return session.access_token


@pytest.fixture
async def scene(engine: AsyncEngine) -> AsyncIterator[Scene]:
    town = await Town.founded(engine)
    ids = {"engagement_id": str(await town.ride())}
    await a_posted_job(town.tools, town.customer)
    other = await a_provider(town.tools, ("ride-vtc",), name="Alix Vert")
    ids["request_id"] = str(await town.ask())
    town.clock.move(1)
    put_at(town.tools, other.id, PORT)
    await a_round(town.tools)
    (offer,) = await the_offers_of(town.tools, other)
    ids |= {
        "offer_id": offer["id"],
        "account_id": str(town.driver.id),
        "device_id": "pixel-8",
        "slug": "ride-vtc",
    }
    api = create_api(town.tools, ApiSettings(account=PLENTY, stranger=PLENTY, address=PLENTY, codes=PLENTY))
    who = {"customer": town.customer, "driver": town.driver, "other": other, "ops": town.staff}
    people = {name: client_of(api, await token(town, actor)) for name, actor in who.items()}
    yield Scene(engine, people, routes(api, ids))
    for client in people.values():
        await client.aclose()


def routes(api: FastAPI, ids: dict[str, str]) -> list[Route]:
    """Every operation that may change something."""
    document = api.openapi()
    found = []
    for path, operations in document["paths"].items():
        for method in operations.keys() & CHANGING:
            body = operations[method].get("requestBody")
            named = path.format_map(ids)
            schema = {} if body is None else body["content"][JSON]["schema"]
            bare = body is None or not body.get("required", False)
            found.append(Route(method.upper(), named, fields_of(document, schema), body is not None, bare))
    return sorted(found, key=lambda route: (route.path, route.method))


def fields_of(document: dict[str, Any], schema: dict[str, Any]) -> tuple[str, ...]:
    """The names of a body's fields, whichever of several kinds it is."""
    if "$ref" in schema:
        return fields_of(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    nested = (fields_of(document, choice) for choice in schema.get("anyOf", []))
    return tuple(sorted({*schema.get("properties", {}), *(name for names in nested for name in names)}))


def well_formed(answer: httpx.Response, told: str) -> None:
    """A problem as RFC 9457 and our table of codes have it."""
    assert answer.headers["content-type"] == PROBLEM_JSON, told
    problem = answer.json()
    for member, kind in {
        "type": str,
        "title": str,
        "detail": str,
        "code": str,
        "request_id": str,
        "status": int,
    }.items():
        assert isinstance(problem[member], kind), told
    expected = STATUSES.get(problem["code"]) or next(
        s for s, c in FRAMEWORK_CODES.items() if c == problem["code"]
    )
    assert problem["status"] == answer.status_code == expected, told
    assert problem["type"] == f"/problems/{problem['code']}", told
    assert problem["request_id"] == answer.headers["x-request-id"], told
    assert len(answer.content) <= LONGEST_ANSWER, told


@dataclass(frozen=True)
class Odd:
    """A body; `{field}` in it stands for a name the route knows."""

    content: bytes
    media: str = JSON

    def for_route(self, route: Route, number: int) -> bytes:
        if not route.fields:
            return self.content
        name = route.fields[number % len(route.fields)]
        return self.content.replace(b"{field}", name.encode())


def is_object(content: bytes) -> bool:
    """Whether it is JSON with an object on top: such a body may be right by chance."""
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


DEPTHS = st.sampled_from([5, 200, 990, 1_010, 20_000, 100_000])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
NO_OBJECT = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
).filter(lambda value: not isinstance(value, dict))
WRONG_VALUES = [
    *("[" * depth + "]" * depth for depth in (3, 900, 30_000)),
    *('{"a":' * depth + "1" + "}" * depth for depth in (900, 30_000)),
    "[NaN, -Infinity]",
    "[1e999999]",
    "[" + "9" * 5_000 + "]",
    '["\\ud800"]',
    '{"\\ud800": "\\udfff"}',
]
"""No field of ours is a list of these, and none that is an object has such members."""

JUNK = st.binary(max_size=60) | st.text(max_size=40).map(lambda words: words.encode("utf-8", "surrogatepass"))
BODIES = st.one_of(
    JUNK.filter(lambda content: not is_object(content)).map(Odd),
    NO_OBJECT.map(lambda value: Odd(json.dumps(value).encode())),
    DEPTHS.map(lambda depth: Odd(b"[" * depth + b"]" * depth)),
    DEPTHS.map(lambda depth: Odd(b"[" * depth)),
    st.sampled_from(WRONG_VALUES).map(lambda value: Odd(b'{"{field}": ' + value.encode() + b"}")),
    st.sampled_from(
        ["", "text/plain", "text/xml", "multipart/form-data", "application/x-www-form-urlencoded", "?"]
    ).map(lambda media: Odd(b"[]", media)),
)
odd = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def ask(client: httpx.AsyncClient, route: Route, content: bytes, media: str) -> httpx.Response:
    return await client.request(route.method, route.path, content=content, headers={"Content-Type": media})


@odd
@given(body=BODIES, number=st.integers(0, 20))
@example(body=Odd(b"[" * 100_000 + b"]" * 100_000), number=0)
@example(body=Odd(b'{"{field}": ["\\ud800"]}'), number=0)
async def test_a_body_that_is_none_is_a_problem_and_changes_nothing(scene: Scene, body: Odd, number: int):
    before = await scene.rows()
    for route in scene.routes:
        content = body.for_route(route, number)
        if not route.takes_a_body or (route.may_go_without and content.strip() in {b"", b"null"}):
            continue
        for name, client in scene.people.items():
            answer = await ask(client, route, content, body.media)
            told = f"{name}: {route.method} {route.path} {body.media} {content[:200]!r}: {answer.text[:300]}"
            assert 400 <= answer.status_code < 500, told
            well_formed(answer, told)
    assert await scene.rows() == before


@odd
@given(body=BODIES)
@example(body=Odd(b"[" * 100_000 + b"]" * 100_000))
@example(body=Odd(b'["\\ud800", NaN]'))
async def test_a_body_where_none_is_wanted_breaks_nothing(scene: Scene, body: Odd):
    for route in scene.routes:
        if route.takes_a_body:
            continue
        for name, client in scene.people.items():
            answer = await ask(client, route, body.content, body.media)
            told = f"{name}: {route.method} {route.path} {body.media} {body.content[:200]!r}: {answer.status_code}"
            assert answer.status_code < 500, told
            if answer.status_code >= 400:
                well_formed(answer, told)
