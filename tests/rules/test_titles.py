"""Refusals in French."""

from domain.rules.errors import (
    IdempotencyMismatch,
    Invalid,
    NotFound,
    OutsideServiceArea,
    UnknownMarket,
    every_refusal,
)
from domain.rules.titles import FRENCH, detail_of, errors_of, title_of


def test_every_refusal_has_a_french_title_and_no_other_code_has():
    ours = {refusal.code for refusal in every_refusal() if refusal.__module__ == "domain.rules.errors"}
    assert set(FRENCH) == ours


def test_particular_words_stay_in_their_language_and_the_title_is_there_for_the_other():
    assert detail_of(NotFound(), "fr") == FRENCH["not_found"]
    assert detail_of(NotFound("no such quote"), "en") == "no such quote"
    assert detail_of(NotFound("no such quote"), "fr") == FRENCH["not_found"]
    assert (
        detail_of(NotFound("no such quote", french="ce devis n'existe pas"), "fr") == "ce devis n'existe pas"
    )
    assert title_of(NotFound("no such quote"), "en") == NotFound.title


def test_what_is_wrong_is_always_pointed_at():
    assert errors_of(UnknownMarket("no"), "en") == [{"pointer": "/market", "detail": "no"}]
    assert errors_of(IdempotencyMismatch(), "fr")[0]["pointer"] == "/Idempotency-Key"
    assert errors_of(OutsideServiceArea(pointer="/stops/1"), "en")[0]["pointer"] == "/stops/1"
    late = Invalid.field("/start_at", "this time has passed", "cette heure est passée")
    assert errors_of(late, "fr") == [{"pointer": "/start_at", "detail": "cette heure est passée"}]
    assert errors_of(late, "en") == [{"pointer": "/start_at", "detail": "this time has passed"}]
