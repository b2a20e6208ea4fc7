"""OpenAPI 3.1: what the framework writes, with problems in place of its own error shapes.

Refusals that any route may answer are documented here once, so that no resource has to repeat them.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import problems
from api.schemas import FieldError, Problem

DESCRIPTION = """Ask for a hand nearby, be asked, agree, follow, pay, review.

Errors are RFC 9457 problems with a stable `code`. Money is whole minor units. Times are RFC 3339, UTC.
POSTs that create or move something take an `Idempotency-Key`."""


def install(api: FastAPI) -> None:
    """Serve the amended document at the application's `openapi_url`."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = amended(
                get_openapi(
                    title=api.title,
                    version=api.version,
                    description=DESCRIPTION,
                    routes=api.routes,
                    separate_input_output_schemas=api.separate_input_output_schemas,
                )
            )
        return api.openapi_schema

    # The way the framework documents to extend it.
    api.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to replace it


def amended(document: dict[str, Any]) -> dict[str, Any]:
    """Problems for every refusal; the framework's validation shapes gone."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, FieldError):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for path, operation in _operations(document):
        answers = operation["responses"]
        answers.pop("422", None)
        shared = {429, 503}  # the database may be away
        if "requestBody" in operation:
            shared |= {400, 413, 422}
        if operation.get("parameters"):
            shared.add(422)
        if "{" in path:
            shared.add(404)
        if operation.get("security"):
            shared |= {401, 403}
        for status, answer in problems(*sorted(shared)).items():
            answers.setdefault(str(status), answer)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                yield path, operation
