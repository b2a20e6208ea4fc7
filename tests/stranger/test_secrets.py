"""The log of an engine that people use, at its most talkative, has nothing in it that opens or names anybody."""

import json
from collections.abc import Iterator

import pytest

from app.postgres import PrivateCluster
from tests.cluster import copy_of_the_template
from tests.stranger.acts import agreed_ride, ended, settled
from tests.stranger.client import Phone
from tests.stranger.conftest import SETTINGS, People
from tests.stranger.engine import EngineProcess

pytestmark = pytest.mark.timeout(240)

DEVICE = "01890000-0000-7000-8000-00000000d0d0"
PUSH_TOKEN = "fcm-Token-9Qx7Zk3LwT5vB1nR8yUc2sPd"
WORDS = "meet me behind the blue door"


@pytest.fixture(scope="module")
def talkative(
    cluster: PrivateCluster, database_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EngineProcess]:
    """An engine that logs all it ever would."""
    process = EngineProcess(
        copy_of_the_template(cluster, f"{database_name}_secrets"),
        tmp_path_factory.mktemp("talkative"),
        settings={**SETTINGS, "COUDMAIN_LOG_LEVEL": "debug"},
    )
    try:
        process.start()
        yield process
    finally:
        process.stop()


async def test_no_token_code_number_pin_or_word_of_anybody_is_logged(talkative: EngineProcess):
    people = People(talkative.url)
    try:
        trip = await agreed_ride(people)
        customer, driver = trip.customer, trip.driver
        secrets = {
            "a PIN": f'"{trip.pin}"',
            "a customer's number": customer.number.removeprefix("+"),
            "a driver's number": driver.number.removeprefix("+"),
            "an access token": customer.token,
            "the signature of a token": customer.token.rpartition(".")[2],
            "a refresh token": customer.refresh_token,
            "a code": f'"{await customer.otp(customer.number)}"',
            "a push token": PUSH_TOKEN,
            "what one wrote": WORDS,
        }
        device = {"platform": "android", "push_token": PUSH_TOKEN, "language": "fr"}
        (await driver.put(f"/v1/me/devices/{DEVICE}", device)).must()
        secrets["a ticket"] = (await customer.post("/v1/ws/tickets")).must()["ticket"]
        (await customer.get(f"/v1/ws?ticket={secrets['a ticket']}")).refuses(404)
        shared = (await customer.post(f"/v1/engagements/{trip.engagement_id}/share")).must()["token"]
        secrets["a share link"] = shared
        (await customer.get(f"/v1/shared/{shared}")).must(200)
        await customer.get(f"/t/{shared}")
        (await customer.post(f"/v1/engagements/{trip.engagement_id}/messages", {"text": WORDS})).must()
        await try_in_vain(customer, trip.pin)
        await settled((await ended(trip)).customer, trip.engagement_id)
    finally:
        await people.leave()
    lines = talkative.log.read_text().splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(told) > 20
    assert any(one.get("request_id") and "/share" in one["message"] for one in told), "it logs what is done"
    found = {name for name, secret in secrets.items() for line in lines if secret in line}
    assert not found


async def try_in_vain(phone: Phone, pin: str) -> None:
    """What is refused is logged like what is done: without what it carried."""
    challenge = (await phone.post("/v1/auth/otp", {"phone": phone.number})).must(202)["challenge_id"]
    body = {"challenge_id": challenge, "code": "000000"}
    assert (await phone.post("/v1/auth/token", body)).status in {200, 401, 422}
    (await phone.post("/v1/auth/token", {"refresh_token": phone.refresh_token + "x"})).refuses(401)
    assert (await phone.get(f"/v1/me?pin={pin}")).status == 200
    assert (await phone.ask("POST", "/v1/quotes", content=b'{"pin": "\xff')).status in {400, 422}
