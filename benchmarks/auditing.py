"""What a repo of many releases costs its readers: ``python -m benchmarks.auditing --releases 1000``."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent / ".bench" / "auditing"
REPO = "acme/model"


def main() -> None:
    """Build the repo, and measure listing, resolving a range and auditing on loopback, first and again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auditing", description=__doc__)
    parser.add_argument("--releases", type=int, default=1000, help="how many (default: 1000)")
    options = parser.parse_args()
    shutil.rmtree(ROOT, ignore_errors=True)
    os.environ.update(HFVER_CACHE=str(ROOT / "reader"), HF_HOME=str(ROOT / "home"))
    _measure(options.releases)
    shutil.rmtree(ROOT)


def _measure(releases: int) -> None:
    from huggingface_hub.utils import get_session

    import hfver
    from tests.building import build_releases

    sent: list[str] = []
    client: Any = get_session()
    client.event_hooks["request"].append(lambda request: sent.append(request.url.path))
    steps: dict[str, Callable[[], Any]] = {
        "versions": lambda: hfver.versions(REPO, hub=hub),
        "resolve a range": lambda: hfver.resolve(f"{REPO}@^1.2", hub=hub),
        "audit": lambda: hfver.audit(REPO, hub=hub),
    }
    with hfver.LocalHub(ROOT / "hub") as hub:
        build_releases(hub, REPO, releases)
        build_releases(hub, "acme/small", 1)
        hfver.resolve("acme/small", hub=hub)  # what is imported once per process is not counted
        for name, step in steps.items():
            shutil.rmtree(ROOT / "reader", ignore_errors=True)
            for when in ("first", "again"):
                sent.clear()
                started = time.perf_counter()
                step()
                print(f"{name}, {when}: {time.perf_counter() - started:.2f} s, {len(sent)} API requests")


if __name__ == "__main__":
    main()
