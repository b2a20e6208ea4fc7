"""The published documents as judges: what AsyncAPI says of a frame, which codes a problem may have.

Read from `docs/`, as a stranger would; that the engine serves the same is another test's business.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

DOCS: Final = Path(__file__).parents[1] / "docs"

Frame = dict[str, Any]


class NotAsDocumented(AssertionError):
    """A frame or a problem is not what the documents say."""


def check_up(frame: Frame) -> None:
    """A client may send this."""
    _check("receive", frame)


def check_down(frame: Frame) -> None:
    """The server may send this; a problem in it has a known code."""
    _check("send", frame)
    if "problem" in frame and frame["problem"].get("code") not in codes():
        raise NotAsDocumented(f"no documented code: {json.dumps(frame)[:500]}")


def may_go_up(frame: Frame) -> bool:
    """Whether the document lets a client send this."""
    validator = _validator("receive", str(frame["t"]))
    return validator is not None and validator.is_valid(frame)


def check_arguments(op: str, arguments: Frame) -> None:
    """A command that was carried out is in the document, and so were its arguments."""
    reference = _document()["x-commands"].get(op)
    if reference is None or not _of(reference).is_valid(arguments):
        raise NotAsDocumented(f"{op} was carried out with {json.dumps(arguments)[:500]}")


@cache
def codes() -> frozenset[str]:
    """Every code that the guide's table of problems has."""
    table = (
        (DOCS / "api-guide.md")
        .read_text()
        .partition("<!-- table: errors -->")[2]
        .partition("<!-- end -->")[0]
    )
    found = frozenset(re.findall(r"^\| `([a-z_]+)` \| \d{3} \|", table, re.MULTILINE))
    if not found:
        raise NotAsDocumented("the guide has no table of problems")
    return found


def _check(action: str, frame: Frame) -> None:
    validator = _validator(action, str(frame.get("t")))
    if validator is None:
        raise NotAsDocumented(f"nobody is said to {action} {json.dumps(frame)[:500]}")
    try:
        validator.validate(frame)
    except jsonschema_rs.ValidationError as wrong:
        raise NotAsDocumented(f"{wrong.message}: {json.dumps(frame)[:500]}") from None


@cache
def _document() -> Any:
    return json.loads((DOCS / "asyncapi.json").read_text())


@cache
def _validator(action: str, t: str) -> jsonschema_rs.Draft202012Validator | None:
    """What the document says of such frames in that direction, seen from the server; None: nothing."""
    if f"{action}_{t}" not in _document()["operations"]:
        return None
    return _of(_document()["components"]["messages"][t]["payload"])


def _of(schema: Frame) -> jsonschema_rs.Draft202012Validator:
    whole = {**schema, "components": _document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
