"""Suggestions as JSON: cells and money, and the sentence that they are no orders."""

from typing import Any, Final

from domain.rules.terms import APPROACH_STEP_S
from domain.usecases.suggestions import Place, Suggestions

WORDS: Final = {
    "en": "Only a suggestion: going there or not changes nothing else.",
    "fr": "Une simple suggestion : y aller ou non ne change rien d'autre.",
}
WHY_NONE: Final = {
    "no_data": {
        "en": "Too little was asked for at this time of day to tell.",
        "fr": "Trop peu de demandes à cette heure pour se prononcer.",
    },
    "no_position": {
        "en": "Your phone has not told where it is.",
        "fr": "Votre téléphone n'a pas donné sa position.",
    },
    "no_gain": {
        "en": "Nowhere near promises more than where you are.",
        "fr": "Aucun lieu proche ne promet plus que là où vous êtes.",
    },
}


def suggestions_view(told: Suggestions, language: str) -> dict[str, Any]:
    """The answer to one provider, in their language."""
    spoken = language if language in WORDS else "en"
    return {
        "items": [_place(place) for place in told.places],
        "days": told.days,
        "why_none": told.why_none,
        "words": (WHY_NONE[told.why_none] if told.why_none else WORDS)[spoken],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "cell": place.cell,
        "center": {"lat": round(place.middle.lat, 5), "lon": round(place.middle.lon, 5)},
        "label": place.label,
        "travel_s": -int(-place.travel_s // APPROACH_STEP_S) * APPROACH_STEP_S,
        "gain_per_hour": place.gain.as_json(),
        "gain_low": place.low.as_json(),
        "gain_high": place.high.as_json(),
    }
