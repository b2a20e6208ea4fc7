"""Refusals in French."""

import ast
from pathlib import Path

import domain
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


def test_several_values_are_each_told_in_the_readers_language():
    wrong = Invalid(
        errors=[
            {"pointer": "/a", "detail": "a number", "french": "un nombre"},
            {"pointer": "/b", "detail": "of tomorrow"},
        ]
    )
    assert errors_of(wrong, "en") == [
        {"pointer": "/a", "detail": "a number"},
        {"pointer": "/b", "detail": "of tomorrow"},
    ]
    assert errors_of(wrong, "fr") == [
        {"pointer": "/a", "detail": "un nombre"},
        {"pointer": "/b", "detail": "of tomorrow"},
    ]


FOR_STAFF = {"catalogue.py", "rounds.py", "tours.py", "ops.py", "suspension.py"}


def test_what_a_customer_or_a_provider_sent_wrong_is_told_in_french_too():
    rooms = Path(domain.__file__).parent
    only_english = [
        f"{file.name}: {ast.unparse(call)}"
        for file in sorted(rooms.rglob("*.py"))
        if file.name not in FOR_STAFF
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Invalid.field"
        if len(call.args) < 3 and file.name != "misfits.py"  # of JSON's types: for a client's author
    ]
    assert only_english == []
