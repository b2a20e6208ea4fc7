"""What the live map makes of a bad line: frames lost, rubbish, a cut, an empty town.

A healthy server does none of this on demand, so a hand on the page's own socket does, between it and the
real server (`sights.Wire`).
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.stranger.acts import BEACH, CASINO, PORT, new_service
from tests.stranger.client import Phone, ride
from tests.stranger.conftest import People
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER, Json, Wire, bring_home, count, in_list, ops_page, ready

pytestmark = IN_A_BROWSER

QUIET_WITHIN = 15  # times three frames, a second each: the first pictures take a processor that long
COUNTED_DRAWING = """
  window.drawn = 0;
  const real = WebGL2RenderingContext.prototype.clear;
  WebGL2RenderingContext.prototype.clear = function (...what) { window.drawn++; return real.apply(this, what); };
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def kept_open(open_for_long: OpenPage, one_of_staff: Phone) -> tuple[Page, Wire]:
    """The live map, whole, its drawing counted, and the hand on its line: as long as the file's tests run."""
    wire = Wire()

    async def prepared(page: Page) -> None:
        await page.add_init_script(COUNTED_DRAWING)
        await wire.lay(page)

    return await ready(await open_for_long("/ops/?test=1", one_of_staff, prepared)), wire


@pytest_asyncio.fixture
async def page(kept_open: tuple[Page, Wire], people: People) -> AsyncIterator[Page]:
    """The map, at home, on a line that passes everything, before and after."""
    page, wire = kept_open
    yield page
    wire.passing = json.dumps
    await expect(page.get_by_test_id("line")).to_have_attribute("data-phase", "live")
    await bring_home(page)


@pytest.fixture
def wire(kept_open: tuple[Page, Wire]) -> Wire:
    return kept_open[1]


async def test_a_gap_in_the_numbers_asks_for_the_whole_again(page: Page, wire: Wire, people: People) -> None:
    before = len(wire.subscriptions())
    lost: list[int] = []

    def losing_one(frame: Json) -> str | None:
        if frame["t"] == "map" and not frame["full"] and not lost:
            lost.append(frame["n"])
            return None
        return json.dumps(frame)

    wire.passing = losing_one
    await people.provider("ride-vtc", at=PORT)
    await expect(count(page, "idle")).to_have_text("1")
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", "1")
    (await people.phones[-1].put("/v1/me/duty", {"on": False, "market": "monaco"})).must()
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", "0")
    assert lost
    assert len(wire.subscriptions()) == before + 1


async def test_rubbish_on_the_line_changes_nothing(page: Page, wire: Wire, people: People) -> None:
    thrown = list[str]()
    page.on("pageerror", lambda error: thrown.append(str(error)))
    for rubbish in (
        "",
        "{",
        "null",
        "[]",
        "42",
        '{"t": 7}',
        '{"t": "map"}',
        '{"t": "map", "channel": "map:monaco"}',
    ):
        wire.tell(rubbish)
    await people.provider("ride-vtc", at=PORT)
    await expect(count(page, "idle")).to_have_text("1")
    await expect(page.get_by_test_id("line")).to_have_attribute("data-phase", "live")
    assert thrown == []


async def test_a_lost_line_is_said_and_mended_where_it_left_off(
    page: Page, wire: Wire, people: People
) -> None:
    line = page.get_by_test_id("line")
    await page.evaluate(REMEMBER_PHASES)
    await wire.cut(4000)
    await page.wait_for_function("() => window.phases.includes('offline') && window.phases.at(-1) === 'live'")
    await expect(line).to_have_attribute("data-phase", "live")
    again = [frame for frame in wire.said if frame["t"] == "hello"][-1]
    assert {"after", "epoch"} <= again.keys()
    await people.provider("ride-vtc", at=PORT)
    await expect(count(page, "idle")).to_have_text("1")


REMEMBER_PHASES = """() => {
  const line = document.querySelector("[data-testid=line]");
  window.phases = [];
  new MutationObserver(() => window.phases.push(line.dataset.phase))
    .observe(line, { attributes: true, attributeFilter: ["data-phase"] });
}"""


async def test_moving_the_map_asks_for_what_is_in_view(page: Page, wire: Wire, people: People) -> None:
    first = wire.subscriptions()[-1]
    await page.get_by_label("Zoom in").click()
    service = await new_service(await people.ops(), "ride-vtc")
    request = await (await people.customer()).request_a_ride(service, *ride(CASINO, BEACH))
    await expect(in_list(page, "r", request["id"])).to_be_visible()
    await people.phones[0].until("/v1/me", lambda _: wire.subscriptions()[-1] != first)
    last = wire.subscriptions()[-1]
    assert last["zoom"] > first["zoom"]
    assert last["bbox"][0] > first["bbox"][0]


async def test_a_quiet_town_is_not_drawn_again_with_every_frame(
    page: Page, wire: Wire, people: People
) -> None:
    told = asyncio.Event()

    def counted(frame: Json) -> str:
        if frame["t"] == "map":
            told.set()
        return json.dumps(frame)

    wire.passing = counted
    before, drawn = -1, 0
    for _ in range(QUIET_WITHIN):
        before, drawn = drawn, await page.evaluate("window.drawn")
        if drawn == before:
            break
        for _ in range(3):  # the last of them after the second one's picture, had it one
            told.clear()
            await told.wait()
    assert drawn == before > 0


async def test_an_empty_town_says_so(open_page: OpenPage, people: People) -> None:
    def nobody(frame: Json) -> str:
        if frame["t"] != "map":
            return json.dumps(frame)
        none = {"providers": {"idle": 0, "off": 9}, "requests": {"open": 0}, "engagements": {"running": 0}}
        return json.dumps({**frame, "upsert": [], "counters": {**frame.get("counters", {}), **none}})

    wire = Wire()
    wire.passing = nobody
    page = await ops_page(open_page, people, prepared=wire.lay)
    await expect(page.get_by_test_id("empty")).to_contain_text("Nobody on duty yet")
