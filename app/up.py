"""`./coudmain up`: the engine with a living town on it, and at the end an honest account of what happened."""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from app import server
from app.engine import Engine, running
from app.settings import Settings
from domain.usecases.audit import Audit, audit
from domain.usecases.work import ENGINE, working

STREET_MPS: Final = 25.0  # the fastest street of a town, at life's pace
SETTLE_S: Final = 1.5  # for what was captured or published a moment ago to be written
TOWN_LEAVES: Final = 5.0  # s for the town's phones to hang up


@dataclass(frozen=True, slots=True)
class TownArguments:
    """What `up` was asked for."""

    host: str
    port: int
    drivers: int
    jobbers: int
    customers: int
    speed: float
    seconds: float | None
    json_file: Path | None
    seed: int

    @classmethod
    def of(cls, asked: argparse.Namespace) -> "TownArguments":
        return cls(
            asked.host, asked.port, asked.drivers, asked.jobbers, asked.customers,
            asked.speed, asked.seconds, asked.json, asked.seed,
        )  # fmt: skip


async def up(settings: Settings, database_url: str, asked: TownArguments) -> int:
    """Serve, fill the town, and with `--for` tell what happened: 1 if nothing finished or anything was unsound."""
    listener = server.bound(asked.host, asked.port)
    # Phones at twelve times life's pace imply speeds no car has: the check against impossible jumps allows them.
    paced = replace(settings, fastest_mps=max(settings.fastest_mps, 2 * STREET_MPS * asked.speed))
    async with running(paced, database_url) as engine:
        assert engine.api is not None
        async with server.answering(engine.api, listener, engine.drain) as serving:
            print(_welcome(asked), flush=True)
            with tempfile.TemporaryDirectory() as scratch:
                account = Path(scratch) / "town.json"
                async with _town(asked, account) as town:
                    await asyncio.wait({town, serving}, return_when=asyncio.FIRST_COMPLETED)
                return await _tell(engine, asked, account) if asked.seconds else 0


@asynccontextmanager
async def _town(asked: TownArguments, account: Path) -> AsyncIterator["asyncio.Task[int]"]:
    """The town's process; told to hang up when we leave, killed if it does not."""
    command = [
        sys.executable, "-m", "app.town",
        "--base", f"http://{_dialled(asked.host)}:{asked.port}",
        "--drivers", str(asked.drivers), "--jobbers", str(asked.jobbers), "--customers", str(asked.customers),
        "--speed", str(asked.speed), "--seed", str(asked.seed), "--json", str(account),
        "--tethered",
    ]  # fmt: skip
    if asked.seconds:
        command += ["--for", str(asked.seconds)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    waiting = asyncio.create_task(process.wait())
    try:
        yield waiting
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(TOWN_LEAVES):
                    await asyncio.shield(waiting)
            except TimeoutError:
                process.kill()
        await waiting


def _seen(account: Path) -> dict[str, Any]:
    """The town's own account; empty if it died before it could write one."""
    if not account.exists():
        return {"finished": {}, "counts": {}, "surprises": ["the town died"]}
    seen: dict[str, Any] = json.loads(account.read_text())
    return seen


async def _tell(engine: Engine, asked: TownArguments, account: Path) -> int:
    """What the town saw, and whether the stored world is sound."""
    await asyncio.sleep(SETTLE_S)
    seen = await asyncio.to_thread(_seen, account)
    async with working(engine.tools, ENGINE) as work:
        found = await audit(work)
    finished = seen["finished"]
    rides, jobs = finished.get("ride", 0), finished.get("job", 0)
    twice = found.breaches.get("a request engaged twice", 0) + found.breaches.get(
        "a provider on two exclusive engagements at once", 0
    )
    good = rides > 0 and jobs > 0 and found.sound
    report = {
        "ok": good,
        "seconds": asked.seconds,
        "speed": asked.speed,
        "finished": {"rides": rides, "odd_jobs": jobs, "parcels": finished.get("parcel", 0)},
        "assigned_twice": twice,
        "breaches": found.breaches,
        "stored": found.counts,
        "town": seen,
        "memory_mb": {"engine": _memory_mb(os.getpid())},
    }
    if asked.json_file is not None:
        asked.json_file.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n")
    print(_account(report, found, seen), flush=True)
    return 0 if good else 1


def _account(report: dict[str, Any], found: Audit, seen: dict[str, Any]) -> str:
    finished, counts = report["finished"], seen["counts"]
    lines = [
        "",
        (
            f"Finished in {report['seconds']:g} s: rides {finished['rides']}, odd jobs {finished['odd_jobs']}, "
            f"parcels {finished['parcels']}."
        ),
        (
            f"Offers accepted {counts.get('offer_accepted', 0)}, declined {counts.get('offer_declined', 0)}, "
            f"too late {counts.get('offer_accepted_too_late', 0)}; requests expired {counts.get('request_expired', 0)}."
        ),
    ]
    waits = seen.get("request_to_offer_ms") or []
    if waits:
        lines.append(f"Request to first offer: median {statistics.median(waits):.0f} ms.")
    if found.sound:
        lines.append(
            "Every invariant holds: nothing assigned twice, no gap in a stream, the ledger sums to zero."
        )
    lines += [f"BROKEN: {name}: {count}" for name, count in found.breaches.items()]
    if none := [
        kind for kind, many in (("ride", finished["rides"]), ("odd job", finished["odd_jobs"])) if not many
    ]:
        lines.append(
            f"FAILED: no {' and no '.join(none)} was finished; a longer --for, or a higher --speed, gives them time."
        )
    lines += [f"surprise: {one}" for one in seen.get("surprises", [])[:10]]
    return "\n".join(lines)


def _welcome(asked: TownArguments) -> str:
    address = f"http://{_dialled(asked.host)}:{asked.port}"
    return (
        f"\n  Coudmain runs at {address}\n"
        f"  the live map:   {address}/ops/\n"
        f"  the town:       {asked.drivers} drivers, {asked.jobbers} jobbers, {asked.customers} customers"
        f" at {asked.speed:g} x life's pace\n"
        "  Ctrl-C stops everything.\n"
    )


def _dialled(host: str) -> str:
    """The address to call what listens on `host`."""
    return {"127.0.0.1": "localhost", "0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104 - words to read, nothing is bound


def _memory_mb(pid: int) -> float:
    """Resident memory of a process, where the system tells."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
