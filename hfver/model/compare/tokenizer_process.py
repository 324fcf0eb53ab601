"""Work on files that nobody vouches for, in a child process with limits of time and memory.

Config classes, tokenizers and chat templates can be made to loop for ever or to eat all memory. The child gets
plain values, no token and no network, and answers with plain values; when it fails, callers fall back to what
they can see without it, and take the higher level in doubt.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["ask", "resolve_configs"]

SECONDS = 60.0
"""Time that one question may take. The largest tokenizers load in 3 s, transformers on a busy machine in 10 s."""

_PROGRAM = Path(__file__).with_name("_tokenizer_child.py")
_MAX_ANSWER = 64 * 1024 * 1024
_MAX_ANSWERS = 64
_ANSWERS: dict[str, Any] = {}
_LIBRARIES = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


def resolve_configs(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spell out the defaults of two configs of one model type, through transformers' own class.

    Both come back as they were if the class is not known, is not installed, or does not take them.
    """
    answer = ask("configs", json.dumps([old, new], sort_keys=True), 30.0)
    if not isinstance(answer, list) or len(answer) != 2 or not all(isinstance(one, dict) for one in answer):
        return dict(old), dict(new)
    return answer[0], answer[1]


def ask(job: str, question: str, seconds: float = SECONDS) -> Any:
    """Let the child do a job; None if it cannot, does not in time, or needs too much memory.

    The same question is asked once; questions can be as large as tokenizers, so only their digests are kept.

    Args:
        job: Name of a function in the child.
        question: Its argument as JSON.
        seconds: How long it may take.
    """
    key = hashlib.sha256(f"{job}\n{question}".encode(errors="surrogatepass")).hexdigest()
    if key not in _ANSWERS:
        while len(_ANSWERS) >= _MAX_ANSWERS:
            _ANSWERS.pop(next(iter(_ANSWERS)))
        _ANSWERS[key] = _run(job, question, seconds)
    return _ANSWERS[key]


def _run(job: str, question: str, seconds: float) -> Any:
    environment = {key: os.environ[key] for key in _LIBRARIES if key in os.environ}
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-I", "-W", "ignore", str(_PROGRAM), job, str(int(seconds))]
    try:
        result = subprocess.run(
            command, input=question.encode(), capture_output=True, timeout=seconds, env=environment | offline
        )
        if result.returncode or len(result.stdout) > _MAX_ANSWER:
            return None
        return json.loads(result.stdout)
    except (OSError, ValueError, RecursionError, subprocess.TimeoutExpired):
        return None
