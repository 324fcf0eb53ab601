"""Make the table: ``python -m tests.model.compare.metadata``, about half an hour on two cores.

With names of model types, print what is found out about these instead. ``--keep FILE`` notes each type as it is done,
and takes what is noted there already.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["all_types", "proofs_of"]

SECONDS = 40
"""Time limit per model type: almost all need less than five; those that need more cannot be made small."""
_MEMORY = 2 * 1024**3
_PROCESSES = 2


def all_types() -> list[str]:
    """Return every model type that the installed transformers knows."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return sorted(CONFIG_MAPPING.keys())


def proofs_of(kinds: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Prove each type in a process of its own, two at a time; types that fail or take too long have nothing proved."""
    _prepare()
    waiting = list(kinds)
    running: dict[int, tuple[str, int]] = {}
    while waiting or running:
        while waiting and len(running) < _PROCESSES:
            kind = waiting.pop(0)
            reading, writing = os.pipe()
            if (child := os.fork()) == 0:
                os.close(reading)
                _work(kind, writing)
            os.close(writing)
            running[child] = (kind, reading)
        ready, _, _ = select.select([reading for _, reading in running.values()], [], [])
        for child, (kind, reading) in list(running.items()):
            if reading in ready:
                # Read first: a child whose answer fills the pipe does not end before that.
                with os.fdopen(reading) as stream:
                    text = stream.read()
                os.waitpid(child, 0)
                del running[child]
                yield json.loads(text) if text else {"kind": kind}


def _prepare() -> None:
    # What a proof imports and reads is there before the processes split: it takes longer than most proofs.
    os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    import torch
    import transformers.utils.logging

    from tests.model.compare.metadata.proof import prove

    logging: Any = transformers.utils.logging
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prove("gpt2")


def _work(kind: str, writing: int) -> None:
    from tests.model.compare.metadata.proof import prove

    signal.alarm(SECONDS)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    try:
        answer = json.dumps(prove(kind).to_json())
        with os.fdopen(writing, "w") as stream:
            stream.write(answer)
    finally:
        os._exit(0)


def main() -> None:
    """Do what the arguments ask."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.compare.metadata", description=__doc__)
    parser.add_argument("kinds", nargs="*", help="model types to print; without any, the table is made")
    parser.add_argument("--keep", type=Path, help="a file that notes each type as it is done")
    options = parser.parse_args()
    if options.kinds:
        for proof in proofs_of(options.kinds):
            print(json.dumps(proof))
        return
    known = _noted(options.keep)
    began = time.monotonic()
    for proof in proofs_of(kind for kind in all_types() if kind not in known):
        known[proof["kind"]] = proof
        if options.keep:
            with options.keep.open("a") as stream:
                stream.write(json.dumps(proof) + "\n")
        print(f"{time.monotonic() - began:7.0f} s  {len(known):4}  {proof['kind']}", file=sys.stderr)
    from tests.model.compare.metadata.table import write_table

    write_table(known.values())


def _noted(path: Path | None) -> dict[str, dict[str, Any]]:
    if path is None or not path.exists():
        return {}
    return {proof["kind"]: proof for proof in map(json.loads, path.read_text().splitlines())}


if __name__ == "__main__":
    main()
