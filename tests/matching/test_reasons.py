from typing import get_args

import pytest

from matching.reasons import MOST_HOPEFUL, SENTENCES, Language, Reason, Unserved, span, why_unserved, words

FACTS = {
    "eta": "7 minutes",
    "limit": "10 minutes",
    "own_limit": "5 minutes",
    "fix_age": "3 minutes",
    "missing": "van",
    "way": "6 minutes",
}
LANGUAGES: tuple[Language, ...] = get_args(Language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_with_and_without_facts(reason: Reason, language: Language) -> None:
    for told in (words(reason, language, {}), words(reason, language, FACTS)):
        assert told[0].isupper()
        assert told.endswith(".")
        assert "{" not in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_languages_know_the_same_reasons(language: Language) -> None:
    assert set(SENTENCES[language]) == set(Reason)


def test_facts_make_a_sentence_fuller() -> None:
    assert words(Reason.TOO_FAR, "en", {}) == "You were too far away at that moment."
    assert words(Reason.TOO_FAR, "en", FACTS) == (
        "You were 7 minutes away; the request looked out to 10 minutes at that moment."
    )
    assert words(Reason.TOO_FAR, "en", {"eta": "7 minutes"}) == words(Reason.TOO_FAR, "en", {})
    assert words(Reason.MISSING_TAG, "fr", FACTS).endswith("n'indique pas : van.")


def test_who_blocked_whom_is_not_told() -> None:
    assert words(Reason.BLOCKED, "en", FACTS) == "You and this customer are not put in touch."


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (0.0, "a minute", "une minute"),
        (60.0, "a minute", "une minute"),
        (60.1, "2 minutes", "2 minutes"),
        (600.0, "10 minutes", "10 minutes"),
    ],
)
def test_time_is_told_in_whole_minutes_rounded_up(seconds: float, english: str, french: str) -> None:
    assert (span(seconds, "en"), span(seconds, "fr")) == (english, french)


def test_a_request_without_offers_is_named_after_those_who_came_nearest_to_being_asked() -> None:
    assert why_unserved(frozenset({Reason.TOO_FAR, Reason.BUSY, Reason.OFF_DUTY})) is Unserved.ALL_BUSY
    assert why_unserved(frozenset({Reason.OFF_DUTY, Reason.WRONG_SERVICE})) is Unserved.NO_SUPPLY
    assert why_unserved(frozenset()) is Unserved.NO_SUPPLY
    assert {why for why, _ in MOST_HOPEFUL} | {Unserved.NO_SUPPLY} == set(Unserved)
