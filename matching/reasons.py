"""Why a provider was or was not offered a request, and why a request went without: codes, and plain
sentences.

The sentences speak to the one provider they concern and never of who else there was.
"""

from collections.abc import Mapping
from enum import StrEnum
from string import Formatter
from typing import Literal, TypeAlias

Language: TypeAlias = Literal["fr", "en"]
Facts: TypeAlias = Mapping[str, str | int | float]


class Reason(StrEnum):
    """What became of one provider for one request."""

    OFFERED = "offered"
    FARTHER = "farther"  # all who were offered it were nearer
    OUTRANKED = "outranked"  # feasible, but the round's optimum chose otherwise
    QUEUE_TURN = "queue_turn"  # the station queue's turn came first
    OFFERED_ANOTHER = "offered_another"  # was offered another request in the same round
    HELD = "held"  # the round preferred to wait for someone nearer
    NOT_NEAREST = "not_nearest"  # enough others were nearer: no travel time was computed
    WRONG_SERVICE = "wrong_service"
    SUSPENDED = "suspended"
    OFF_DUTY = "off_duty"
    STALE_POSITION = "stale_position"
    BUSY = "busy"
    HAS_OFFER = "has_offer"
    MISSING_TAG = "missing_tag"
    BLOCKED = "blocked"
    ALREADY_ASKED = "already_asked"
    UNREACHABLE = "unreachable"
    BEYOND_OWN_LIMIT = "beyond_own_limit"
    TOO_FAR = "too_far"
    AGENDA_CONFLICT = "agenda_conflict"
    NOT_HOMEWARD = "not_homeward"  # would not bring them nearer to where they want to be
    LONGER_THAN_WANTED = "longer_than_wanted"  # the way there is longer than the distance they take
    HOURS_WORKED = "hours_worked"  # the day's longest working time is reached


BARRING = frozenset({Reason.NOT_HOMEWARD, Reason.LONGER_THAN_WANTED, Reason.HOURS_WORKED})
"""Reasons that whoever states the problem finds, from what has no place in it: a home, a day's work."""


REASONS: tuple[Reason, ...] = tuple(Reason)
"""A reason's code, where many are kept in an array, is its index here. Of one run, never stored."""

CODES: Mapping[Reason, int] = {reason: code for code, reason in enumerate(REASONS)}


class Unserved(StrEnum):
    """Why a request was offered to nobody in a round: named after the providers who came nearest to being
    asked."""

    NOBODY_CHEAPER = "nobody_cheaper"  # somebody could come, but waiting for someone nearer was worth more
    ALL_TAKEN = "all_taken"  # those who could come were offered other requests
    ALL_BUSY = "all_busy"
    ALL_TOO_FAR = "all_too_far"
    ALL_ASKED = "all_asked"
    NO_SUPPLY = "no_supply"


MOST_HOPEFUL: tuple[tuple[Unserved, frozenset[Reason]], ...] = (
    (Unserved.NOBODY_CHEAPER, frozenset({Reason.HELD})),
    (Unserved.ALL_TAKEN, frozenset({Reason.OFFERED_ANOTHER})),
    (Unserved.ALL_BUSY, frozenset({Reason.BUSY, Reason.HAS_OFFER, Reason.AGENDA_CONFLICT})),
    (Unserved.ALL_TOO_FAR, frozenset({Reason.TOO_FAR, Reason.BEYOND_OWN_LIMIT, Reason.UNREACHABLE})),
    (Unserved.ALL_ASKED, frozenset({Reason.ALREADY_ASKED})),
)
"""The first row that one provider's reason is in names why the request went without."""


def why_unserved(reasons: frozenset[Reason]) -> Unserved:
    """Why a request was offered to nobody, from its providers' reasons."""
    return next((why for why, among in MOST_HOPEFUL if among & reasons), Unserved.NO_SUPPLY)


_Sentences: TypeAlias = Mapping[Reason, tuple[str, ...]]
"""The fullest sentence first; the one told is the first whose facts are all known. The last needs none."""

_EN: _Sentences = {
    Reason.OFFERED: (
        "This request was offered to you: it was your turn in the queue of {station}.",
        "You were told of this request because you pass that way: {detour} out of your way at most.",
        "You were told of this request {later} after it was posted: you were {eta} away, and nearer people came first.",
        (
            "This request was offered to you: you were finishing a trip, free in about {free_in}, and could be there in"
            " {eta}."
        ),
        "This request was offered to you: you were {eta} away.",
        "This request was offered to you.",
    ),
    Reason.FARTHER: (
        "You were finishing a trip, free in about {free_in}, and could have come in {eta}; others could come sooner.",
        "You could have come, in {eta}, but it was offered nearer by.",
        "You could have come, but it was offered nearer by.",
    ),
    Reason.OUTRANKED: (
        "You could have come, but over all the requests of the moment another arrangement was as good.",
    ),
    Reason.QUEUE_TURN: (
        "The pickup lies at a station, and in the queue of {station} an earlier place had its turn.",
        "The pickup lies at a station queue, where another place had its turn first.",
    ),
    Reason.OFFERED_ANOTHER: ("At the same moment you were offered another request.",),
    Reason.HELD: (
        "You were finishing a trip, free in about {free_in}; it was worth waiting a little for someone nearer.",
        "You were {eta} away; it was worth waiting a little for someone nearer.",
        "It was worth waiting a little for someone nearer.",
    ),
    Reason.NOT_NEAREST: ("Only the nearest who could come were looked at, and there were enough of them.",),
    Reason.WRONG_SERVICE: ("You do not offer this service.",),
    Reason.SUSPENDED: ("Your account was suspended, by a person whose reason you can read and contest.",),
    Reason.OFF_DUTY: ("You were not on duty.",),
    Reason.STALE_POSITION: (
        "Your phone's last position was {fix_age} old.",
        "Your phone had not told its position for a while.",
    ),
    Reason.BUSY: ("You were at work on something else.",),
    Reason.HAS_OFFER: ("You had another offer to answer.",),
    Reason.MISSING_TAG: (
        "The request asks for something your profile does not list: {missing}.",
        "The request asks for something your profile does not list.",
    ),
    Reason.BLOCKED: ("You and this customer are not put in touch.",),
    Reason.ALREADY_ASKED: (
        "You had been asked for this already, and nobody is asked twice; it counts for nothing else.",
    ),
    Reason.UNREACHABLE: ("No way was found from where you were.",),
    Reason.BEYOND_OWN_LIMIT: (
        "You were {way} away, and you have asked for no more than {own_limit}.",
        "It was further than the limit you have set.",
    ),
    Reason.TOO_FAR: (
        (
            "You were finishing a trip, free in about {free_in}, and could be there in {eta}; the request looked out to"
            " {limit} at that moment."
        ),
        "You were {eta} away; the request looked out to {limit} at that moment.",
        "You were too far away at that moment.",
    ),
    Reason.AGENDA_CONFLICT: ("It would have made you late for the next job on your agenda.",),
    Reason.NOT_HOMEWARD: ("It would not have brought you nearer to where you asked to be taken.",),
    Reason.LONGER_THAN_WANTED: ("The way to the pickup was longer than the distance you have set.",),
    Reason.HOURS_WORKED: ("You had worked as long today as the rules for this service allow.",),
}

_FR: _Sentences = {
    Reason.OFFERED: (
        "Cette demande vous a été proposée : c'était votre tour dans la file de {station}.",
        "Cette demande vous a été signalée parce que vous passez par là : {detour} de détour au plus.",
        "Cette demande vous a été signalée {later} après sa publication : vous étiez à {eta}, d'autres plus près.",
        (
            "Cette demande vous a été proposée : vous terminiez une course, libre dans {free_in} environ, et pouviez"
            " être là en {eta}."
        ),
        "Cette demande vous a été proposée : vous étiez à {eta}.",
        "Cette demande vous a été proposée.",
    ),
    Reason.FARTHER: (
        (
            "Vous terminiez une course, libre dans {free_in} environ, et pouviez venir en {eta} ; d'autres le pouvaient"
            " plus tôt."
        ),
        "Vous pouviez venir, en {eta}, mais elle a été proposée plus près.",
        "Vous pouviez venir, mais elle a été proposée plus près.",
    ),
    Reason.OUTRANKED: (
        "Vous pouviez venir, mais sur l'ensemble des demandes une autre répartition était aussi bonne.",
    ),
    Reason.QUEUE_TURN: (
        "La prise en charge est à une station, et dans la file de {station} une place antérieure avait son tour.",
        "La prise en charge est à une file de station, où le tour d'une autre place venait avant.",
    ),
    Reason.OFFERED_ANOTHER: ("Au même moment, une autre demande vous a été proposée.",),
    Reason.HELD: (
        (
            "Vous terminiez une course, libre dans {free_in} environ ; mieux valait attendre un peu quelqu'un de plus"
            " proche."
        ),
        "Vous étiez à {eta} ; mieux valait attendre un peu quelqu'un de plus proche.",
        "Mieux valait attendre un peu quelqu'un de plus proche.",
    ),
    Reason.NOT_NEAREST: (
        "Seuls les plus proches qui pouvaient venir ont été examinés, et il y en avait assez.",
    ),
    Reason.WRONG_SERVICE: ("Vous ne proposez pas ce service.",),
    Reason.SUSPENDED: (
        "Votre compte était suspendu, par une personne dont vous pouvez lire et contester le motif.",
    ),
    Reason.OFF_DUTY: ("Vous n'étiez pas en service.",),
    Reason.STALE_POSITION: (
        "La dernière position de votre téléphone datait de {fix_age}.",
        "Votre téléphone n'avait pas donné sa position depuis un moment.",
    ),
    Reason.BUSY: ("Vous étiez déjà au travail.",),
    Reason.HAS_OFFER: ("Une autre proposition attendait votre réponse.",),
    Reason.MISSING_TAG: (
        "La demande exige ce que votre profil n'indique pas : {missing}.",
        "La demande exige ce que votre profil n'indique pas.",
    ),
    Reason.BLOCKED: ("Ce client et vous n'êtes pas mis en relation.",),
    Reason.ALREADY_ASKED: (
        "On vous l'avait déjà proposée, et rien ne se propose deux fois. Cela ne compte pour rien d'autre.",
    ),
    Reason.UNREACHABLE: ("Aucun chemin n'a été trouvé depuis votre position.",),
    Reason.BEYOND_OWN_LIMIT: (
        "Vous étiez à {way}, et vous avez demandé au plus {own_limit}.",
        "C'était au-delà de la limite que vous avez fixée.",
    ),
    Reason.TOO_FAR: (
        (
            "Vous terminiez une course, libre dans {free_in} environ, et pouviez être là en {eta} ; la demande"
            " cherchait à {limit} à la ronde à ce moment."
        ),
        "Vous étiez à {eta} ; la demande cherchait à {limit} à la ronde à ce moment.",
        "Vous étiez trop loin à ce moment.",
    ),
    Reason.AGENDA_CONFLICT: ("Elle vous aurait mis en retard pour le prochain travail de votre agenda.",),
    Reason.NOT_HOMEWARD: ("Elle ne vous aurait pas rapproché de l'endroit que vous avez demandé.",),
    Reason.LONGER_THAN_WANTED: (
        "Le chemin jusqu'à la prise en charge dépassait la distance que vous avez fixée.",
    ),
    Reason.HOURS_WORKED: (
        "Vous aviez travaillé aujourd'hui aussi longtemps que les règles de ce service le permettent.",
    ),
}

SENTENCES: Mapping[Language, _Sentences] = {"en": _EN, "fr": _FR}


def words(reason: Reason, language: Language, facts: Facts) -> str:
    """The reason as a sentence to its provider, as full as the facts allow."""
    sentences = SENTENCES[language][reason]
    told = next((one for one in sentences if _fields(one) <= facts.keys()), sentences[-1])
    return told.format(**facts)


def span(seconds: float, language: Language) -> str:
    """A length of time as people say it, in whole minutes rounded up."""
    minutes = -int(-seconds // 60)
    if minutes <= 1:
        return {"en": "a minute", "fr": "une minute"}[language]
    return f"{minutes} minutes"


def _fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}
