"""The live dispatch map over a made-up town."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

pytestmark = pytest.mark.browser


async def entered(page: Page) -> Page:
    """Signs in with the development shortcut and waits for the first whole picture."""
    await page.get_by_test_id("dev-enter").click()
    await expect(page.locator("html[data-ready]")).to_be_attached(timeout=40_000)
    return page


async def ops(open_page: Any, **context: Any) -> Page:
    return await entered(await open_page("/ops/?test=1", **context))


def count(page: Page, state: str) -> Any:
    return page.locator(f"[data-state={state}] b")


async def test_one_click_enters_in_development(open_page: Any, doors: Any) -> None:
    page = await ops(open_page)
    await expect(page.get_by_test_id("line")).to_have_attribute("data-phase", "live")
    assert doors.ops
    assert doors.hellos == [{"t": "hello", "ticket": "t1"}]


async def test_without_development_one_enters_by_phone_and_code(open_page: Any, doors: Any) -> None:
    doors.development = False
    page = await open_page("/ops/?test=1")
    await page.get_by_label("Phone number").fill("+33 6 39 98 00 07")
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code received by SMS").fill("000000")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_have_text("That code is not right.")
    await expect(page.get_by_test_id("dev-enter")).to_have_count(0)
    await page.get_by_label("Code received by SMS").fill("123456")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_test_id("console")).to_be_visible()


async def test_the_board_counts_what_the_server_counts(open_page: Any, town: Any) -> None:
    page = await ops(open_page)
    for state, n in town.counters()["providers"].items():
        if state != "off":
            await expect(count(page, state)).to_have_text(str(n))
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", "100")


async def test_deltas_make_the_same_town_as_a_full_frame(open_page: Any, doors: Any, town: Any) -> None:
    page = await ops(open_page)
    for _ in range(5):
        town.beat(20)
        await doors.lines[0].delta()
    await expect(count(page, "busy")).to_have_text(str(town.counters()["providers"]["busy"]))
    await expect(page.get_by_test_id("feed-requests").locator("button")).to_have_count(len(town.requests))


async def test_a_gap_in_the_numbers_asks_for_the_whole_again(open_page: Any, doors: Any, town: Any) -> None:
    page = await ops(open_page)
    before = len(doors.subscriptions)
    town.beat(30)
    await doors.lines[0].delta(skip=1)
    await expect(count(page, "idle")).to_have_text(str(town.counters()["providers"]["idle"]))
    assert len(doors.subscriptions) == before + 1


async def test_moving_the_map_asks_for_what_is_in_view(open_page: Any, doors: Any) -> None:
    page = await ops(open_page)
    first = doors.subscriptions[-1]
    doors.looked.clear()
    await page.get_by_label("Zoom in").click()
    async with asyncio.timeout(20):
        await doors.looked.wait()
    last = doors.subscriptions[-1]
    assert last["zoom"] > first["zoom"]
    assert last["bbox"][0] > first["bbox"][0]


async def test_a_lost_line_is_said_and_mended(open_page: Any, doors: Any, town: Any) -> None:
    page = await ops(open_page)
    await doors.lines[0].socket.close(4000)
    await expect(page.get_by_test_id("line")).not_to_have_attribute("data-phase", "live")
    await expect(page.get_by_test_id("line")).to_have_attribute("data-phase", "live")
    assert doors.hellos[-1] == {"t": "hello", "ticket": "t1", "after": 5, "epoch": "e1"}
    await expect(count(page, "idle")).to_have_text(str(town.counters()["providers"]["idle"]))


async def test_an_account_that_is_not_ops_is_told_so(open_page: Any, doors: Any) -> None:
    page = await ops(open_page)
    await doors.lines[0].socket.close(4507)
    await expect(page.get_by_role("alert")).to_have_text("This account is not ops. Sign in with one that is.")


async def test_a_state_can_be_hidden_and_shown_again(open_page: Any, town: Any) -> None:
    page = await ops(open_page)
    idle = town.counters()["providers"]["idle"]
    await page.locator("[data-state=idle]").click()
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", str(100 - idle))
    await expect(page.locator("[data-state=idle]")).to_have_attribute("aria-pressed", "false")
    await page.locator("[data-state=idle]").click()
    await expect(page.get_by_test_id("console")).to_have_attribute("data-providers", "100")


async def test_the_list_can_be_filtered_by_service(open_page: Any, town: Any) -> None:
    page = await ops(open_page)
    await page.get_by_label("Service", exact=True).select_option("parcel")
    wanted = sum(1 for request in town.requests if request["service"] == "parcel")
    await expect(page.get_by_test_id("feed-requests").locator("button")).to_have_count(wanted)


async def test_a_request_shows_its_rounds_and_reasons_by_keyboard_alone(open_page: Any) -> None:
    page = await ops(open_page)
    await page.get_by_test_id("feed-requests").locator("button").first.focus()
    await page.keyboard.press("Enter")
    panel = page.get_by_test_id("request-panel")
    await expect(panel).to_contain_text("Place du Casino")
    best = panel.get_by_test_id("round").first.locator("tbody tr").first
    await expect(best).to_contain_text("offered")
    await expect(best).to_contain_text("fairness")
    await panel.get_by_test_id("round").nth(1).locator("summary").click()
    await expect(panel).to_contain_text("Nobody in this round")
    await page.keyboard.press("Escape")
    await expect(panel).to_have_count(0)


async def test_an_engagement_shows_its_timeline_and_leads_to_its_provider(open_page: Any) -> None:
    page = await ops(open_page)
    await page.get_by_test_id("feed-engagements").locator("button").first.click()
    panel = page.get_by_test_id("request-panel")
    await expect(panel.locator("ol")).to_contain_text("confirmed")
    await panel.locator("dl .link").click()
    await expect(page.get_by_test_id("provider-panel")).to_be_visible()


async def test_a_marker_can_be_clicked_on_the_map(open_page: Any, town: Any) -> None:
    for mover in town.movers[1:]:
        mover.state = "idle"
    town.movers[0].path, town.movers[0].leg = [(43.7375, 7.4225), (43.7375, 7.4225)], 0
    town.movers[:], town.requests[:] = town.movers[:1], []
    page = await ops(open_page)
    # The map's home is that very place, in the middle of what the board and the list leave free.
    await page.mouse.click(284 + (1280 - 284 - 332) / 2, 400)
    await expect(page.get_by_test_id("provider-panel")).to_contain_text(town.movers[0].name)


async def test_the_map_is_not_blank_and_credits_openstreetmap(open_page: Any) -> None:
    page = await ops(open_page)
    await expect(page.get_by_role("link", name="© OpenStreetMap contributors")).to_be_visible()
    await page.evaluate("document.querySelectorAll('section, aside').forEach(e => e.remove())")
    picture = await page.locator("[data-testid=console]").screenshot()
    await page.evaluate("document.querySelector('.map').remove()")
    blank = await page.locator("[data-testid=console]").screenshot()
    assert len(picture) > 1.5 * len(blank)


async def test_an_empty_town_says_so(open_page: Any, doors: Any, town: Any) -> None:
    town.movers.clear()
    town.requests.clear()
    page = await ops(open_page)
    await expect(page.get_by_test_id("empty")).to_contain_text("Nobody on duty yet")


async def test_without_webgl_the_list_lives_on(open_page: Any, doors: Any, town: Any) -> None:
    page = await open_page("/ops/?test=1")
    await page.add_init_script(
        "const real = HTMLCanvasElement.prototype.getContext;"
        "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
        "  return String(kind).startsWith('webgl') ? null : real.call(this, kind, ...rest); };"
    )
    await page.reload()
    await entered(page)
    await expect(page.get_by_test_id("no-webgl")).to_be_visible()
    town.beat(30)
    await doors.lines[0].delta()
    await expect(page.get_by_test_id("feed-requests").locator("button")).to_have_count(len(town.requests))


async def test_the_page_breaks_no_policy_and_throws_nothing(open_page: Any) -> None:
    page = await open_page("/ops/")
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console", lambda message: said.append(message.text) if "Security Policy" in message.text else None
    )
    await entered(page)
    await page.get_by_test_id("feed-requests").locator("button").first.click()
    await expect(page.get_by_test_id("request-panel")).to_contain_text("Place du Casino")
    assert said == []
