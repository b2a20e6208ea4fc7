"""`ETag` and `If-None-Match` for reads that rarely change."""

import hashlib
from typing import Any, Final

from fastapi import Request, Response
from pydantic import BaseModel

UNCHANGED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "You have it already"}}
"""The `responses=` of a route that answers with an `ETag`."""


def answer_with_etag(request: Request, body: BaseModel) -> Response:
    """The body with a strong tag of its bytes; 304 with no body when the client has these bytes already."""
    content = body.model_dump_json().encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Language"}
    asked = request.headers.get("if-none-match", "")
    if any(one.strip().removeprefix("W/") in {tag, "*"} for one in asked.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/json", headers=headers)
