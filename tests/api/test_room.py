"""Beyond what a process can take new work is turned away, and work in hand goes on."""

from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import ApiSettings, create_api
from api.room import WAITED_S
from domain.usecases.work import Tools
from tests.api.conftest import Ticks
from tests.factories import CASINO, PORT

TRIP: dict[str, Any] = {
    "service": "ride-vtc",
    "stops": [
        {"kind": "pickup", "lat": PORT.lat, "lon": PORT.lon},
        {"kind": "drop", "lat": CASINO.lat, "lon": CASINO.lon},
    ],
}


@dataclass
class Press:
    """How long somebody has been waiting, as the test says."""

    waited_s: float = 0.0

    def __call__(self) -> float:
        return self.waited_s


@pytest.fixture
def press() -> Press:
    return Press()


@pytest.fixture
def api(tools: Tools, ticks: Ticks, press: Press) -> FastAPI:
    return create_api(replace(tools, pressed=press), ApiSettings(monotonic=ticks))


async def test_new_work_is_turned_away_with_the_moment_to_come_back(camille: httpx.AsyncClient, press: Press):
    quote = (await camille.post("/v1/quotes", json=TRIP)).json()["quote_id"]
    press.waited_s = WAITED_S + 0.1
    for path, body in (("/v1/quotes", TRIP), ("/v1/requests", {"quote_id": quote})):
        refused = await camille.post(path, json=body, headers={"Accept-Language": "fr"})
        assert refused.status_code == 503
        assert refused.json()["code"] == "unavailable"
        assert "plus" in refused.json()["detail"]
        assert 5 <= int(refused.headers["retry-after"]) <= 10
    press.waited_s = WAITED_S
    asked = await camille.post("/v1/requests", json={"quote_id": quote})
    assert asked.status_code == 201, "nothing of it was used meanwhile"


async def test_what_was_begun_goes_on(camille: httpx.AsyncClient, press: Press):
    quote = (await camille.post("/v1/quotes", json=TRIP)).json()["quote_id"]
    request = (await camille.post("/v1/requests", json={"quote_id": quote})).json()["id"]
    press.waited_s = WAITED_S + 60
    assert (await camille.get(f"/v1/requests/{request}")).status_code == 200
    assert (await camille.post(f"/v1/requests/{request}/cancel")).status_code == 200
