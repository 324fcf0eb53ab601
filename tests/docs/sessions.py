"""Documents as sessions: their commands run against a real Hub, and what they show is what these print.

A document takes part if it has a comment ``<!-- session``. The lines of that comment are commands that run first and
are not shown; a line ``hub: URL`` says which address outputs show. After that, in the order of the document:

- `````console`` blocks: each line that begins with ``$`` is a command, the lines below it are its output;
- `````python`` blocks run; those with ``>>>`` show their output;
- any other block after ``<!-- file: PATH -->`` is written to that file.

A line ``...`` in an output stands for any number of lines. ``<!-- not run -->`` above a block leaves it out.

    python -m tests.docs.sessions docs/start.md    # write the outputs into the document
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfver.api.hubs import LocalHub

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(
    r"(?P<mark>(?:<!-- (?:file: [^\n]+|not run) -->\n)?)```(?P<language>\w+)\n(?P<body>.*?)```\n", re.DOTALL
)
SETUP = re.compile(r"<!-- session\n(.*?)-->\n", re.DOTALL)
TOKEN = "hf_docs"
ELISION = "..."


@dataclass(frozen=True)
class Step:
    """One thing to run, and where its output stands in the document."""

    kind: str
    text: str
    expected: str = ""
    path: str = ""
    span: tuple[int, int] = (0, 0)


def is_session(text: str) -> bool:
    return SETUP.search(text) is not None


def steps_of(text: str) -> list[Step]:
    """List everything that a document runs, hidden steps first."""
    setup = SETUP.search(text)
    lines = setup[1].splitlines() if setup else []
    hidden = [Step("shell", line) for line in lines if line.strip() and not line.startswith("hub:")]
    return [*hidden, *(step for block in BLOCK.finditer(text) for step in _steps_in(block))]


def _steps_in(block: re.Match[str]) -> Iterator[Step]:
    mark, language, start = block["mark"], block["language"], block.start("body")
    if "not run" in mark:
        return
    if "file:" in mark:
        yield Step("file", block["body"], path=mark.removeprefix("<!-- file: ").strip().removesuffix(" -->"))
    elif language == "console":
        for found in re.finditer(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", block["body"], re.M):
            span = start + found.start("output"), start + found.end("output")
            yield Step("shell", found["command"], found["output"].rstrip("\n"), span=span)
    elif language == "python":
        prompts = ">>>" in block["body"]
        span = (start, block.end("body")) if prompts else (0, 0)
        yield Step("python", block["body"], block["body"].rstrip("\n") if prompts else "", span=span)


def run(text: str, folder: Path, checkpoint: Path) -> list[tuple[Step, str]]:
    """Run a document in a folder of its own, against an empty embedded Hub; give each step with what it prints."""
    steps = steps_of(text)
    shown = re.search(r"^hub: (\S+)$", text, re.MULTILINE)
    bin_folder = folder / ".bin"
    bin_folder.mkdir()
    for name, arguments in (("hfver", "-m hfver "), ("python", "")):
        (bin_folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (bin_folder / name).chmod(0o755)
    (folder / "work").mkdir()
    (folder / "work" / "examples").symlink_to(ROOT / "examples")
    with LocalHub(folder / "hub", users={"acme": TOKEN}) as hub:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{bin_folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": TOKEN,
            "HF_HOME": str(folder / "huggingface"),
            "HFVER_CACHE": str(folder / "memory"),
            "DOCS_CHECKPOINT": str(checkpoint),
            "COLUMNS": "96",
            "NO_COLOR": "1",
            "TERM": "xterm",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.docs.terminal"],
            input=json.dumps([{"kind": step.kind, "text": step.text, "path": step.path} for step in steps]),
            capture_output=True,
            text=True,
            cwd=folder / "work",
            env=environment,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        address = shown[1] if shown else "https://huggingface.co"
        printed = [_at_home(output.replace(hub.url, address), folder) for output in json.loads(done.stdout)]
    return list(zip(steps, printed, strict=True))


def _at_home(output: str, folder: Path) -> str:
    """Write an output with the reader's folders in the place of this machine's."""
    output = output.replace(f"{folder}/work/", "")
    output = output.replace(str(folder / "huggingface"), "~/.cache/huggingface")
    output = output.replace(str(folder / "memory"), "~/.cache/hfver")
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    return "\n".join(line.rstrip() for line in output.splitlines()).strip("\n")


VARYING = (
    (r"\b[0-9a-f]{7,64}\b", "<hash>"),
    (r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?)?", "<date>"),
    (r"\b\d[\d,]*(\.\d+)?\s+([kMG]i?)?B\b", "<size>"),
    (r"\b\d[\d,]*(\.\d+)?\s+(ms|s|tokens/s|tokens per second)\b", "<speed>"),
    (r"\d+\.\d+", "<decimal>"),
    (r"[─\s]+", " "),
)


def comparable(text: str) -> str:
    """Reduce an output to what does not vary: no hashes, dates, sizes and times, and no layout of lines."""
    for pattern, stand_in in VARYING:
        text = re.sub(pattern, stand_in, text)
    return text.strip()


def matches(expected: str, printed: str) -> bool:
    """Return whether a document's output is what was printed; a line ``...`` stands for any lines but an error."""
    if "error:" in printed and "error:" not in expected:
        return False
    parts = re.split(rf"^{re.escape(ELISION)}$", expected, flags=re.MULTILINE)
    pattern = r"\s*.*\s*".join(re.escape(comparable(part)) for part in parts)
    return re.fullmatch(pattern, comparable(printed), re.DOTALL) is not None


def differences(text: str, folder: Path, checkpoint: Path) -> list[str]:
    """Run a document and describe each output that is not what it shows."""
    return [
        f"$ {step.text}\n--- the document shows\n{step.expected}\n+++ it prints\n{printed}"
        for step, printed in run(text, folder, checkpoint)
        if step.span != (0, 0) and not matches(step.expected, printed)
    ]


def rewritten(text: str, folder: Path, checkpoint: Path) -> str:
    """Return the document with the outputs that its commands print; as it is if it shows those.

    All outputs come from one run, so that a commit has the same hash wherever it appears. An output that was elided is
    elided again, with as many lines before and after.
    """
    shown = [(step, printed) for step, printed in run(text, folder, checkpoint) if step.span != (0, 0)]
    if all(matches(step.expected, printed) for step, printed in shown):
        return text
    for step, printed in reversed(shown):
        lines = _elided(step.expected.splitlines(), printed)
        if any(line.startswith("```") for line in lines):
            raise ValueError(f"the output of {step.text!r} would end its block; elide it")
        text = text[: step.span[0]] + "".join(f"{line}\n" for line in lines) + text[step.span[1] :]
    return text


def _elided(before: list[str], printed: str) -> list[str]:
    """Leave lines out of an output where they were left out before, if what is shown still finds its place."""
    lines = printed.splitlines()
    if ELISION not in before:
        return lines
    if matches("\n".join(before), printed):
        return _refreshed(before, lines)
    head = before.index(ELISION)
    tail = before[::-1].index(ELISION)
    return [*lines[:head], ELISION, *(lines[-tail:] if tail else [])]


def _refreshed(before: list[str], lines: list[str]) -> list[str]:
    """Take each line that was shown from the new output, where it is the same but for what varies."""
    fresh = {comparable(line): line for line in reversed(lines) if comparable(line)}
    return [line if line == ELISION else fresh.get(comparable(line), line) for line in before]


@contextmanager
def made_checkpoint() -> Iterator[Path]:
    """Train the tiny model that tests share, in a temporary folder."""
    from tests.model.smoke import tiny

    with tempfile.TemporaryDirectory() as scratch:
        words: Any = tiny.byte_tokenizer(chat_template=tiny.CHATML)
        yield tiny.save(tiny.train(tiny.llama(words), words), words, Path(scratch) / "chat")


def main() -> None:
    with made_checkpoint() as checkpoint:
        for name in sys.argv[1:]:
            document = Path(name)
            with tempfile.TemporaryDirectory(prefix="hfver-docs-") as folder:
                document.write_text(rewritten(document.read_text(), Path(folder), checkpoint))


if __name__ == "__main__":
    main()
