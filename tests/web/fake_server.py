"""The doors of the real server in front of a made-up town: enough of the API for the built pages to live on.

It serves `web/dist` and signs anybody in with the code 123456.
`python -m tests.web.fake_server` lets the town beat once a second, for whoever works on the pages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from tests.web.fake_town import LOOPS, SERVICES, FakeTown, Json

DIST = Path(__file__).parents[2] / "web" / "dist"


class Line:
    """The map channel of one socket: a full frame, then what differs from the last one sent."""

    def __init__(self, socket: WebSocket, town: FakeTown, channel: str) -> None:
        self.socket, self.town, self.channel = socket, town, channel
        self.n, self.sent = 0, town.items()

    def _frame(self, **fields: Any) -> Json:
        return {"t": "map", "channel": self.channel, "n": self.n, "counters": self.town.counters(), **fields}

    async def whole(self) -> None:
        self.n, self.sent = self.n + 1, self.town.items()
        await self.socket.send_json(self._frame(full=True, upsert=list(self.sent.values()), remove=[]))

    async def delta(self, *, skip: int = 0) -> None:
        """The next delta; `skip` leaves numbers out, as a lost frame would."""
        now = self.town.items()
        self.n += 1 + skip
        upsert = [item for id_, item in now.items() if self.sent.get(id_) != item]
        gone = [id_ for id_ in self.sent if id_ not in now]
        self.sent = now
        await self.socket.send_json(self._frame(full=False, upsert=upsert, remove=gone))


@dataclass
class Doors:
    """What the server remembers between calls; tests read and change it."""

    town: FakeTown
    lines: list[Line] = field(default_factory=list)
    hellos: list[Json] = field(default_factory=list)
    subscriptions: list[Json] = field(default_factory=list)
    ops: bool = False
    duty: bool = False
    offers: list[Json] = field(default_factory=list)
    answered: list[tuple[str, str]] = field(default_factory=list)
    mine: list[Json] = field(default_factory=list)
    development: bool = True
    looked: asyncio.Event = field(default_factory=asyncio.Event)


def server(doors: Doors, *, dist: Path = DIST, basemap: Path | None = None, beats: bool = False) -> FastAPI:
    """The fake server. `beats` lets the town live by itself, once a second."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_heartbeat(doors)) if beats else None
        yield
        if task:
            task.cancel()

    app = FastAPI(lifespan=life, docs_url=None)

    @app.middleware("http")
    async def guarded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    _accounts(app, doors)
    _town(app, doors)
    _phones(app, doors)
    _socket(app, doors)
    if basemap:
        app.mount("/basemap", StaticFiles(directory=basemap))
    app.mount("/", StaticFiles(directory=dist, html=True))
    return app


POLICY = (  # as strict as the real server's: what the pages need beyond it must show here
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'"
)


async def _heartbeat(doors: Doors) -> None:
    while True:
        await asyncio.sleep(1)
        doors.town.beat()
        for line in list(doors.lines):
            await line.delta()


def _problem(status: int, code: str) -> JSONResponse:
    body = {"type": "about:blank", "title": code.replace("_", " "), "status": status, "code": code}
    return JSONResponse(body, status, media_type="application/problem+json")


def _accounts(app: FastAPI, doors: Doors) -> None:
    @app.post("/v1/auth/otp", status_code=202)
    async def otp() -> Json:
        return {"challenge_id": "c1", "expires_in": 300}

    @app.post("/v1/auth/token")
    async def token(request: Request) -> Any:
        body = await request.json()
        if "refresh_token" not in body and body.get("code") != "123456":
            return _problem(401, "wrong_code")
        return {"access_token": "a", "refresh_token": "r", "expires_in": 900, "account_id": "me"}

    @app.get("/v1/dev/outbox")
    async def outbox(to: str) -> Any:
        if not doors.development:
            return _problem(404, "not_found")
        return {
            "items": [{"to": to, "kind": "otp", "body": "123456", "data": {"code": "123456"}, "at": "now"}]
        }

    @app.post("/v1/dev/ops")
    async def ops() -> Json:
        doors.ops = True
        return {}

    @app.post("/v1/ws/tickets")
    async def ticket() -> Json:
        return {"ticket": "t1"}


def _town(app: FastAPI, doors: Doors) -> None:
    @app.get("/v1/markets")
    async def markets() -> Json:
        counters = doors.town.counters()
        on_duty = sum(counters["providers"].values()) - counters["providers"]["off"]
        now = {
            "on_duty": on_duty, "open_requests": len(doors.town.requests),
            "running": counters["engagements"]["running"], "completed_today": sum(doors.town.done.values()),
        }  # fmt: skip
        return {
            "items": [{"id": "monaco", "slug": "monaco", "name": "Monaco", "now": now}],
            "next_cursor": None,
        }

    @app.get("/v1/services")
    async def services() -> Json:
        return {"items": SERVICES, "next_cursor": None}

    @app.get("/v1/requests/{id_}")
    async def request(id_: str) -> Json:
        return {
            "id": id_, "state": "open", "service": "ride-vtc", "created_at": "2026-11-23T09:00:00Z",
            "price": {"amount": 1840, "currency": "EUR"},
            "stops": [
                {"kind": "pickup", "lat": 43.7396, "lon": 7.4272, "label": "Place du Casino"},
                {"kind": "drop", "lat": 43.7312, "lon": 7.419, "label": "Gare de Monaco"},
            ],
        }  # fmt: skip

    @app.get("/v1/ops/requests/{id_}/rounds")
    async def rounds(id_: str) -> Json:
        return {"items": doors.town.rounds(id_)}

    @app.get("/v1/engagements/{id_}/timeline")
    async def timeline(id_: str) -> Json:
        names = ["engagement.confirmed", "engagement.en_route"]
        return {"items": [{"at": f"2026-11-23T09:0{i}:00Z", "type": name} for i, name in enumerate(names)]}


def _phones(app: FastAPI, doors: Doors) -> None:
    @app.get("/v1/me/requests")
    async def mine() -> Json:
        return {"items": doors.mine, "next_cursor": None}

    @app.post("/v1/requests/{id_}/cancel")
    async def cancel(id_: str) -> Json:
        for one in doors.mine:
            if one["id"] == id_:
                one["state"] = "cancelled"
        return {}

    @app.put("/v1/me/provider")
    async def provider() -> Json:
        return {}

    @app.post("/v1/me/positions", status_code=202)
    async def positions() -> Json:
        return {"accepted": 1, "dropped": []}

    @app.get("/v1/me/duty")
    async def on_duty() -> Json:
        return {"on": doors.duty}

    @app.put("/v1/me/duty")
    async def duty(request: Request) -> Json:
        doors.duty = (await request.json())["on"]
        return {"on": doors.duty}

    @app.get("/v1/me/offers")
    async def offers() -> Json:
        return {"items": doors.offers, "next_cursor": None}

    @app.post("/v1/offers/{id_}/{verb}")
    async def answer(id_: str, verb: str) -> Any:
        doors.answered.append((id_, verb))
        doors.offers = [offer for offer in doors.offers if offer["id"] != id_]
        return {}


def _socket(app: FastAPI, doors: Doors) -> None:
    @app.websocket("/v1/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept(subprotocol="coudmain.v1")
        line: Line | None = None
        try:
            async for frame in socket.iter_json():
                if frame["t"] == "hello":
                    doors.hellos.append(frame)
                    await socket.send_json(
                        {"t": "welcome", "session": "s", "seq": 5, "epoch": "e1", "heartbeat_s": 25}
                    )
                elif frame["t"] == "subscribe" and frame["channel"].startswith("map:"):
                    doors.subscriptions.append(frame)
                    doors.looked.set()
                    if line is None:
                        line = Line(socket, doors.town, frame["channel"])
                        doors.lines.append(line)
                    await line.whole()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            if line in doors.lines:
                doors.lines.remove(line)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The built pages over a made-up town.")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--basemap", type=Path, help="a folder with monaco.pmtiles")
    parser.add_argument("--paths", type=Path, help="JSON: a list of [[lat, lon], …] to move along")
    parser.add_argument("--empty", action="store_true", help="a town with nobody on duty")
    args = parser.parse_args()
    paths = (
        [[(lat, lon) for lat, lon in path] for path in json.loads(args.paths.read_text())]
        if args.paths
        else LOOPS
    )
    town = FakeTown(drivers=0, jobbers=0, paths=paths) if args.empty else FakeTown(paths=paths)
    uvicorn.run(server(Doors(town), basemap=args.basemap, beats=True), port=args.port, log_level="warning")
