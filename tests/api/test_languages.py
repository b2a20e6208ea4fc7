"""Whatever a person reads of a refusal is in the language they asked for."""

import json

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.app import ApiSettings, create_api
from api.context import SignedIn
from api.field_words import words_of
from api.limits import Rate
from domain.rules.titles import FRENCH
from domain.usecases.work import Tools
from tests.api.conftest import client_of

IN_FRENCH = {"Accept-Language": "fr"}
A_TO_B = "ce service prend d'abord un départ (pickup), enfin une arrivée (drop)"
HERE = {"lat": 43.7348, "lon": 7.4206}


@pytest.mark.parametrize(
    ("method", "path", "body", "detail"),
    [
        ("PATCH", "/v1/me", {"name": "x" * 10_000}, "/name au plus 200 caractères"),
        ("PATCH", "/v1/me", {"language": "xx"}, "/language l'un de : 'fr' ou 'en'"),
        ("POST", "/v1/quotes", {"stops": []}, "/service cette valeur manque"),
        (
            "POST",
            "/v1/quotes",
            {"service": "ride-vtc", "stops": [{"kind": "site", "lat": 95, "lon": 7}]},
            "/stops/0/lat au plus 90.0",
        ),
        (
            "POST",
            "/v1/quotes",
            {"service": "nope", "stops": [{"kind": "site", **HERE}]},
            FRENCH["unknown_service"],
        ),
        ("GET", "/v1/services?market=nowhere", None, FRENCH["unknown_market"]),
        ("POST", "/v1/requests", {}, "soit un quote_id, soit un service et ses lieux"),
        ("PUT", "/v1/me/duty", {"on": True}, "pour prendre son service il faut une ville"),
        ("POST", "/v1/quotes", {"service": "ride-vtc", "stops": [{"kind": "site", **HERE}]}, A_TO_B),
        ("GET", "/v1/accounts/not-an-id/profile", None, FRENCH["not_found"]),
        ("GET", "/v1/nothing", None, FRENCH["not_found"]),
        ("DELETE", "/v1/me", None, "Méthode non permise ici"),
        ("POST", "/v1/auth/otp", {"phone": "0"*300_000}, "Contenu trop grand"),
    ],
)  # fmt: skip
async def test_a_french_reader_is_refused_in_french(
    camille: httpx.AsyncClient, method: str, path: str, body: object, detail: str
) -> None:
    content = None if body is None else json.dumps(body)
    headers = {"Content-Type": "application/json", **IN_FRENCH}
    french = (await camille.request(method, path, content=content, headers=headers)).json()
    assert french["detail"] == detail
    english = (
        await camille.request(method, path, content=content, headers=headers | {"Accept-Language": "en"})
    ).json()
    assert french["code"] == english["code"]
    assert french["title"] != english["title"]


async def test_a_value_is_pointed_at_once_in_either_language(camille: httpx.AsyncClient) -> None:
    body = {"service": "ride-vtc", "stops": [{"kind": "site", "lat": 95, "lon": 7}]}
    for language, words in (("fr", "au plus 90.0"), ("en", "Input should be less than or equal to 90")):
        answer = await camille.post("/v1/quotes", json=body, headers={"Accept-Language": language})
        assert answer.json()["errors"] == [{"pointer": "/stops/0/lat", "detail": words}]


async def test_every_answer_to_a_form_is_judged_in_french(camille: httpx.AsyncClient) -> None:
    answers = {"duration_min": "long", "a/b": 1}
    body = {"service": "odd-job", "stops": [{"kind": "site", **HERE}], "answers": answers}
    answer = await camille.post("/v1/requests", json=body, headers=IN_FRENCH)
    assert answer.json()["errors"] == [
        {"pointer": "/answers/a~1b", "detail": "ce service ne le demande pas"},
        {"pointer": "/answers/duration_min", "detail": "un nombre"},
    ]


async def test_a_code_has_one_title_whoever_refuses(camille: httpx.AsyncClient) -> None:
    answers = [
        await camille.get(path)
        for path in ("/v1/nothing", "/v1/accounts/not-an-id/profile", f"/v1/engagements/{'0' * 32}")
    ]
    assert {(answer.status_code, answer.json()["title"]) for answer in answers} == {
        (404, "Nothing here that you may see")
    }


async def test_who_asks_too_often_is_told_in_french(tools: Tools) -> None:
    api = create_api(tools, ApiSettings(stranger=Rate(0.001, 1), monotonic=lambda: 0.0))
    async with client_of(api) as client:
        await client.get("/v1/markets")
        answer = await client.get("/v1/markets", headers=IN_FRENCH)
    assert (answer.status_code, answer.json()["detail"]) == (429, FRENCH["too_many_requests"])


async def test_even_a_bug_is_confessed_in_french(api: FastAPI, camille: httpx.AsyncClient) -> None:
    broken = APIRouter()

    @broken.get("/v1/broken")
    async def crash(work: SignedIn) -> None:
        raise RuntimeError

    api.include_router(broken)
    answer = await camille.get("/v1/broken", headers=IN_FRENCH)
    assert (answer.status_code, answer.json()["title"]) == (500, "Quelque chose s'est cassé chez nous")


def test_what_nobody_translated_is_refused_in_french_all_the_same() -> None:
    error = {"type": "of_tomorrow", "msg": "Input should be of tomorrow", "ctx": {"ge": 1}}
    assert words_of(error, "fr") == "cette valeur ne peut être acceptée"
    assert words_of({"type": "value_error", "msg": "Value error, no"}, "en") == "no"
