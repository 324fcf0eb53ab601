"""Work on untrusted files in a child process with limited time and memory.

Config classes, tokenizers and chat templates can be made to loop forever or to use up all memory. The child process
gets plain values, no access token and no network, and answers with plain values. When it fails, callers fall back to
what they can see without it, and take the higher level because of the doubt.
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

__all__ = ["resolve_configs", "run_job"]

SECONDS = 60.0
"""Time limit of one job. The largest tokenizers load in 3 s, transformers on a busy machine in 10 s."""
CONFIG_SECONDS = 30.0
"""Time limit for the defaults of two configs, which needs no tokenizer and no torch."""

_PROGRAM = Path(__file__).with_name("_sandbox_child.py")
_MAX_ANSWER = 64 * 1024 * 1024
_MAX_ANSWERS = 64
"""How many answers are remembered: rules ask the same questions, and a long-running process compares many pairs."""
_ANSWERS: dict[str, Any] = {}
_PASSED_ON = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")


def resolve_configs(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Spell out the defaults of two configs of one model type, with transformers' own class.

    Both are returned unchanged if the class is unknown, not installed, or rejects one of them.
    """
    answer = run_job("configs", json.dumps([old, new], sort_keys=True), CONFIG_SECONDS)
    if not isinstance(answer, list) or len(answer) != 2 or not all(isinstance(one, dict) for one in answer):
        return dict(old), dict(new)
    return answer[0], answer[1]


def run_job(job: str, question: str, seconds: float = SECONDS) -> Any:
    """Run a job in a child process; each question is asked once.

    Args:
        job: Name of a function in ``_sandbox_child.py``.
        question: Its argument as JSON.
        seconds: Time limit.

    Returns:
        The answer; None if the job failed, took too long or needed too much memory.
    """
    # Questions can be as large as tokenizers, so only their digests are kept.
    key = hashlib.sha256(f"{job}\n{question}".encode(errors="surrogatepass")).hexdigest()
    if key not in _ANSWERS:
        while len(_ANSWERS) >= _MAX_ANSWERS:
            _ANSWERS.pop(next(iter(_ANSWERS)))
        _ANSWERS[key] = _run(job, question, seconds)
    return _ANSWERS[key]


def _run(job: str, question: str, seconds: float) -> Any:
    # An allow list: a template or tokenizer that breaks out must not find a token in the environment.
    environment = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    offline = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
    # -I ignores PYTHON* variables and the working folder: nothing in it can shadow a library.
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
