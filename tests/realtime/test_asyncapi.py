"""The document of the socket says what the socket does."""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.asyncapi import EXAMPLES, asyncapi_document
from realtime.commands import COMMANDS
from realtime.frames import DOWN_FRAMES, UP_FRAMES, Down, Frame, Up, tag_of
from tests.contract import NotAsDocumented, check_arguments, check_down, check_up, codes, may_go_up
from tests.realtime.documented import as_documented

EVERY = list(dict.fromkeys((*UP_FRAMES, *DOWN_FRAMES)))


@pytest.mark.parametrize("frame", EVERY, ids=tag_of)
def test_the_example_of_a_frame_is_one(frame: type[Frame]):
    text = json.dumps({"t": tag_of(frame), **EXAMPLES[frame]})
    kinds = Up if frame in UP_FRAMES else Down
    assert isinstance(msgspec.json.decode(text, type=kinds), frame)


def test_every_reference_leads_somewhere():
    document = asyncapi_document()
    references = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)))
    assert references
    for reference in references:
        node = document
        for word in reference.split("/"):
            node = node[word]


def test_every_frame_has_an_operation_and_every_command_its_arguments():
    document = asyncapi_document()
    assert document["asyncapi"] == "3.0.0"
    assert {
        name.removeprefix("receive_") for name in document["operations"] if name.startswith("receive_")
    } == {tag_of(frame) for frame in UP_FRAMES}
    assert {name.removeprefix("send_") for name in document["operations"] if name.startswith("send_")} == {
        tag_of(frame) for frame in DOWN_FRAMES
    }
    assert document["x-commands"].keys() == COMMANDS.keys()


def test_the_document_is_the_same_every_time():
    assert json.dumps(asyncapi_document()) == json.dumps(asyncapi_document())


# What a client may send

FIELDS = sorted({field.name for frame in UP_FRAMES for field in msgspec.structs.fields(frame)})
MOMENTS = [
    "2026-05-04T06:00:00Z",
    "2026-05-04T06:00:00.25+02:00",
    "2026-05-04T06:00:00",
    "2026-13-04T06:00:00Z",
    "noon",
]
NUMBERS = (
    st.integers(-1, 200) | st.integers(2**53 - 1, 2**53 + 1) | st.floats(-200, 200).filter(lambda x: x % 1)
)
SMALL = st.none() | st.booleans() | NUMBERS | st.text(max_size=6) | st.sampled_from(MOMENTS)
A_FIX = st.fixed_dictionaries({"lat": NUMBERS, "lon": NUMBERS, "at": st.sampled_from(MOMENTS)})
ANYTHING = st.one_of(
    SMALL,
    st.lists(NUMBERS, max_size=5),
    st.lists(A_FIX | SMALL, max_size=3),
    st.dictionaries(st.text(max_size=3), SMALL, max_size=3),
    st.sampled_from([1, 59, 60, 61, 64, 65, 100, 101, 120, 121, 200, 201, 4096, 4097]).map("x".__mul__),
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(UP_FRAMES), st.data())
def test_what_is_documented_of_a_frame_that_goes_up_is_what_is_decoded(
    frame: type[Frame], data: st.DataObject
):
    """The example of the frame with some of its fields, or others, changed at random."""
    changed = data.draw(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
    as_documented(json.dumps({"t": tag_of(frame), **EXAMPLES[frame], **changed}).encode())


def test_the_judge_condemns_what_the_document_has_not():
    check_up({"t": "ack", "seq": 3})
    check_down({"t": "failed", "id": "1", "problem": {"code": "lost_race"}})
    check_arguments("duty.set", {"on": False})
    assert may_go_up({"t": "ack", "seq": 3})
    never_up: list[dict[str, Any]] = [
        {"t": "ack", "seq": -1},
        {"t": "welcome"},
        {"t": "nonsense"},
        {"t": "position", "at": "noon"},
    ]
    for frame in never_up:
        assert not may_go_up(frame)
        with pytest.raises(NotAsDocumented):
            check_up(frame)
    never_down: list[dict[str, Any]] = [
        {"t": "hello"},
        {"t": "event", "seq": 1},
        {"t": "failed", "id": "1", "problem": {"code": "x"}},
    ]
    for frame in never_down:
        with pytest.raises(NotAsDocumented):
            check_down(frame)
    for op in ("duty.set", "world.conquer"):
        with pytest.raises(NotAsDocumented):
            check_arguments(op, {})
    assert {"invalid", "lost_race", "not_found"} <= codes()
