"""Every generated file of docs/: the two descriptions of the contract, and the pages that hold tables.

A table stands between `<!-- table: name -->` and `<!-- end -->`; the prose around it is written by hand.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import async_sessionmaker

from api.app import ApiSettings, create_api
from app.clock import SystemClock, new_id
from app.directories import ROOT
from app.documents.tables import TABLES
from app.live import Markets
from app.psp_sandbox import SandboxPsp
from domain.usecases.work import Knobs, Secrets, Tools
from realtime.asyncapi import asyncapi_document
from realtime.bus_inproc import InProcBus

DOCS: Final = ROOT / "docs"
MARKED: Final = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def the_api(*, development: bool = False) -> FastAPI:
    """The application over nothing: enough to describe itself, not to answer."""
    nothing = bytes(32)
    tools = Tools(
        sessions=async_sessionmaker(),
        clock=SystemClock(),
        new_id=new_id,
        entropy=bytes,
        bus=InProcBus(),
        psp=SandboxPsp(nothing),
        cities={},
        live=Markets(),
        secrets=Secrets(nothing, nothing, nothing),
        knobs=Knobs(),
        development=development,
    )
    return create_api(tools, ApiSettings())


def documents() -> dict[str, str]:
    """What every generated file should hold, by its name under docs/."""
    written = {
        "openapi.json": _json(the_api().openapi()),
        "asyncapi.json": _json(asyncapi_document()),
    }
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text()
        if MARKED.search(text):
            written[page.name] = MARKED.sub(_filled, text)
    return written


def _filled(found: re.Match[str]) -> str:
    return f"{found[1]}\n{TABLES[found['name']]()}\n\n{found[3]}"


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
