"""One key, one deed."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Response
from pydantic import Field
from sqlalchemy import func, select

from api.context import SignedIn
from api.idempotency import Once, read_key
from api.schemas import In, Out
from domain.rules.errors import AlreadyBusy, IdempotencyMismatch, Invalid
from domain.store.tables import Erasure, IdempotencyKey
from domain.usecases.idempotency import as_text, fingerprint, once
from domain.usecases.work import Tools, working
from tests.factories import an_account

KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


class NoteIn(In):
    words: str
    refuse: bool = False


class NoteOut(Out):
    id: str
    words: str
    count: Annotated[int, Field(ge=0)]


@pytest.fixture(autouse=True)
def notes(api: FastAPI) -> None:
    """A route that stores a row for each deed (an erasure's receipt will do)."""
    router = APIRouter()

    @router.post("/v1/notes/{shelf}", status_code=201, response_model=NoteOut)
    async def write(shelf: str, body: NoteIn, work: SignedIn, once: Once) -> Response:
        async def run() -> Mapping[str, Any]:
            row = Erasure(
                id=work.new_id(),
                market_id="monaco",
                kind=shelf,
                rows=1,
                digest=body.words,
                erased_at=work.now,
            )
            work.db.add(row)
            await work.db.flush()
            if body.refuse:
                raise AlreadyBusy
            return {"id": str(row.id), "words": body.words, "count": 1}

        return await once(NoteOut, run, status=201)

    api.include_router(router)


async def rows(tools: Tools, table: Any = Erasure) -> int:
    async with tools.sessions() as db:
        return (await db.execute(select(func.count()).select_from(table))).scalar_one()


async def test_the_same_key_and_body_give_the_first_answer_again(
    camille: httpx.AsyncClient, tools: Tools
) -> None:
    first = await camille.post("/v1/notes/a", json={"words": "x", "refuse": False}, headers=KEY)
    again = await camille.post("/v1/notes/a", json={"refuse": False, "words": "x"}, headers=KEY)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await rows(tools) == 1


async def test_quotes_around_a_key_are_not_part_of_it(camille: httpx.AsyncClient, tools: Tools) -> None:
    for key in ("k-1", '"k-1"'):
        await camille.post("/v1/notes/a", json={"words": "x"}, headers={"Idempotency-Key": key})
    assert await rows(tools) == 1


@pytest.mark.parametrize(("path", "words"), [("/v1/notes/a", "y"), ("/v1/notes/b", "x")])
async def test_the_same_key_for_something_else_is_refused(
    camille: httpx.AsyncClient, path: str, words: str
) -> None:
    await camille.post("/v1/notes/a", json={"words": "x"}, headers=KEY)
    other = await camille.post(path, json={"words": words}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_keys_of_two_people_are_two_keys(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient, tools: Tools
) -> None:
    for person in (camille, dominique):
        assert (await person.post("/v1/notes/a", json={"words": "x"}, headers=KEY)).status_code == 201
    assert await rows(tools) == 2


async def test_twenty_at_once_do_it_once(camille: httpx.AsyncClient, tools: Tools) -> None:
    asked = [camille.post("/v1/notes/a", json={"words": "x"}, headers=KEY) for _ in range(20)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert await rows(tools) == 1


async def test_a_refusal_is_not_kept(camille: httpx.AsyncClient, tools: Tools) -> None:
    refused = await camille.post("/v1/notes/a", json={"words": "x", "refuse": True}, headers=KEY)
    assert (refused.status_code, refused.json()["code"]) == (409, "already_busy")
    assert await rows(tools) == await rows(tools, IdempotencyKey) == 0
    assert (await camille.post("/v1/notes/a", json={"words": "x"}, headers=KEY)).status_code == 201


async def test_without_a_key_each_time_is_a_deed(camille: httpx.AsyncClient, tools: Tools) -> None:
    for _ in range(2):
        await camille.post("/v1/notes/a", json={"words": "x"})
    assert await rows(tools) == 2


@pytest.mark.parametrize("key", ["", '""', "k" * 256])
async def test_a_key_that_is_none_is_refused(camille: httpx.AsyncClient, key: str) -> None:
    answer = await camille.post("/v1/notes/a", json={"words": "x"}, headers={"Idempotency-Key": key})
    assert answer.status_code == 422


def test_a_key_of_255_characters_passes() -> None:
    assert read_key("k" * 255) == "k" * 255
    assert read_key(None) is None
    assert read_key(f'"{"k" * 255}"') == "k" * 255
    with pytest.raises(Invalid):
        read_key("k" * 256)


async def test_the_socket_uses_the_same_words(tools: Tools) -> None:
    actor, deeds = await an_account(tools), []

    async def run() -> tuple[int, str]:
        deeds.append(1)
        return 200, as_text({"done": True})

    for body, replayed in (({"a": 1, "b": 2}, False), ({"b": 2, "a": 1}, True)):
        async with working(tools, actor) as work:
            answer = await once(work, "offer.accept", "client-1", fingerprint("offer.accept", body), run)
        assert answer == (200, '{"done":true}', replayed)
    assert deeds == [1]
    with pytest.raises(IdempotencyMismatch):
        async with working(tools, actor) as work:
            await once(work, "offer.accept", "client-1", fingerprint("offer.accept", {"a": 2}), run)
