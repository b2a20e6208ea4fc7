"""The document and the decoder are of one mind about every frame that goes up."""

import json

from realtime.frames import WrongFrame, read
from tests.contract import may_go_up


def as_documented(text: bytes) -> bytes:
    """The same frame, once it is clear that what is documented is what is decoded."""
    try:
        taken = read(text) is not None
    except WrongFrame:
        taken = False
    documented = may_go_up(json.loads(text))
    assert taken == documented, f"taken: {taken}, documented: {documented}: {text[:500]!r}"
    return text
