"""Schemathesis over the served OpenAPI: whatever is sent, the real process answers as its document says.

Seeded and bounded: a few right and a few wrong examples of every operation, as a customer, a driver and staff, with
the ids of a ride under way where a path wants one. No 5xx, no status, content type or shape that is not documented.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import checks
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from app.postgres import PrivateCluster
from tests.cluster import copy_of_the_template
from tests.stranger.acts import AgreedRide, agreed_ride, started
from tests.stranger.client import Phone
from tests.stranger.conftest import SETTINGS, People
from tests.stranger.engine import EngineProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]

EXAMPLES = 2  # of an operation, a person and a mode: about 800 requests in all
SEED = 20261202
UNLIMITED = dict.fromkeys(
    ("COUDMAIN_ACCOUNT_PER_S", "COUDMAIN_ACCOUNT_BURST", "COUDMAIN_ADDRESS_PER_S", "COUDMAIN_ADDRESS_BURST"),
    "1000000",  # this is no test of 429s
)
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ENDS_THE_SIGN_IN = {"/v1/auth/logout"}


@dataclass(frozen=True)
class Scene:
    """A ride under way, and somebody to be suspended in everybody's place."""

    trip: AgreedRide
    victim: Phone
    api: Any  # what the engine's own document says; read once, for what is derived of it takes seconds
    url: str

    @property
    def ids(self) -> dict[str, str]:
        """What a path may name."""
        return {
            "request_id": self.trip.request_id,
            "offer_id": self.trip.offer_id,
            "engagement_id": self.trip.engagement_id,
            "account_id": self.victim.account_id,
            "device_id": "01890000-0000-7000-8000-00000000d001",
            "slug": "ride-vtc",
        }


@pytest.fixture(scope="module")
def engine_without_limits(
    cluster: PrivateCluster, database_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineProcess]:
    """An engine of its own: what is made up here would be in the way of other tests."""
    url = copy_of_the_template(cluster, f"{database_name}_schemathesis")
    process = EngineProcess(url, tmp_path_factory.mktemp("schemathesis"), settings=SETTINGS | UNLIMITED)
    try:
        process.start()
        yield process
    finally:
        process.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(engine_without_limits: EngineProcess) -> AsyncIterator[Scene]:
    people = People(engine_without_limits.url)
    trip = await started(await agreed_ride(people))
    api = schemathesis.openapi.from_dict((await trip.ops.get("/v1/openapi.json")).must(200))
    yield Scene(trip, await people.customer(), api, people.url)
    await people.leave()


@pytest.mark.parametrize("who", ["customer", "driver", "ops"])
def test_every_operation_answers_as_documented(scene: Scene, who: str):
    phone: Phone = getattr(scene.trip, who)
    wrong: list[str] = []
    with requests.Session() as line:
        line.headers["Authorization"] = f"Bearer {phone.token}"
        for found in scene.api.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            if operation.path in ENDS_THE_SIGN_IN:
                continue
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                known = mode is GenerationMode.POSITIVE
                with suppress(Unsatisfiable):  # it takes nothing that could be wrong
                    _sent(operation, mode, _checked(scene, line, wrong, known=known))
    assert not wrong, "\n\n".join(wrong)


def _sent(operation: Any, mode: GenerationMode, check: Callable[[Any], None]) -> None:
    """Send a few examples of the operation, the same ones each time."""

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        check(case)

    send()


def _checked(scene: Scene, line: requests.Session, wrong: list[str], *, known: bool) -> Callable[[Any], None]:
    """A check of one case: with `known` ids where its path wants one, else with what was made up.

    What is wrong is written down, not raised: Hypothesis would send the case again to be sure, and what was
    created or used up by the first one is answered otherwise the second time.
    """

    def check(case: Any) -> None:
        named = scene.ids.keys() & (case.path_parameters or {}).keys()
        if known and named:
            case.path_parameters |= {name: scene.ids[name] for name in named}
        try:
            case.call_and_validate(base_url=scene.url, session=line, checks=CHECKS)
        except BaseExceptionGroup as failures:
            wrong.extend(f"{one}\n{case.as_curl_command()}" for one in failures.exceptions)

    return check
