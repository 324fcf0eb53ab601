"""Work on the files of two untrusted checkpoints in a child process with limited time and memory.

When it fails, callers fall back to what they can see without it, and take the higher level because of the doubt.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from hfver.model.child import Child, ChildStopped, JobRaised, Limits

__all__ = ["library_versions", "resolve_configs", "run_job"]

SECONDS = 60.0
"""Time limit of one job. The largest tokenizers load in 3 s, transformers on a busy machine in 10 s."""
CONFIG_SECONDS = 30.0
"""Time limit for the defaults of two configs, which needs no tokenizer and no torch."""

MEMORY, CONFIG_MEMORY = 4 * 1024**3, 1024**3
"""Bytes that a job may allocate, and that the defaults of two configs may."""

_JOBS = Path(__file__).with_name("_jobs.py")
_FILES = {
    "loaded": Path(__file__).with_name("_tokenizer_jobs.py"),
    "observed": Path(__file__).parent / "witness" / "_job.py",
    "witnesses": Path(__file__).parent / "witness" / "_job.py",
}
"""The jobs that are in a file of their own."""
_MAX_ANSWERS = 64
"""How many answers are remembered: rules ask the same questions, and a long-running process compares many pairs."""
_ANSWERS: dict[str, Any] = {}


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries whose classes decide what two checkpoints mean; without the missing ones."""
    found = {}
    # The child imports what this process would, so they need not be loaded to be known.
    for name in ("tokenizers", "transformers"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


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
        job: Name of a job in ``_jobs.py`` or ``_tokenizer_jobs.py``.
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
    memory = CONFIG_MEMORY if job == "configs" else MEMORY
    # The elapsed time decides; the limit on processor time ends a child whose parent was killed.
    cpu = int(seconds) + 5
    try:
        with Child(_FILES.get(job, _JOBS), memory=memory, cpu=cpu) as child:
            return child.ask(job, question, Limits(cpu=cpu, wall=seconds))
    except (OSError, ChildStopped, JobRaised):
        return None
