"""Refusals in French."""

from domain.rules.errors import NotFound, every_refusal
from domain.rules.titles import FRENCH, detail_of, title_of


def test_every_refusal_has_a_french_title_and_no_other_code_has():
    ours = {refusal.code for refusal in every_refusal() if refusal.__module__ == "domain.rules.errors"}
    assert set(FRENCH) == ours


def test_particular_words_stay_and_plain_titles_are_translated():
    assert detail_of(NotFound(), "fr") == FRENCH["not_found"]
    assert detail_of(NotFound("no such quote"), "fr") == "no such quote"
    assert title_of(NotFound("no such quote"), "en") == NotFound.title
