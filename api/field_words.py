"""What is wrong with one value, in the reader's language.

The framework's own sentences are English; an error of it has a type and its numbers, from which the French is said.
"""

from collections.abc import Mapping
from typing import Any, Final

FRENCH: Final[Mapping[str, str]] = {
    "bool_type": "vrai ou faux",
    "datetime_from_date_parsing": "une date et une heure (RFC 3339)",
    "datetime_parsing": "une date et une heure (RFC 3339)",
    "dict_type": "un objet JSON",
    "enum": "l'un de : {expected}",
    "finite_number": "un nombre fini",
    "float_type": "un nombre",
    "greater_than": "plus de {gt}",
    "greater_than_equal": "au moins {ge}",
    "int_from_float": "un nombre entier",
    "int_parsing": "un nombre entier",
    "int_type": "un nombre entier",
    "half_a_code": "challenge_id et code vont ensemble",
    "json_invalid": "ce n'est pas du JSON",
    "less_than_equal": "au plus {le}",
    "list_type": "une liste",
    "literal_error": "l'un de : {expected}",
    "missing": "cette valeur manque",
    "model_attributes_type": "un objet JSON",
    "no_market": "pour prendre son service il faut une ville",
    "odd_character": "ce texte contient un caractère qu'on ne peut garder",
    "one_push_address": "soit un push_token, soit un installation_id",
    "one_sign_in": "soit challenge_id et code, soit firebase_id_token, soit refresh_token",
    "quote_or_service": "soit un quote_id, soit un service et ses lieux",
    "string_pattern_mismatch": "ce texte n'a pas la forme attendue",
    "string_too_long": "au plus {max_length} caractères",
    "string_too_short": "au moins {min_length} caractères",
    "string_type": "un texte",
    "timezone_aware": "une heure avec son fuseau",
    "too_deep": "pas plus de {most} niveaux",
    "too_long": "au plus {max_length} élément(s)",
    "too_short": "au moins {min_length} élément(s)",
    "uuid_parsing": "un identifiant (UUID)",
    "uuid_type": "un identifiant (UUID)",
}
OTHER: Final = "cette valeur ne peut être acceptée"


def words_of(error: Mapping[str, Any], language: str) -> str:
    """One error of the framework's validation as a sentence; what was sent is not said again."""
    if language != "fr":
        return str(error["msg"]).removeprefix("Value error, ")
    facts = {name: str(value).replace(" or ", " ou ") for name, value in error.get("ctx", {}).items()}
    return FRENCH.get(error["type"], OTHER).format_map(facts)
