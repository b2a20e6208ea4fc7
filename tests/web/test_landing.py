"""The landing page: three doors, the server's numbers, two languages, no map library."""

import json

import pytest
from playwright.async_api import Page, Route, expect

from tests.stranger.acts import CASINO
from tests.stranger.conftest import People
from tests.stranger.engine import EngineProcess
from tests.web.conftest import OpenPage
from tests.web.sights import IN_A_BROWSER

pytestmark = IN_A_BROWSER


async def test_three_doors_lead_to_three_pages(open_page: OpenPage) -> None:
    page = await open_page("/")
    for door in ("customer", "provider", "ops"):
        await expect(page.get_by_test_id(f"door-{door}")).to_have_attribute("href", f"/{door}/")


async def test_every_link_leads_somewhere(open_page: OpenPage) -> None:
    page = await open_page("/")
    await expect(page.locator("footer a").first).to_be_visible()
    targets = await page.locator("a").evaluate_all("links => links.map(link => link.href)")
    for target in targets:
        assert (await page.request.get(target)).ok, target


@pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(245, 243, 238)"), ("dark", "rgb(11, 16, 32)")])
async def test_before_its_code_has_come_a_page_has_the_ground_of_the_browsers_wish(
    open_page: OpenPage, scheme: str, ground: str
) -> None:
    page = await open_page(
        "/", prepared=lambda page: page.route("**/*.js", lambda route: route.abort()), color_scheme=scheme
    )
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


async def test_the_numbers_are_the_servers(open_page: OpenPage, people: People) -> None:
    await people.provider("ride-vtc", at=CASINO)
    ops = await people.ops()
    services = len((await ops.get("/v1/services?market=monaco")).must(200)["items"])
    page = await open_page("/")
    now = page.get_by_test_id("now")
    await expect(now).to_contain_text("Monaco")
    await expect(now.locator("div").filter(has_text="services").locator("dd")).to_have_text(str(services))


async def test_whoever_is_on_duty_is_counted_where_the_server_tells(open_page: OpenPage) -> None:
    told = {"on_duty": 12, "open_requests": 3, "running": 7, "completed_today": 1204}

    async def with_now(route: Route) -> None:
        answer = await route.fetch()
        markets = await answer.json()
        markets["items"][0]["now"] = told
        await route.fulfill(response=answer, json=markets)

    async def prepared(page: Page) -> None:
        await page.route("**/v1/markets", with_now)

    now = (await open_page("/", prepared=prepared)).get_by_test_id("now")
    for words, figure in (("on duty", "12"), ("waiting", "3"), ("under way", "7"), ("done today", "1,204")):
        await expect(now.locator("div").filter(has_text=words).locator("dd")).to_have_text(figure)


async def test_without_its_server_the_page_still_says_what_it_is(open_page: OpenPage) -> None:
    page = await open_page("/", prepared=lambda page: page.route("**/v1/**", lambda route: route.abort()))
    await expect(page.locator("h1")).to_have_text("A helping hand, nearby.")
    await expect(page.get_by_test_id("now")).to_have_count(0)


async def test_the_language_changes_and_stays(open_page: OpenPage) -> None:
    page = await open_page("/")
    await expect(page.locator("h1")).to_have_text("A helping hand, nearby.")
    await page.get_by_label("Passer en français").click()
    await expect(page.locator("h1")).to_have_text("Un coup de main, tout près.")
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Un coup de main, tout près.")
    assert await page.evaluate("document.documentElement.lang") == "fr"


async def test_the_theme_follows_the_browser_until_one_chooses(open_page: OpenPage) -> None:
    page = await open_page("/", color_scheme="light")
    theme = "document.documentElement.dataset.theme"
    await expect(page.locator("h1")).to_be_visible()
    assert await page.evaluate(theme) == "light"
    await page.get_by_label("Dark theme").click()
    await page.reload()
    await expect(page.locator("h1")).to_be_visible()
    assert await page.evaluate(theme) == "dark"


async def test_no_map_library_is_loaded_and_no_other_host_asked(
    open_page: OpenPage, engine_process: EngineProcess
) -> None:
    page = await open_page("/")
    await expect(page.get_by_test_id("now")).to_be_visible()
    names = await page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
    assert all(name.startswith(engine_process.url) for name in names)
    assert not any("LiveMap" in name or "maplibre" in name for name in names)


@pytest.mark.parametrize("path", ["/", "/ops/", "/customer/", "/provider/", "/t/nothing-here"])
@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
async def test_a_small_phone_needs_no_sideways_scroll(open_page: OpenPage, path: str, locale: str) -> None:
    page = await open_page(path, viewport={"width": 360, "height": 740}, locale=locale)
    await expect(page.locator("h1")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", ["/", "/ops/", "/customer/", "/provider/", "/t/nothing-here"])
@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_everything_one_can_press_is_reached_by_tab_and_shows_it(
    open_page: OpenPage, path: str, scheme: str
) -> None:
    page = await open_page(path, color_scheme=scheme)
    await expect(page.locator("h1")).to_be_visible()
    wanted = await page.locator("a[href]:visible, button:enabled:visible, input:visible").count()
    reached = set()
    for _ in range(wanted + 2):
        await page.keyboard.press("Tab")
        seen = await page.evaluate(FOCUSED)
        if seen is not None:
            assert seen["outline"] != "none", seen
            reached.add(json.dumps(seen["box"]))
    assert len(reached) >= wanted


FOCUSED = """() => {
  const it = document.activeElement;
  if (!it || it === document.body) return null;
  const { x, y, width, height } = it.getBoundingClientRect();
  return { what: it.outerHTML.slice(0, 80), box: [x + scrollX, y + scrollY, width, height],
           outline: getComputedStyle(it).outlineStyle };
}"""
