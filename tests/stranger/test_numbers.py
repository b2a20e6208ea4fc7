"""What Prometheus sees of an engine that people use: the right numbers, and nothing of who they are."""

import json
import re
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # read by one test; its stubs are not worth a package

from tests.app.numbers import LABELS, Numbers
from tests.stranger.acts import CASINO, agreed_ride, ended, settled
from tests.stranger.client import Phone
from tests.stranger.conftest import People

DOCS = Path(__file__).parents[2] / "docs"
UNLISTED = {"/v1/openapi.json", "/v1/asyncapi.json"}  # routes that are not in the contract they serve


async def numbers_of(phone: Phone) -> Numbers:
    """As of now."""
    answer = await phone.get("/metrics")
    assert answer.status == 200
    return Numbers(answer.text)


async def test_a_ride_moves_the_numbers_of_every_room(people: People):
    watcher = await people.passer_by()
    before = await numbers_of(watcher)
    trip = await ended(await agreed_ride(people))
    await settled(trip.customer, trip.engagement_id)
    nowhere = await trip.customer.get("/v1/nothing/0198c0de-0000-7000-8000-000000000000")
    assert nowhere.status == 404

    after = await numbers_of(watcher)  # what was heard on the sockets, the relay had told before

    def more(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    assert more("coudmain_http_requests_total", route="/v1/requests", status="201") == 1
    assert more("coudmain_http_requests_total", route="other", status="404") == 1
    assert more("coudmain_offers_total", outcome="created", market="monaco") >= 2
    assert more("coudmain_offers_total", outcome="accepted") == 1
    assert more("coudmain_request_to_offer_seconds_count") >= 1
    assert more("coudmain_psp_answers_total", operation="authorise", outcome="done") == 1
    assert more("coudmain_psp_answers_total", operation="capture", outcome="done") == 1
    assert more("coudmain_sockets_opened_total") == 3
    assert more("coudmain_socket_frames_total", direction="in") >= 3
    assert more("coudmain_socket_frames_total", direction="out") >= 3
    assert more("coudmain_socket_bytes_total", direction="out") > 100
    assert more("coudmain_positions_accepted_total") >= 2
    assert more("coudmain_bus_published_total") > 0
    assert more("coudmain_timers_total", outcome="done") >= 1
    assert more("coudmain_rounds_total", market="monaco") >= 1
    assert after.of("coudmain_lease_held", market="monaco") == 1
    assert after.of("coudmain_db_connections_most") > after.of("coudmain_db_connections_in_use") >= 0
    assert after.of("coudmain_loop_lag_seconds_count") > 0
    assert after.of("coudmain_relay_lag_seconds") < 60


async def test_no_label_names_anybody_or_anything_of_which_there_are_many(people: People):
    trip = await agreed_ride(people)
    await trip.customer.get(f"/v1/engagements/{trip.engagement_id}")
    await trip.customer.ask("BREW", f"/v1/engagements/{trip.engagement_id}")
    await trip.driver.stand_at(CASINO)
    phone = await people.passer_by()
    seen = await numbers_of(phone)
    assert seen.unfit() == []
    templates = set((await phone.get("/v1/openapi.json")).must(200)["paths"])
    assert {route for route in seen.routes() if route.startswith("/v1/")} <= {*templates, *UNLISTED}


def expressions() -> dict[str, str]:
    """What the board and the alerts ask Prometheus, by where it stands."""
    board = json.loads((DOCS / "monitoring/dashboard.json").read_text())
    asked = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in board["panels"]
        for target in panel.get("targets", ())
    }
    return asked | {rule["alert"]: rule["expr"] for rule in rules()}


def rules() -> list[dict[str, str]]:
    """The alert rules."""
    (group,) = yaml.safe_load((DOCS / "monitoring/alerts.yaml").read_text())["groups"]
    found: list[dict[str, str]] = group["rules"]
    return found


async def test_the_board_and_the_alerts_ask_only_for_what_there_is(people: People):
    there = (await numbers_of(await people.passer_by())).names()
    asked = expressions()
    assert len(asked) > 50
    for where, expression in asked.items():
        named = set(re.findall(r"\bcoudmain_\w+", expression))
        assert named or "up{" in expression, where
        assert named <= there, (where, named - there)
        by = re.findall(r"by \(([^)]*)\)", expression)
        assert {label.strip() for one in by for label in one.split(",")} <= LABELS | {"instance"}, where


async def test_the_board_shows_every_series_of_ours(people: People):
    there = (await numbers_of(await people.passer_by())).names()
    shown = " ".join(expressions().values())
    unseen = {name for name in there if name.startswith("coudmain_") and not re.search(rf"\b{name}\b", shown)}
    assert {name for name in unseen if not name.endswith(("_sum", "_count"))} == set()


def test_every_alert_has_its_page_in_the_runbook_and_every_page_its_alert():
    pages = re.findall(r"^### (\w+)$", (DOCS / "runbook.md").read_text(), re.MULTILINE)
    assert pages == [rule["alert"] for rule in rules()]
    for page in (DOCS / "runbook.md").read_text().split("\n### ")[1:]:
        assert all(word in page for word in ("**Means**", "**Look**", "**Do**")), page
