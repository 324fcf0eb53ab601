"""The logger ``hfver``: requests, retries and times, and never a token.

Nothing is written until a handler is added, by ``-v`` on the command line or by a program's own ``logging`` setup.
INFO has a line for every request and every retry; DEBUG adds details.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["conceal", "logger", "redact", "timed"]

HIDDEN = "***"

# What tokens look like: huggingface.co's own, whatever follows an authorization scheme, and user names in a URL.
# URLs of large files are signed: their query alone gives access to the file.
_TOKENS = re.compile(r"\b(?:hf|api_org|hfjwt)_[A-Za-z0-9._-]{4,}")
_SCHEMES = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{4,}")
_USERS = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s@'\"]+@")
_QUERIES = re.compile(r"\?[\w.%-]+=[^\s'\"]*?(?=:?(?:[\s'\"]|$))")

_concealed: set[str] = set()


def conceal(secret: str) -> None:
    """Keep a token out of everything that is logged in this process, whatever it looks like."""
    if len(secret) >= 4:  # a shorter one would hide parts of ordinary words
        _concealed.add(secret)


def redact(text: str) -> str:
    """Return a text without tokens and without the queries of URLs."""
    for secret in sorted(_concealed, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _USERS.sub(rf"\1{HIDDEN}@", _TOKENS.sub(HIDDEN, _SCHEMES.sub(rf"\1 {HIDDEN}", text)))
    return _QUERIES.sub(f"?{HIDDEN}", text)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Log how long a block took, and whether it failed."""
    start = time.perf_counter()
    try:
        yield
    except BaseException:
        logger.info("%s failed after %.3f s", what, time.perf_counter() - start)
        raise
    logger.info("%s in %.3f s", what, time.perf_counter() - start)


class _Redacting(logging.Filter):
    """Redacts every record of the logger, whichever module wrote it and whichever handlers there are."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        return True


logger = logging.getLogger("hfver")
logger.addHandler(logging.NullHandler())
logger.addFilter(_Redacting())
