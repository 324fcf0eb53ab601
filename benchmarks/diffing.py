"""What comparing two releases fetches: ``python -m benchmarks.diffing --size 8GB``."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent / ".bench" / "diffing"
REPO = "acme/model"


def main() -> None:
    """Release two versions whose weights differ, and compare them as a machine that has seen neither."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diffing", description=__doc__)
    parser.add_argument("--size", default="8GB", help="size of each release (default: 8GB)")
    parser.add_argument("--tensors", type=int, help="number of tensors (default: one for each 32 MB)")
    options = parser.parse_args()
    shutil.rmtree(ROOT, ignore_errors=True)
    os.environ.update(HFVER_CACHE=str(ROOT / "writer"), HF_HOME=str(ROOT / "home"))
    _measure(options.size, options.tensors)
    shutil.rmtree(ROOT)


def _measure(size: str, tensors: int | None) -> None:
    from huggingface_hub.utils import get_session

    import hfver
    from benchmarks.synthetic import make_checkpoint, parse_size

    with hfver.LocalHub(ROOT / "hub") as hub:
        for version in ("1.0.0", "1.1.0"):
            folder = make_checkpoint(ROOT / "checkpoint", parse_size(size), tensors)
            hfver.release(folder, REPO, hub=hub, version=version, smoke="off")
            shutil.rmtree(folder)
        os.environ["HFVER_CACHE"] = str(ROOT / "reader")
        fetched: list[int] = []
        client: Any = get_session()
        client.event_hooks["response"].append(lambda response: fetched.append(len(response.read())))
        for name, listed in (("the level", False), ("again", False), ("which tensors moved", True), ("again", True)):
            fetched.clear()
            started = time.perf_counter()
            found = hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", tensors=listed, hub=hub)
            seconds = time.perf_counter() - started
            print(f"{name}: {found.level}, {found.weights}")
            print(f"  {seconds:.2f} s, {len(fetched)} requests, {sum(fetched) / 1e3:.0f} kB fetched")


if __name__ == "__main__":
    main()
