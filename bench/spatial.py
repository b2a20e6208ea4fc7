"""The peers of the live index: Redis over a Unix socket and PostGIS in a cluster of its own, each started here."""

import contextlib
import importlib
import importlib.util
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray

from app.postgres import USER, PrivateCluster, throwaway, throwaway_directory
from bench.processes import LOOK_EVERY, children_of, cost_of

Floats = NDArray[np.float64]

READY_WITHIN: Final = 30.0  # s
CHUNK: Final = 1_000  # members a GEOADD
WIDER: Final = 3.0  # times the radius, while a search finds too few
WIDEST_M: Final = 3e6  # all of the country


class Redis:
    """One key with every provider's place."""

    def __init__(self, client: Any, server: "subprocess.Popen[bytes]", first_radius_m: float) -> None:
        self._client, self._server, self._radius_m = client, server, first_radius_m

    def cpu_s(self) -> float:
        return cost_of(self._server.pid).cpu_s

    def put(self, members: Sequence[str], lat: Floats, lon: Floats, piped: int = 100) -> None:
        """GEOADD of a thousand members each, so many in a pipeline."""
        lats, lons = lat.tolist(), lon.tolist()
        chunks = [
            [
                value
                for n in range(at, min(at + CHUNK, len(members)))
                for value in (lons[n], lats[n], members[n])
            ]
            for at in range(0, len(members), CHUNK)
        ]
        for at in range(0, len(chunks), piped):
            pipe = self._client.pipeline(transaction=False)
            for chunk in chunks[at : at + piped]:
                pipe.execute_command("GEOADD", "fleet", *chunk)
            pipe.execute()

    def nearest(self, lat: float, lon: float, k: int) -> list[Any]:
        """GEOSEARCH, in a wider circle until there are k."""
        radius = self._radius_m
        while True:
            found: list[Any] = self._client.execute_command(*_search(lat, lon, radius, k))
            if len(found) >= k or radius > WIDEST_M:
                return found
            radius *= WIDER

    def nearest_many(self, lat: Sequence[float], lon: Sequence[float], k: int) -> list[list[Any]]:
        """All in a pipeline; those that found too few in another."""
        found: list[list[Any]] = [[] for _ in lat]
        asking, radius = list(range(len(lat))), self._radius_m
        while asking:
            pipe = self._client.pipeline(transaction=False)
            for n in asking:
                pipe.execute_command(*_search(lat[n], lon[n], radius, k))
            for n, answer in zip(asking, pipe.execute(), strict=True):
                found[n] = answer
            asking = [n for n in asking if len(found[n]) < k] if radius <= WIDEST_M else []
            radius *= WIDER
        return found


def _search(lat: float, lon: float, radius_m: float, k: int) -> tuple[Any, ...]:
    where = ("FROMLONLAT", lon, lat, "BYRADIUS", radius_m, "m")
    return ("GEOSEARCH", "fleet", *where, "ASC", "COUNT", k, "WITHDIST")


@contextlib.contextmanager
def redis(first_radius_m: float) -> Iterator[Redis | None]:
    """A server that keeps nothing, gone at the end; None where the server or its client is not installed."""
    if importlib.util.find_spec("redis") is None or shutil.which("redis-server") is None:
        yield None
        return
    directory = throwaway_directory()
    socket = directory / "redis"
    command = ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([*command, "--dir", str(directory)], stdout=subprocess.DEVNULL)
    client = importlib.import_module("redis").Redis(unix_socket_path=str(socket))
    try:
        _await(socket)
        yield Redis(client, server, first_radius_m)
    finally:
        client.close()
        server.terminate()
        server.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _await(socket: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not socket.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("redis-server did not open its socket")
        time.sleep(LOOK_EVERY)


ONE: Final = """
select id from fleet order by place <-> st_setsrid(st_makepoint($1, $2), 4326)::geography limit $3
"""
MANY: Final = """
select asked.n, near.id
from unnest($1::float8[], $2::float8[]) with ordinality asked(lon, lat, n),
lateral (select id from fleet order by place <-> st_setsrid(st_makepoint(lon, lat), 4326)::geography limit $3) near
"""
MOVE: Final = """
update fleet set place = st_setsrid(st_makepoint(lon, lat), 4326)::geography
from unnest($1::uuid[], $2::float8[], $3::float8[]) moved(id, lon, lat) where fleet.id = moved.id
"""


class Postgis:
    """A table of geographies under GiST."""

    def __init__(self, cluster: PrivateCluster, db: Any) -> None:
        self._cluster, self._db = cluster, db

    def cpu_s(self) -> float:
        postmaster = self._cluster.pid()
        return 0.0 if postmaster is None else sum(cost_of(child).cpu_s for child in children_of(postmaster))

    async def load(self, ids: Sequence[UUID], lat: Floats, lon: Floats) -> None:
        """COPY, then the index: as a loader would."""
        await self._db.execute("create table arriving (id uuid, lon float8, lat float8)")
        rows = zip(ids, lon.tolist(), lat.tolist(), strict=True)
        await self._db.copy_records_to_table("arriving", records=rows)
        await self._db.execute(
            "create table fleet as "
            "select id, st_setsrid(st_makepoint(lon, lat), 4326)::geography as place from arriving"
        )
        await self._db.execute("alter table fleet add primary key (id)")
        await self._db.execute("create index on fleet using gist (place)")
        await self._db.execute("vacuum analyze fleet")

    async def put(self, ids: Sequence[UUID], lat: Floats, lon: Floats) -> None:
        await self._db.execute(MOVE, ids, lon.tolist(), lat.tolist())

    async def nearest(self, lat: float, lon: float, k: int) -> list[UUID]:
        return [row["id"] for row in await self._db.fetch(ONE, lon, lat, k)]

    async def nearest_many(self, lat: Sequence[float], lon: Sequence[float], k: int) -> list[list[UUID]]:
        found: list[list[UUID]] = [[] for _ in lat]
        for row in await self._db.fetch(MANY, list(lon), list(lat), k):
            found[row["n"] - 1].append(row["id"])
        return found


@contextlib.asynccontextmanager
async def postgis() -> AsyncIterator[Postgis]:
    """A throw-away cluster (fsync off: to its advantage) with one connection."""
    with throwaway() as cluster:
        cluster.prepare()
        db = await asyncpg.connect(
            host=str(cluster.socket_directory), user=USER, database="coudmain", timeout=READY_WITHIN
        )
        try:
            yield Postgis(cluster, db)
        finally:
            await db.close()
