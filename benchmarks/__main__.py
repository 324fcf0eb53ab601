"""Compare hfver with its peers, side by side: ``python -m benchmarks --size 2GB --rounds 3``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import Cost
from benchmarks.peers import Floor, GitLfs, Hfver, HfverHttp, HuggingfaceHub, Peer, served
from benchmarks.synthetic import make_checkpoint, parse_size, write_config

STEPS = ("first version", "config only", "get it back")
ROOT = Path(__file__).parent.parent / ".bench"


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", default="2GB", help="size of the checkpoint, such as 500MB (default: 2GB)")
    parser.add_argument("--rounds", type=int, default=3, help="the table shows medians (default: 3)")
    options = parser.parse_args()
    shutil.rmtree(ROOT, ignore_errors=True)
    folder = make_checkpoint(ROOT / "checkpoint", parse_size(options.size))
    rounds = [_round(folder, number) for number in range(options.rounds)]
    names = list(rounds[0])
    costs = {name: [_middle([one[name][step] for one in rounds]) for step in range(len(STEPS))] for name in names}
    _print(costs, f"{options.size}, medians of {options.rounds}, {sys.platform}")
    shutil.rmtree(ROOT)


def _round(folder: Path, number: int) -> dict[str, list[Cost]]:
    work = ROOT / f"round-{number}"
    work.mkdir()
    with ExitStack() as stack:
        hub = work / "served"
        url = stack.enter_context(served(hub))
        makers: list[Callable[[], Peer]] = [
            lambda: Floor(work / "floor"),
            lambda: Hfver(work / "hfver"),
            lambda: HfverHttp(work / "http", url, hub),
            lambda: HuggingfaceHub(work / "upload", url, hub, "upload_folder"),
            lambda: HuggingfaceHub(work / "commit", url, hub, "create_commit"),
            lambda: GitLfs(work / "git"),
        ]
        found = dict(_one_peer(make, folder, work, hub) for make in makers)
    shutil.rmtree(work)
    return found


def _one_peer(make: Callable[[], Peer], folder: Path, work: Path, hub: Path) -> tuple[str, list[Cost]]:
    write_config(folder, transformers_version="5.0.0")
    peer = make()
    peer.work.mkdir(exist_ok=True)
    sys.stderr.write(f"{work.name}: {peer.name}\n")
    first = peer.publish(folder, "1.0.0")
    write_config(folder, transformers_version="5.1.0")
    costs = [first, peer.publish(folder, "1.0.1"), peer.get_back()]
    shutil.rmtree(peer.work)
    for store in hub.glob("lfs/objects/*"):
        shutil.rmtree(store)
    return peer.name, costs


def _middle(costs: list[Cost]) -> Cost:
    return Cost(
        median(cost.seconds for cost in costs), max(cost.memory for cost in costs), max(cost.grown for cost in costs)
    )


def _print(costs: Mapping[str, list[Cost]], title: str) -> None:
    table = Table(title=f"{title}; seconds (× floor), peak memory, bytes sent")
    table.add_column("")
    for step in STEPS:
        table.add_column(step, justify="right")
    floors = costs[Floor.name]
    for name, row in costs.items():
        table.add_row(name, *(_cell(cost, floor) for cost, floor in zip(row, floors, strict=True)))
    console = Console(width=150)
    console.print(table)
    ours, theirs = costs[Hfver.name], costs["huggingface_hub upload_folder"]
    for step, our, their in zip(STEPS, ours, theirs, strict=True):
        console.print(f"{step}: hfver takes 1/{their.seconds / our.seconds:.1f} of huggingface_hub's time")


def _cell(cost: Cost, floor: Cost) -> str:
    ratio = cost.seconds / floor.seconds
    return f"{cost.seconds:6.2f} s ({ratio:4.1f}×) {cost.memory / 1e6:5.0f} MB {cost.grown / 1e6:8.1f} MB"


if __name__ == "__main__":
    main()
