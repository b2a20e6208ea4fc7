"""Shared shapes of the public contract. Resources declare their own beside their routes.

Incoming models extend `In` and are built from the strict types below: `"5"` is not a number, `5` is not a
text, and a text may hold no NUL (PostgreSQL cannot keep one). Outgoing models extend `Out`; views of
`domain.usecases.views` return plain dicts that they document and check.
"""

import math
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from domain.rules.money import MOST_CENTS

LONGEST_TEXT = 2_000  # characters: a generous message; a body is capped anyway
DEEPEST_JSON = 8  # levels of a free-form value: a form's answers need two
NO_NUL = r"^[^\x00]*$"
TIME = "2026-05-04T08:30:00.000Z"
ID = "01970f2e-6b5c-7a10-9c3e-2f6d1b7a4e55"


def _is_text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "a text is needed")
    return value


def plain(value: Any, depth: int = 0) -> Any:
    """Refuse what JSON text may carry and JSONB cannot: NUL, NaN, endless nesting."""
    if depth > DEEPEST_JSON:
        raise PydanticCustomError("too_deep", "nested more than {most} deep", {"most": DEEPEST_JSON})
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise PydanticCustomError("odd_character", "a text holds a character that cannot be kept")
        if len(value) > LONGEST_TEXT:
            raise PydanticCustomError(
                "string_too_long",
                "a text is longer than {max_length} characters",
                {"max_length": LONGEST_TEXT},
            )
    elif isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("finite_number", "a number is not finite")
    elif isinstance(value, dict):
        for key, item in value.items():
            plain(key, depth + 1)
            plain(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            plain(item, depth + 1)
    return value


Text = Annotated[str, Field(strict=True, max_length=LONGEST_TEXT, pattern=NO_NUL)]
ShortText = Annotated[str, Field(strict=True, max_length=200, pattern=NO_NUL)]
Slug = Annotated[str, Field(strict=True, min_length=1, max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Language = Annotated[str, Field(strict=True, pattern=r"^[a-z]{2}$", examples=["fr"])]
Int = Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)]
Count = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Latitude = Annotated[float, Field(strict=True, ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(strict=True, ge=-180, le=180, allow_inf_nan=False)]
Moment = Annotated[AwareDatetime, BeforeValidator(_is_text), Field(examples=[TIME])]
"""An incoming time: RFC 3339 with a zone; numbers are not times."""
FreeForm = Annotated[dict[str, Any], AfterValidator(plain)]
"""A JSON object whose shape a service's form decides: bounded, finite, storable."""


class In(BaseModel):
    """What a client sends. Unknown members are ignored, so that both sides may add."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Out(BaseModel):
    """What a client reads."""

    model_config = ConfigDict(frozen=True)


class Money(Out):
    """Minor units and an ISO 4217 currency."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1250, "currency": "EUR"}]})

    amount: int
    currency: str


class MoneyIn(In):
    """The same, from a client: never negative."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 1250, "currency": "EUR"}]})

    amount: Annotated[int, Field(strict=True, ge=0, le=MOST_CENTS)]
    currency: Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")] = "EUR"


class Place(Out):
    """A point, WGS 84."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lat": 43.7348, "lon": 7.4206}]})

    lat: float
    lon: float


class PlaceIn(In):
    """A point from a client: out of range is refused, never clamped."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"lat": 43.7348, "lon": 7.4206}]})

    lat: Latitude
    lon: Longitude


class FieldError(Out):
    """What is wrong with one value; `pointer` is a JSON pointer into the body, or names the parameter."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; refusals may add members of their own (`retry_after_s`, `nearest` …)."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "/problems/not_found",
                    "title": "Nothing here that you may see",
                    "status": 404,
                    "detail": "Nothing here that you may see",
                    "code": "not_found",
                    "request_id": ID,
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] = []


Item = TypeVar("Item")


class Page(Out, Generic[Item]):
    """One page of a list; `next_cursor` is null at its end."""

    items: list[Item]
    next_cursor: str | None = None


RowId = UUID
"""An id in a path. A malformed one is answered 404, as an unknown one is (`api.problems`)."""
Time = Annotated[str, Field(examples=[TIME], json_schema_extra={"format": "date-time"})]
"""An outgoing time, as `domain.rules.wire.moment` writes it: the same text on HTTP and on the socket."""
