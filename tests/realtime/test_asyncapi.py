"""The document of the socket says what the socket does."""

import json
import re

import msgspec
import pytest

from realtime.asyncapi import EXAMPLES, asyncapi_document
from realtime.commands import COMMANDS
from realtime.frames import DOWN_FRAMES, UP_FRAMES, Down, Frame, Up, tag_of

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
