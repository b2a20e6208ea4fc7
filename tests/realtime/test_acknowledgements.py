"""What apps have taken in is written once a beat for all of them, and a database that was away gets it later."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from domain.store import asking
from domain.store.outage import DatabaseAway
from domain.store.tables import Account, PushRow
from domain.usecases.work import Actor
from tests.realtime.house import House, until


async def pushes_of(house: House, actor: Actor) -> list[str]:
    async with house.tools.sessions() as db:
        rows = select(PushRow.state).where(PushRow.account_id == actor.id).order_by(PushRow.seq)
        return list(await db.scalars(rows))


async def two_who_are_told(house: House) -> tuple[Actor, Actor]:
    people = (house.town.customer, house.town.driver)
    async with house.tools.sessions() as db:
        for number, person in enumerate(people):  # the console pushes to numbers
            phone = f"+3770000000{number}"
            await db.execute(update(Account).where(Account.id == person.id).values(phone=phone))
        await db.commit()
    return people


async def test_all_that_was_taken_in_since_the_last_beat_is_written_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    people = await two_who_are_told(house)
    phones = [await house.phone(person) for person in people]
    for person, phone in zip(people, phones, strict=True):
        await house.happens(person, 3)
        last = (await phone.events(3))[-1]["seq"]
        await phone.send("ack", seq=last - 2)
        await phone.send("ack", seq=last - 1)
    await until(lambda: len(house.gateway._acknowledgements) == 2)
    asked: list[str] = []

    def heard(connection: Connection, statement: str, values: Sequence[Any]) -> Any:
        asked.append(statement)
        return run(connection, statement, values)

    run = asking._run
    monkeypatch.setattr(asking, "_run", heard)
    await house.gateway.step_acknowledgements()
    assert len([statement for statement in asked if "pushes" in statement]) == 1
    for person in people:
        assert await pushes_of(house, person) == ["acked", "acked", "waiting"]


async def test_what_could_not_be_written_is_written_with_the_next_beat(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    person, _ = await two_who_are_told(house)
    phone = await house.phone(person)
    await house.happens(person)
    await phone.send("ack", seq=(await phone.events(1))[0]["seq"])
    await until(lambda: len(house.gateway._acknowledgements) == 1)

    def away(*_: object) -> None:
        raise DatabaseAway("no connection")

    with monkeypatch.context() as outage:
        outage.setattr(asking, "_run", away)
        await house.gateway.step_acknowledgements()
    assert await pushes_of(house, person) == ["waiting"]
    await house.gateway.step_acknowledgements()
    assert await pushes_of(house, person) == ["acked"]


async def test_what_was_taken_in_at_the_very_end_is_written_before_the_gateway_stops(house: House):
    person, _ = await two_who_are_told(house)
    phone = await house.phone(person)
    await house.happens(person)
    await phone.send("ack", seq=(await phone.events(1))[0]["seq"])
    await until(lambda: len(house.gateway._acknowledgements) == 1)
    await house.gateway.stop()
    assert await pushes_of(house, person) == ["acked"]
