"""Suggestions over HTTP: for providers on duty, in cells and money, in one's language."""

import httpx

from domain.usecases.work import Tools
from tests.factories import FakeClock


async def test_suggestions_are_for_people_on_duty(camille: httpx.AsyncClient, tools: Tools) -> None:
    answer = await camille.get("/v1/me/suggestions")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_on_duty")


async def test_a_provider_is_told_why_there_is_nothing_to_suggest(
    camille: httpx.AsyncClient, clock: FakeClock
) -> None:
    await camille.put("/v1/me/provider", json={"services": ["ride-vtc"]})
    on = await camille.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    assert on.status_code == 200, on.text
    for language, word in (("fr", "demandes"), ("en", "asked")):
        answer = await camille.get("/v1/me/suggestions", headers={"Accept-Language": language})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["items"], told["days"], told["why_none"]) == ([], 0, "no_data")
        assert word in told["words"]


async def test_a_stranger_gets_no_suggestions(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/v1/me/suggestions")).status_code == 401
