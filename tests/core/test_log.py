"""What the logger writes holds no token, whoever wrote the record."""

from __future__ import annotations

import logging

import pytest

from hfver.core.log import conceal, logger, redact, timed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("token hf_abcdefghijklmnop ends", "token *** ends"),
        ("authorization: Bearer abc.def-ghi", "authorization: Bearer ***"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("GET https://me:secret@hub.example.com/a", "GET https://***@hub.example.com/a"),
        ("PUT https://s3.example.com/o?X-Amz-Signature=abc&x=1: 200", "PUT https://s3.example.com/o?***: 200"),
        ("for url 'https://s3.example.com/o?sig=abc' more", "for url 'https://s3.example.com/o?***' more"),
        (
            "GET http://127.0.0.1:80/api/models/a/b/refs: 200",
            "GET http://127.0.0.1:80/api/models/a/b/refs: 200",
        ),
        ("Was it? no=t", "Was it? no=t"),
    ],
)
def test_what_looks_like_a_token_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_known_token_is_hidden_whatever_it_looks_like(caplog: pytest.LogCaptureFixture) -> None:
    conceal("very-own-token")
    conceal("ab")
    with caplog.at_level(logging.DEBUG, "hfver"):
        logger.info("sent %s and %s", "very-own-token", {"cab": 1})
        logger.warning("plain very-own-token")
    assert [record.getMessage() for record in caplog.records] == ["sent *** and {'cab': 1}", "plain ***"]


def test_times_are_logged_of_what_fails_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "hfver"):
        with timed("git fetch"):
            pass
        with pytest.raises(KeyError), timed("git push"):
            raise KeyError
    done, failed = (record.getMessage() for record in caplog.records)
    assert done.startswith("git fetch in 0.0")
    assert failed.startswith("git push failed after 0.0")


def test_nothing_is_written_unless_somebody_listens(capfd: pytest.CaptureFixture[str]) -> None:
    logger.error("nobody asked")
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)
    assert capfd.readouterr() == ("", "")
