"""Oneself: account, provider, devices, duty, profile, suspension."""

import json
from typing import cast
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from domain.rules.states import OfferOrigin, OfferState
from domain.store.tables import Account, Device, DutySession, EventRow, Offer, Request, Service
from domain.usecases.work import Tools
from tests.factories import FakeClock, RecordingBus

NOWHERE = "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55"


async def events_of(tools: Tools, account: str) -> list[tuple[str, dict]]:
    async with tools.sessions() as db:
        statement = select(EventRow).where(EventRow.account_id == UUID(account)).order_by(EventRow.seq)
        return [(row.type, row.data) for row in (await db.execute(statement)).scalars()]


async def id_of(client: httpx.AsyncClient) -> str:
    return str((await client.get("/v1/me")).json()["id"])


async def test_a_stranger_is_asked_to_sign_in(stranger: httpx.AsyncClient) -> None:
    for path in ("/v1/me", "/v1/me/duty", f"/v1/accounts/{NOWHERE}/profile"):
        answer = await stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_name_changes_only_from_what_was_seen(camille: httpx.AsyncClient) -> None:
    seen = (await camille.get("/v1/me")).headers["etag"]
    again = await camille.get("/v1/me", headers={"If-None-Match": seen})
    assert (again.status_code, again.content) == (304, b"")
    changed = await camille.patch("/v1/me", json={"name": " Camille  Roux "}, headers={"If-Match": seen})
    assert (changed.status_code, changed.json()["name"]) == (200, "Camille Roux")
    assert changed.headers["etag"] != seen
    late = await camille.patch("/v1/me", json={"name": "X"}, headers={"If-Match": seen})
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await camille.get("/v1/me", headers={"If-None-Match": seen})).json()["name"] == "Camille Roux"


@pytest.mark.parametrize("change", [{"language": "de"}, {"name": "a\x00b"}, {"name": 5}, {"name": "x" * 201}])
async def test_what_cannot_be_a_name_or_language_is_refused(camille: httpx.AsyncClient, change: dict) -> None:
    assert (await camille.patch("/v1/me", json=change)).status_code == 422


async def test_a_lone_surrogate_is_refused_and_not_a_crash(camille: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await camille.patch("/v1/me", content=b'{"name": "\\ud800"}', headers=headers)
    assert answer.status_code == 422


async def test_a_provider_says_what_they_offer(camille: httpx.AsyncClient) -> None:
    assert (await camille.get("/v1/me/provider")).status_code == 404
    seen = (await camille.get("/v1/me")).headers["etag"]
    vehicle = {"make": "Renault", "model": "Zoe", "color": "blue", "plate": "AB-123-CD"}
    body = {"services": ["ride-vtc", "ride-vtc"], "vehicle": vehicle, "max_travel_s": 900}
    answer = await camille.put("/v1/me/provider", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["services"] == ["ride-vtc"]
    assert answer.json()["vehicle"] == vehicle
    assert answer.json()["languages"] == ["fr"]
    me = await camille.get("/v1/me")
    assert me.json()["provider"]["max_travel_s"] == 900
    assert me.headers["etag"] != seen


async def test_a_service_no_market_has_is_named(camille: httpx.AsyncClient) -> None:
    answer = await camille.put("/v1/me/provider", json={"services": ["ride-vtc", "moon-ride"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_service")
    assert answer.json()["services"] == ["moon-ride"]


async def test_a_push_token_follows_the_phone_to_its_next_owner(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient, tools: Tools
) -> None:
    body = {"platform": "android", "push_token": "tok", "language": "fr"}
    for owner in (camille, dominique, dominique):
        answer = await owner.put("/v1/me/devices/phone-1", json=body)
        assert answer.status_code == 200
        assert "push_token" not in answer.json()
    async with tools.sessions() as db:
        [device] = (await db.execute(select(Device))).scalars()
        assert str(device.account_id) == await id_of(dominique)
    for _ in range(2):
        assert (await dominique.delete("/v1/me/devices/phone-1")).status_code == 204
    assert (await dominique.put("/v1/me/devices/a%00b", json=body)).status_code == 422


async def test_an_account_keeps_its_twenty_newest_devices(
    camille: httpx.AsyncClient, clock: FakeClock, tools: Tools
) -> None:
    for number in range(22):
        clock.move(1)
        body = {"platform": "web", "push_token": f"tok-{number}"}
        await camille.put(f"/v1/me/devices/browser-{number}", json=body)
    async with tools.sessions() as db:
        kept = {row.device_id for row in (await db.execute(select(Device))).scalars()}
    assert kept == {f"browser-{number}" for number in range(2, 22)}


async def test_going_on_duty_is_told_and_saying_it_again_changes_nothing(
    dominique: httpx.AsyncClient, tools: Tools
) -> None:
    me = await id_of(dominique)
    first = await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    assert first.status_code == 200, first.text
    assert first.json() == {
        "on": True,
        "market": "monaco",
        "services": ["ride-vtc", "ride-eco"],
        "since": "2026-05-04T06:00:00.000Z",
        "queue": None,
        "homeward": False,
    }
    again = await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    assert again.json() == first.json() == (await dominique.get("/v1/me/duty")).json()
    assert await events_of(tools, me) == [("duty.changed", first.json())]
    bus = cast("RecordingBus", tools.bus)
    assert json.loads(dict(bus.published)[f"duty.{me}"]) == first.json()
    assert "wake.dispatch.monaco" in dict(bus.published)


async def test_fewer_services_begin_another_session(
    dominique: httpx.AsyncClient, clock: FakeClock, tools: Tools
) -> None:
    await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    clock.move(60)
    body = {"on": True, "market": "monaco", "services": ["ride-eco"]}
    assert (await dominique.put("/v1/me/duty", json=body)).json()["services"] == ["ride-eco"]
    async with tools.sessions() as db:
        sessions = (await db.execute(select(DutySession).order_by(DutySession.on_at))).scalars().all()
    assert [row.off_at is None for row in sessions] == [False, True]
    assert sessions[0].off_at == sessions[1].on_at


async def test_dropping_a_service_drops_it_from_duty_too(dominique: httpx.AsyncClient) -> None:
    await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    await dominique.put("/v1/me/provider", json={"services": ["ride-eco"]})
    assert (await dominique.get("/v1/me/duty")).json()["services"] == ["ride-eco"]
    await dominique.put("/v1/me/provider", json={"services": ["parcel"]})
    assert (await dominique.get("/v1/me/duty")).json()["on"] is False


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"on": True}, 422, "invalid"),
        ({"on": "yes", "market": "monaco"}, 422, "invalid"),
        ({"on": True, "market": "atlantis"}, 422, "unknown_market"),
        ({"on": True, "market": "monaco", "services": ["moon-ride"]}, 422, "unknown_service"),
        ({"on": True, "market": "monaco", "services": ["parcel"]}, 422, "invalid"),
    ],
)
async def test_duty_somewhere_impossible_is_refused(
    dominique: httpx.AsyncClient, body: dict, status: int, code: str
) -> None:
    answer = await dominique.put("/v1/me/duty", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_customer_registers_before_going_on_duty(camille: httpx.AsyncClient) -> None:
    answer = await camille.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_a_provider")
    off = await camille.put("/v1/me/duty", json={"on": False})
    assert off.json() == {
        "on": False,
        "market": None,
        "services": [],
        "since": None,
        "queue": None,
        "homeward": False,
    }


async def test_leaving_withdraws_what_the_engine_asked_and_nothing_else(
    dominique: httpx.AsyncClient, camille: httpx.AsyncClient, tools: Tools, pending_offers
) -> None:
    provider = await id_of(dominique)
    asked, proposed = await pending_offers(provider, await id_of(camille))
    await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    left = await dominique.put("/v1/me/duty", json={"on": False})
    assert left.json()["on"] is False
    async with tools.sessions() as db:
        states = {row.id: (row.state, row.ended_why) for row in (await db.execute(select(Offer))).scalars()}
    assert states == {asked: (OfferState.WITHDRAWN, "off_duty"), proposed: (OfferState.PENDING, None)}
    told = [(kind, data.get("offer_id")) for kind, data in await events_of(tools, provider)]
    assert sorted(told, key=str) == [
        ("duty.changed", None),
        ("duty.changed", None),
        ("offer.withdrawn", str(asked)),
    ]


async def test_suspension_signs_out_takes_off_duty_and_withdraws_offers(
    dominique: httpx.AsyncClient,
    camille: httpx.AsyncClient,
    ops: httpx.AsyncClient,
    tools: Tools,
    pending_offers,
) -> None:
    provider, customer = await id_of(dominique), await id_of(camille)
    await pending_offers(provider, customer)
    await dominique.put("/v1/me/duty", json={"on": True, "market": "monaco"})
    path = f"/v1/ops/accounts/{provider}"
    answer = await ops.post(f"{path}/suspend", json={"reason": "Forged licence"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["by"] == await id_of(ops)
    refused = await dominique.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (403, "account_suspended")
    async with tools.sessions() as db:
        offers = (await db.execute(select(Offer))).scalars().all()
        assert {row.state for row in offers} == {OfferState.WITHDRAWN}
        assert (await db.execute(select(DutySession))).scalar_one().off_at is not None
    assert [kind for kind, _ in await events_of(tools, customer)] == ["offer.withdrawn"]
    lifted = await ops.post(f"{path}/unsuspend")
    assert lifted.json()["suspended"] is False
    assert (await dominique.get("/v1/me")).status_code == 401, "the old sign-in stays ended"


async def test_only_ops_suspend_and_they_give_a_reason(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient, ops: httpx.AsyncClient
) -> None:
    path = f"/v1/ops/accounts/{await id_of(dominique)}/suspend"
    assert (await camille.post(path, json={"reason": "I dislike them"})).status_code == 403
    assert (await ops.post(path, json={})).status_code == 422
    assert (await ops.post(path, json={"reason": "  "})).status_code == 422
    assert (await ops.post(f"/v1/ops/accounts/{NOWHERE}/suspend", json={"reason": "x"})).status_code == 404
    assert (await ops.post("/v1/ops/accounts/nobody/suspend", json={"reason": "x"})).status_code == 404
    mine = f"/v1/ops/accounts/{await id_of(ops)}/suspend"
    assert (await ops.post(mine, json={"reason": "x"})).status_code == 422


async def test_a_profile_shows_a_first_name_and_neither_phone_nor_plate(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient
) -> None:
    await dominique.patch("/v1/me", json={"name": "Dominique Martin"})
    vehicle = {"make": "Renault", "plate": "AB-123-CD"}
    await dominique.put("/v1/me/provider", json={"services": ["ride-vtc"], "vehicle": vehicle})
    seen = await camille.get(f"/v1/accounts/{await id_of(dominique)}/profile")
    assert seen.status_code == 200, seen.text
    assert seen.json()["name"] == "Dominique"
    assert seen.json()["vehicle"] == {"make": "Renault"}
    assert (seen.json()["rating"], seen.json()["reviews_count"]) == (None, 0)
    assert "Martin" not in seen.text
    assert "+336" not in seen.text
    assert (await camille.get(f"/v1/accounts/{NOWHERE}/profile")).json()["code"] == "not_found"


async def test_ops_by_shortcut_is_stored(ops: httpx.AsyncClient, tools: Tools) -> None:
    assert (await ops.get("/v1/me")).json()["is_ops"] is True
    async with tools.sessions() as db:
        assert (await db.execute(select(Account).where(Account.is_ops))).scalar_one().phone == "+33633333333"


@pytest.fixture
def pending_offers(tools: Tools):
    """An engine's offer to a provider, and their own proposal to the same customer on another job."""

    async def make(provider: str, customer: str) -> tuple[UUID, UUID]:
        return await two_offers(tools, UUID(provider), UUID(customer))

    return make


async def two_offers(tools: Tools, provider: UUID, customer: UUID) -> tuple[UUID, UUID]:
    now, made = tools.clock.now(), []
    async with tools.sessions() as db:
        for slug, origin in (("ride-vtc", OfferOrigin.DISPATCH), ("odd-job", OfferOrigin.PROPOSAL)):
            service = (await db.execute(select(Service).where(Service.slug == slug))).scalar_one()
            dispatched = origin is OfferOrigin.DISPATCH
            request = Request(
                id=tools.new_id(),
                market_id="monaco",
                customer_id=customer,
                service_id=service.id,
                service_slug=slug,
                allocator="dispatch" if dispatched else "call",
                state="open",
                price_cents=1_500,
                currency="EUR",
                answers={},
                distance_m=1_000,
                duration_s=300,
                due_at=now,
                expires_at=now,
                created_at=now,
            )
            db.add(request)
            await db.flush()
            offer = Offer(
                id=tools.new_id(),
                market_id="monaco",
                request_id=request.id,
                customer_id=customer,
                provider_id=provider,
                to_account=provider if dispatched else customer,
                origin=origin.value,
                state="pending",
                answer_by=now,
                price_cents=1_500,
                currency="EUR",
                terms={},
                created_at=now,
            )
            db.add(offer)
            made.append(offer.id)
        await db.commit()
    return made[0], made[1]


async def test_the_way_home_is_asked_for_and_ended_and_left_out_it_stays(
    dominique: httpx.AsyncClient,
) -> None:
    on = {"on": True, "market": "monaco"}
    home = {"towards": {"lat": 43.7466, "lon": 7.4335}}
    set_off = await dominique.put("/v1/me/duty", json=on | home)
    assert set_off.status_code == 200, set_off.text
    assert set_off.json()["homeward"] is True
    assert "43.7466" not in set_off.text
    assert (await dominique.put("/v1/me/duty", json=on)).json()["homeward"] is True
    assert (await dominique.put("/v1/me/duty", json=on | {"towards": None})).json()["homeward"] is False
    assert (await dominique.put("/v1/me/duty", json=on | home)).json()["homeward"] is True
    other = {"towards": {"lat": 43.73, "lon": 7.42}}
    assert (await dominique.put("/v1/me/duty", json=on | other)).status_code == 429
    wrong = {"towards": {"lat": 95, "lon": 7.42}}
    assert (await dominique.put("/v1/me/duty", json=on | wrong)).status_code == 422


async def test_a_longest_way_to_a_pickup_is_part_of_what_one_offers(dominique: httpx.AsyncClient) -> None:
    said = await dominique.put("/v1/me/provider", json={"services": ["ride-vtc"], "max_pickup_m": 3_000})
    assert said.status_code == 200, said.text
    assert (await dominique.get("/v1/me/provider")).json()["max_pickup_m"] == 3_000


async def test_somebody_one_has_never_met_is_not_there_to_be_blocked(
    camille: httpx.AsyncClient, dominique: httpx.AsyncClient
) -> None:
    them = await id_of(dominique)
    assert (await camille.put(f"/v1/me/blocks/{them}")).status_code == 404
    assert (await camille.delete(f"/v1/me/blocks/{them}")).status_code == 204
    assert (await camille.get("/v1/me/blocks")).json() == {"items": [], "next_cursor": None}
