"""What a push says, in French and in English: by type of event and by who reads it. Pure.

A lock screen is read by strangers: no name, fare, address or place stands in a push. The app fetches them.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from domain.rules.events import EventType
from domain.rules.ports import Push
from domain.usecases.pushes import DuePush

T = EventType
Said = tuple[str, str]  # title, body

WORDS: Final[Mapping[tuple[EventType, str], Mapping[str, Said]]] = {
    (T.OFFER_CREATED, ""): {
        "fr": ("Nouvelle offre", "Une demande près de vous attend votre réponse."),
        "en": ("New offer", "A request near you is waiting for your answer."),
    },
    (T.OFFER_CREATED, "proposal"): {
        "fr": ("Nouvelle proposition", "Quelqu'un propose un prix et une heure pour votre demande."),
        "en": ("New proposal", "Somebody proposes a price and a time for your request."),
    },
    (T.OFFER_CREATED, "counter"): {
        "fr": ("Contre-proposition", "Le client vous répond avec d'autres conditions."),
        "en": ("Counter-offer", "The customer answers you with other terms."),
    },
    (T.REQUEST_POSTED, ""): {
        "fr": ("Une demande pour vous", "Un coup de main est demandé près de chez vous."),
        "en": ("A request for you", "Somebody nearby asks for a hand."),
    },
    (T.REQUEST_REOPENED, ""): {
        "fr": (
            "Nous cherchons à nouveau",
            "La personne prévue ne peut pas venir ; nous en cherchons une autre.",
        ),
        "en": ("Looking again", "Your provider cannot come; we are looking for another one."),
    },
    (T.REQUEST_EXPIRED, ""): {
        "fr": (
            "Personne de disponible",
            "Nous n'avons trouvé personne cette fois. Voyez les autres possibilités.",
        ),
        "en": ("Nobody available", "We found nobody this time. See what else is possible."),
    },
    (T.ENGAGEMENT_CONFIRMED, "customer"): {
        "fr": ("C'est confirmé", "Nous avons trouvé quelqu'un pour vous."),
        "en": ("Confirmed", "We found somebody for you."),
    },
    (T.ENGAGEMENT_CONFIRMED, "provider"): {
        "fr": ("C'est confirmé", "Ce travail est pour vous."),
        "en": ("Confirmed", "This work is yours."),
    },
    (T.ENGAGEMENT_PROMOTED, "customer"): {
        "fr": ("C'est votre tour", "Votre prestataire est libre et vient vers vous."),
        "en": ("Your turn", "Your provider is free and comes to you now."),
    },
    (T.ENGAGEMENT_PROMOTED, "provider"): {
        "fr": ("Course suivante", "Votre course est terminée. Le client suivant vous attend."),
        "en": ("Your next trip", "The trip in hand is over. The next customer is waiting for you."),
    },
    (T.ENGAGEMENT_ARRIVED, "customer"): {
        "fr": ("Votre prestataire est là", "Il vous attend au point convenu."),
        "en": ("Your provider is here", "They are waiting at the agreed place."),
    },
    (T.ENGAGEMENT_CANCELLED, "customer"): {
        "fr": ("Annulé", "Votre prestataire a annulé. Ouvrez l'application pour la suite."),
        "en": ("Cancelled", "Your provider cancelled. Open the app for what comes next."),
    },
    (T.ENGAGEMENT_CANCELLED, "provider"): {
        "fr": ("Annulé", "Le client a annulé ce travail."),
        "en": ("Cancelled", "The customer cancelled this work."),
    },
    (T.ENGAGEMENT_NO_SHOW, "customer"): {
        "fr": ("Absence signalée", "Votre prestataire signale qu'il ne vous a pas trouvé."),
        "en": ("Reported absent", "Your provider reports that they did not find you."),
    },
    (T.ENGAGEMENT_NO_SHOW, "provider"): {
        "fr": ("Absence signalée", "Le client signale qu'il ne vous a pas vu."),
        "en": ("Reported absent", "The customer reports that they did not see you."),
    },
    (T.ENGAGEMENT_REMINDER, ""): {
        "fr": ("Bientôt l'heure", "L'heure convenue approche. Ouvrez l'application pour les détails."),
        "en": ("Soon", "The agreed hour is near. Open the app for the details."),
    },
    (T.MESSAGE_CREATED, ""): {
        "fr": ("Nouveau message", "Vous avez reçu un message."),
        "en": ("New message", "You have a message."),
    },
    (T.PAYMENT_FAILED, ""): {
        "fr": ("Paiement refusé", "Votre moyen de paiement a été refusé. Choisissez-en un autre."),
        "en": ("Payment declined", "Your means of payment was declined. Choose another one."),
    },
    (T.REVIEW_PUBLISHED, ""): {
        "fr": ("Nouvel avis", "Un avis sur vous est publié."),
        "en": ("New review", "A review about you is published."),
    },
}
"""Keyed by what makes the difference: the reader's role, or the offer's origin; "" where there is one reader."""


def words(type_: EventType, language: str, *, role: str = "", origin: str = "") -> Said:
    """Title and body. A language we do not speak is answered in English; French is the house's own."""
    said = next(WORDS[type_, variant] for variant in (origin, role, "") if (type_, variant) in WORDS)
    return said["fr" if language.lower().startswith("fr") else "en"]


def compose(push: DuePush, now: datetime) -> Push | None:
    """The message of a claimed push, or None when its time is over before it is sent.

    `ttl_s` is rounded down, so that no carrier shows it after its time.
    """
    ttl_s = math.floor((push.not_after - now).total_seconds())
    if ttl_s < 1:
        return None
    title, body = "", ""
    if not push.clears:
        title, body = words(push.type, push.language, role=push.role, origin=push.origin)
    return Push(
        to=push.to,
        platform=push.platform,
        title=title,
        body=body,
        data={"type": push.type.value, "seq": str(push.seq), **push.ids},
        collapse_key=push.family.value,
        ttl_s=ttl_s,
        urgent=push.urgent,
        quiet=push.quiet,
    )
