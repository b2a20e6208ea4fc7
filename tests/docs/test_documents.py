"""What is written follows what the code does: the contract's two descriptions, the tables, the names."""

import json
import re
from dataclasses import fields

import msgspec
import pytest

from app.documents import words
from app.documents.pages import DOCS, MARKED, documents, the_api
from app.documents.tables import TABLES
from app.settings import Settings
from domain.rules.catalogue import read_spec, write_spec
from domain.rules.errors import every_refusal
from domain.rules.events import EventType
from domain.usecases.work import Knobs
from matching.policy import CallWeights, Policy

REFRESH = "run `.venv/bin/python -m app.documents` and commit what it wrote"


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """Every generated file as it should be."""
    return documents()


@pytest.mark.parametrize(
    "name", [*sorted(page.name for page in DOCS.glob("*.md")), "openapi.json", "asyncapi.json"]
)
def test_a_document_says_what_the_code_does(name: str, written: dict[str, str]):
    on_disk = (DOCS / name).read_text()
    assert written.get(name, on_disk) == on_disk, f"docs/{name} is out of date: {REFRESH}"


def test_every_table_stands_in_some_page():
    named = [found["name"] for page in DOCS.glob("*.md") for found in MARKED.finditer(page.read_text())]
    assert sorted(named) == sorted(TABLES)


def test_the_words_name_what_there_is():
    assert {field.name for field in fields(Settings)} - {"knobs"} == words.SETTINGS.keys()
    assert [field.name for field in fields(Knobs)] == list(words.KNOBS)
    assert list(EventType) == list(words.EVENTS)
    assert {field.name for field in fields(Policy)} - {"version"} == words.POLICY.keys()
    assert {field.name for field in fields(CallWeights)} - {"version"} == words.WEIGHTS.keys()


def test_every_refusal_is_in_the_table_of_errors():
    table = TABLES["errors"]()
    assert [refusal.code for refusal in every_refusal() if f"`{refusal.code}`" not in table] == ["refused"]


def test_the_committed_openapi_is_of_production():
    paths = json.loads((DOCS / "openapi.json").read_text())["paths"]
    assert not [path for path in paths if path.startswith("/v1/dev/")]
    assert "/v1/dev/outbox" in the_api(development=True).openapi()["paths"]


def test_the_example_of_a_service_is_one():
    block = re.search(r"```json\n(.*?)```", (DOCS / "services.md").read_text(), re.DOTALL)
    assert block is not None
    data = json.loads(block[1])
    assert data.pop("market") == "monaco"
    spec = read_spec(data)
    kept = write_spec(spec)
    assert {name: kept[name] for name in data.keys() & {"slug", "geo", "profile", "trade", "duration_s"}} == {
        name: data[name] for name in data.keys() & {"slug", "geo", "profile", "trade", "duration_s"}
    }
    assert read_spec(kept) == spec


def test_the_frames_of_the_guide_are_json():
    block = re.search(r"```json\n(.*?)```", (DOCS / "api-guide.md").read_text(), re.DOTALL)
    assert block is not None
    kinds = [msgspec.json.decode(line)["t"] for line in block[1].splitlines()]
    assert kinds == ["hello", "welcome", "event", "ack"]
