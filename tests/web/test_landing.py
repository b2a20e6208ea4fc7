"""The landing page: three doors, live numbers, two languages, no map library."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.browser


async def test_three_doors_lead_to_three_pages(open_page: Any) -> None:
    page = await open_page("/")
    for door in ("customer", "provider", "ops"):
        await expect(page.get_by_test_id(f"door-{door}")).to_have_attribute("href", f"/{door}/")


async def test_the_numbers_are_the_servers(open_page: Any, town: Any) -> None:
    page = await open_page("/")
    now = page.get_by_test_id("now")
    await expect(now).to_contain_text("Monaco")
    await expect(now).to_contain_text(str(len(town.movers)))


async def test_the_language_changes_and_stays(open_page: Any) -> None:
    page = await open_page("/")
    await expect(page.locator("h1")).to_have_text("A helping hand, nearby.")
    await page.get_by_label("Passer en français").click()
    await expect(page.locator("h1")).to_have_text("Un coup de main, tout près.")
    await page.reload()
    await expect(page.locator("h1")).to_have_text("Un coup de main, tout près.")
    assert await page.evaluate("document.documentElement.lang") == "fr"


async def test_the_theme_follows_the_browser_until_one_chooses(open_page: Any) -> None:
    page = await open_page("/", color_scheme="light")
    theme = "document.documentElement.dataset.theme"
    assert await page.evaluate(theme) == "light"
    await page.get_by_label("Dark theme").click()
    await page.reload()
    assert await page.evaluate(theme) == "dark"


async def test_no_map_library_is_loaded_and_no_other_host_asked(open_page: Any, address: str) -> None:
    page = await open_page("/")
    await expect(page.get_by_test_id("now")).to_be_visible()
    names = await page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
    assert all(name.startswith(address) for name in names)
    assert not any("LiveMap" in name or "maplibre" in name for name in names)


async def test_a_phone_needs_no_sideways_scroll(open_page: Any) -> None:
    for path in ("/", "/ops/", "/customer/", "/provider/"):
        page = await open_page(path, viewport={"width": 360, "height": 740})
        await expect(page.locator("h1")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, path
