"""The browser apps and the basemap, as static files beside the API."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI, HTTPException
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api.context import Anybody
from app.directories import basemap_of, web_directory
from domain.usecases import shares

APPS: Final = ("ops", "customer", "provider")
SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FOREVER: Final = "public, max-age=31536000, immutable"  # hashed file names
ASK_AGAIN: Final = "no-cache"  # pages: asked for each time, answered 304
POLICY: Final = (  # MapLibre's worker is a file of ours; deck.gl and Svelte set inline styles
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
    "connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Coudmain</title>
<body style="font:16px system-ui;max-width:40em;margin:4em auto;padding:0 1em">
<h1>The engine runs; its screens are not built</h1>
<p>Run <code>./coudmain up</code> once with a network, or <code>npm ci &amp;&amp; npm run build</code> in
<code>web/</code>, then reload. The API is at <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>"""


class Assets(StaticFiles):
    """Files whose names change with their content."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]  # whatever it takes, passed on
        answer.headers["Cache-Control"] = FOREVER
        return answer


def add_pages(api: FastAPI, built: Path | None = None) -> None:
    """Serve the landing page, each app, their assets and the basemaps. Deep links inside an app get its page."""
    dist = built or web_directory()

    def page(name: str) -> Response:
        file = dist / name / "index.html" if name else dist / "index.html"
        if not file.exists():
            return HTMLResponse(NOT_BUILT)
        headers = {"Cache-Control": ASK_AGAIN, "Content-Security-Policy": POLICY}
        return FileResponse(file, headers=headers, media_type="text/html")

    @api.get("/", include_in_schema=False)
    async def landing() -> Response:
        return page("")

    @api.get("/basemap/{market}.pmtiles", include_in_schema=False)
    async def basemap(market: str) -> Response:
        """The vector basemap, by ranges. Data © OpenStreetMap contributors, ODbL."""
        file = basemap_of(market)
        if not SLUG.fullmatch(market) or not file.exists():
            raise HTTPException(404, f"no basemap of {market[:60]}: ./coudmain up makes it")
        return FileResponse(
            file, media_type="application/vnd.pmtiles", headers={"Cache-Control": "max-age=3600"}
        )

    if (dist / "assets").is_dir():
        api.mount("/assets", Assets(directory=dist / "assets"), name="assets")

    @api.get("/favicon.svg", include_in_schema=False)
    async def favicon() -> Response:
        if not (dist / "favicon.svg").exists():
            raise HTTPException(404)
        return FileResponse(dist / "favicon.svg", headers={"Cache-Control": "max-age=86400"})

    @api.get("/t/{token}", include_in_schema=False)
    async def shared_trip(token: str, work: Anybody) -> Response:
        """The page behind a share link, which dies with its trip: then the page that says so comes with a 404."""
        answer = page("share")
        answer.status_code = 200 if await shares.is_followed(work, token) else 404
        answer.headers["X-Robots-Tag"] = "noindex"
        return answer

    for app in APPS:
        _add_app(api, app, page)


def _add_app(api: FastAPI, app: str, page: Callable[[str], Response]) -> None:
    @api.get(f"/{app}", include_in_schema=False, name=app)
    async def to_door() -> Response:
        return RedirectResponse(f"/{app}/", status_code=308)

    @api.get(f"/{app}/{{inside:path}}", include_in_schema=False, name=f"{app}-page")
    async def door(inside: str) -> Response:
        del inside  # the app reads it from the address
        return page(app)
