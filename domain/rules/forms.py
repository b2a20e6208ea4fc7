"""Answers to a service's form: checked against its fields, nothing else kept. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from domain.rules.catalogue import FormField
from domain.rules.errors import Invalid

MAX_TEXT: Final = 2_000  # characters; a page of explanation
LONGEST_WORK_MIN: Final = 7 * 24 * 60  # minutes: what takes longer than a week is several jobs


def read_answers(fields: tuple[FormField, ...], answers: Mapping[str, Any]) -> dict[str, Any]:
    """The answers a service asked for; `Invalid` names every one that is missing or wrong."""
    known = {field.name for field in fields}
    kept: dict[str, Any] = {}
    errors = [
        _error(name, ("this service does not ask for it", "ce service ne le demande pas"))
        for name in answers
        if name not in known
    ]
    for field in fields:
        value = answers.get(field.name)
        if value is None:
            if field.required:
                errors.append(_error(field.name, ("an answer is required", "une réponse est demandée")))
            continue
        wrong = _wrong(field, value)
        if wrong:
            errors.append(_error(field.name, wrong))
        else:
            kept[field.name] = value
    if errors:
        raise Invalid("some answers cannot be accepted", errors=errors)
    return kept


def estimated_s(answers: Mapping[str, Any]) -> int | None:
    """The customer's own estimate of the work in seconds, from `duration_min`; `None` where they make none.

    `Invalid` unless it lies between a minute and a week: prices, agendas and rounds reckon with it.
    """
    minutes = answers.get("duration_min")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        return None
    if not 1 <= minutes <= LONGEST_WORK_MIN:
        raise Invalid.field(
            "/answers/duration_min",
            f"between 1 and {LONGEST_WORK_MIN} minutes",
            f"entre 1 et {LONGEST_WORK_MIN} minutes",
        )
    return int(minutes * 60)


def _error(name: str, words: tuple[str, str]) -> dict[str, str]:
    english, french = words
    pointed = name[:60].replace("~", "~0").replace("/", "~1")
    return {"pointer": f"/answers/{pointed}", "detail": english, "french": french}


def _wrong(field: FormField, value: Any) -> tuple[str, str] | None:
    """What is wrong with an answer, in English and in French."""
    match field.type:
        case "text":
            fits = isinstance(value, str) and len(value) <= MAX_TEXT
            return (
                None
                if fits
                else (
                    f"a text of at most {MAX_TEXT} characters",
                    f"un texte de {MAX_TEXT} caractères au plus",
                )
            )
        case "number":
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            return None if fits else ("a number", "un nombre")
        case "boolean":
            return None if isinstance(value, bool) else ("true or false", "vrai ou faux")
    choices = ", ".join(field.choices)
    return None if value in field.choices else (f"one of {choices}", f"l'un de : {choices}")
