"""How the log is written: an object a line, the request's id on it, and no secret whoever wrote it."""

import io
import json
import logging
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.frame import current_request
from app.watch import log

NUMBER = "+33612345678"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def out(log_of_its_own: None) -> io.StringIO:
    """What is written."""
    return io.StringIO()


def test_a_line_is_an_object_with_the_id_of_its_request(out: io.StringIO):
    log.set_up(level="info", form=None, stream=out)
    token = current_request.set("request-1")
    logging.getLogger("coudmain.access").info("GET %s %d", "/v1/me", 200)
    current_request.reset(token)
    logging.getLogger("app").warning("no request")
    first, second = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (first["message"], first["level"], first["logger"]) == (
        "GET /v1/me 200",
        "info",
        "coudmain.access",
    )
    assert first["request_id"] == "request-1"
    assert "request_id" not in second


def test_an_error_keeps_its_trace_in_its_line(out: io.StringIO):
    log.set_up(level="warning", form="json", stream=out)
    try:
        raise ValueError(f"no {NUMBER}")
    except ValueError:
        logging.getLogger("app").exception("it broke for %s", NUMBER)
    (told,) = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "ValueError" in told["trace"]
    assert NUMBER not in out.getvalue()


def test_a_human_reads_words(out: io.StringIO):
    log.set_up(level="warning", form="text", stream=out)
    logging.getLogger("app").info("unheard")
    logging.getLogger("app").warning("a call for %s", NUMBER)
    assert out.getvalue().endswith(f"WARNING app: a call for {log.HIDDEN}\n")
    assert "unheard" not in out.getvalue()


@pytest.mark.parametrize(
    "secret",
    [
        NUMBER,
        TOKEN,
        "Bearer abc",
        "GET /v1/ws?ticket=abc",
        "postgresql://coudmain:hunter2@db/x",
        "Zx3kQ9vT7bLm2RpW8sYc4NdE",
    ],
)
def test_what_has_the_shape_of_a_secret_is_taken_out(secret: str):
    sifted = log.sifted(f"before {secret} after")
    assert log.HIDDEN in sifted
    assert sifted.startswith("before ")
    assert sifted.endswith(" after")
    for part in ("612345678", "eyJ", "abc", "hunter2", "Zx3kQ9"):
        assert part not in sifted


@pytest.mark.parametrize(
    "words",
    [
        "POST /v1/requests/0198c0de-0000-7000-8000-00000000d001/cancel 409 1.3 ms",
        "the round of monaco failed; the next one comes",
        "sqlalchemy.exc.IntegrityError: duplicate key value violates unique constraint",
        "2026-05-04T06:00:00.000+00:00",
    ],
)
def test_what_has_not_stays(words: str):
    assert log.sifted(words) == words


@given(st.text(alphabet=string.printable, max_size=200))
def test_sifting_twice_is_sifting_once(text: str):
    assert log.sifted(log.sifted(text)) == log.sifted(text)
