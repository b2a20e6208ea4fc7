"""`replay --from-db`: an engine's stored rounds, under other weights."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.replay.arguments import add_to
from app.replay.stored import StoredDay, lines, report, reweigh_day
from domain.rules.errors import UnknownMarket
from domain.store.tables import Round
from domain.usecases.work import Tools
from matching.whatif.stored import reweigh
from tests.factories import (
    DAWN,
    PORT,
    ROCK,
    FakeClock,
    a_market,
    a_provider,
    a_ride,
    a_round,
    an_account,
    make_tools,
    the_offers_of,
)
from tests.usecases.chained import Street

DAY = DAWN.date().isoformat()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(DAWN)


@pytest.fixture
async def tools(engine: AsyncEngine, clock: FakeClock) -> Tools:
    tools = make_tools(engine, clock=clock)
    await a_market(tools)
    return tools


async def a_busy_hour(tools: Tools) -> None:
    for at in (PORT, ROCK, ROCK):
        await a_provider(tools, at=at)
    for _ in range(2):
        await a_ride(tools, await an_account(tools))
        await a_round(tools)


async def told(tools: Tools, **weights: float) -> dict:
    async with tools.sessions() as db:
        return await report(db, StoredDay("monaco", DAY, weights))


async def test_under_the_same_weights_a_day_is_what_it_was(tools: Tools) -> None:
    await a_busy_hour(tools)
    it = await told(tools)
    assert it["rounds"] == it["rounds_as_stored"] >= 1
    assert it["rounds_that_change"] == 0
    assert it["before"] == it["after"]
    assert it["before"]["offers"] >= 3
    assert "would have ended differently" in lines(it)[0]


async def test_a_day_without_rounds_says_so(tools: Tools) -> None:
    it = await told(tools, fairness_s=60.0)
    assert (it["rounds"], it["before"]["mean_wait_s"]) == (0, None)
    assert any("–" in line for line in lines(it))


async def test_only_the_day_asked_for_is_read(tools: Tools, clock: FakeClock) -> None:
    await a_busy_hour(tools)
    clock.at += timedelta(days=1)
    await a_ride(tools, await an_account(tools))
    await a_round(tools)
    async with tools.sessions() as db:
        one = await report(db, StoredDay("monaco", DAY, {}))
        next_ = await report(db, StoredDay("monaco", clock.at.date().isoformat(), {}))
    assert one["rounds"] >= 1
    assert next_["rounds"] == 1


async def test_the_command_tells_and_writes_what_changes(
    tools: Tools, database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await a_busy_hour(tools)
    out = tmp_path / "out.json"
    parser = ArgumentParser()
    add_to(parser)
    command = ["--from-db", DAY, "--weights", "fairness_s=60", "--json", str(out)]
    assert await reweigh_day(database_url, parser.parse_args(command)) == 0
    assert json.loads(out.read_text())["weights"] == {"fairness_s": 60.0}
    assert "under fairness_s = 60" in capsys.readouterr().out
    assert await reweigh_day(database_url, parser.parse_args([*command, "--market", "atlantis"])) == 1
    assert await reweigh_day(database_url, parser.parse_args([*command, "--json", "/nowhere/out.json"])) == 1
    assert "no directory /nowhere" in capsys.readouterr().err
    assert await reweigh_day(database_url, parser.parse_args(["--from-db", "2020-01-01"])) == 1
    assert "monaco has no stored round of 2020-01-01" in capsys.readouterr().err
    assert await reweigh_day(database_url, parser.parse_args([*command, "--html", "out.html"])) == 2
    away = "postgresql+asyncpg://coudmain@127.0.0.1:1/none"
    assert await reweigh_day(away, parser.parse_args(command)) == 1
    assert "no connection to the database" in capsys.readouterr().err
    async with tools.sessions.begin() as db:
        await db.execute(update(Round).values(problem={"format": 99}))
    assert await reweigh_day(database_url, parser.parse_args(command)) == 1
    assert "99" in capsys.readouterr().err


async def test_a_round_that_chained_is_chained_again(engine: AsyncEngine) -> None:
    street = await Street.founded(engine)
    await street.near_its_end()
    request = str(await street.next_request())
    await a_round(street.tools)
    (offer,) = await the_offers_of(street.tools, street.driver)
    async with street.tools.sessions() as db:
        last = (await db.execute(select(Round).order_by(Round.id.desc()).limit(1))).scalar_one()
    assert [one["free_in_s"] > 0 for one in last.problem["supply"]] == [True]
    again = reweigh(last.problem, last.result, {})
    assert again.as_stored
    (asked,) = again.after
    assert (asked.request, asked.provider) == (request, str(street.driver.id))
    assert asked.way_s == pytest.approx(offer["terms"]["approach_s"], abs=1.0)
    assert asked.eta_s - asked.way_s == pytest.approx(offer["terms"]["free_in_s"], abs=1.0)


async def test_an_unknown_market_is_refused(tools: Tools) -> None:
    async with tools.sessions() as db:
        with pytest.raises(UnknownMarket):
            await report(db, StoredDay("atlantis", DAY, {}))
