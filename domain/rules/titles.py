"""What a refusal is called in French; the classes carry the English. A test proves the map total."""

from collections.abc import Mapping
from typing import Any, Final

from domain.rules.errors import Refusal

FRENCH: Final[Mapping[str, str]] = {
    "account_suspended": "Ce compte est suspendu",
    "agenda_conflict": "Cela empiète sur un autre rendez-vous de l'agenda",
    "already_busy": "Vous avez déjà une mission en cours",
    "already_proposed": "Vous avez déjà une proposition sur cette demande",
    "already_reviewed": "Vous avez déjà donné votre avis sur cette mission",
    "challenge_over": "Ce code n'est plus valable ; demandez-en un autre",
    "counter_twice": "On ne négocie une proposition qu'une fois",
    "forbidden": "Votre rôle ne le permet pas",
    "idempotency_mismatch": "Cette Idempotency-Key a servi avec un autre contenu",
    "illegal_move": "Ce n'est pas possible dans l'état présent",
    "invalid": "Certaines valeurs ne peuvent être acceptées",
    "lost_race": "Quelqu'un d'autre a été plus rapide",
    "not_a_provider": "Inscrivez-vous d'abord comme prestataire (PUT /v1/me/provider)",
    "not_eligible": "Cette demande ne vous est pas ouverte",
    "not_found": "Rien ici que vous puissiez voir",
    "not_on_duty": "Prenez d'abord votre service",
    "not_your_turn": "Terminez d'abord la course en cours",
    "offer_expired": "Cette offre a expiré",
    "outside_service_area": "Ce lieu est hors de la zone desservie",
    "payment_declined": "Le paiement a été refusé",
    "payment_pending": "Le paiement n'est pas encore autorisé",
    "pickup_restricted": "Aucune prise en charge n'est permise à cet endroit",
    "pin_locked": "Trop de codes PIN erronés ; attendez une minute",
    "quote_expired": "Ce devis a expiré ; demandez-en un nouveau",
    "quote_forged": "Ce devis n'a pas été signé par nous",
    "quote_used": "Ce devis est déjà devenu une demande",
    "refused": "Refusé",
    "regime_violation": "Un régime de ce service ne le permet pas",
    "review_closed": "Le temps des avis sur cette mission est passé",
    "slug_taken": "Un service de ce nom existe déjà",
    "still_engaged": "Une mission est encore en cours",
    "stops_too_far": "Ces étapes sont trop éloignées pour ce service",
    "token_expired": "Ce jeton a expiré",
    "token_invalid": "Ce jeton n'est pas valable",
    "token_reused": "Ce jeton a déjà servi ; reconnectez-vous",
    "too_early": "Il est trop tôt pour cela",
    "too_many_requests": "Trop de demandes ; ralentissez",
    "unauthenticated": "Connectez-vous d'abord",
    "unavailable": "Indisponible pour l'instant ; réessayez bientôt",
    "unknown_market": "Cette ville n'existe pas ici",
    "unknown_service": "Ce service n'existe pas dans cette ville",
    "wrong_code": "Code erroné",
    "wrong_pin": "Code PIN erroné",
}


def title_of(refusal: Refusal, language: str) -> str:
    """The refusal's title in a language; English where there is no other."""
    return FRENCH.get(refusal.code, refusal.title) if language == "fr" else refusal.title


def detail_of(refusal: Refusal, language: str) -> str:
    """The particular words where it has some in this language, else its title."""
    if language == "fr":
        return refusal.french or title_of(refusal, language)
    return refusal.detail


def errors_of(refusal: Refusal, language: str) -> list[dict[str, Any]]:
    """What is wrong with which value: the fields it names, else the one that it is about."""
    named = refusal.facts.get("errors")
    if named is None:
        pointer = refusal.facts.get("pointer", refusal.about)
        return [{"pointer": pointer, "detail": detail_of(refusal, language)}]
    words = "french" if language == "fr" else "detail"
    return [{"pointer": error["pointer"], "detail": error.get(words, error["detail"])} for error in named]
