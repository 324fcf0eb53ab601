"""The pre-receive hook: refuses a push that nobody could check out, as the Hub does.

Run by git as ``python -m hfver.server.prereceive``, inside the quarantine of the pushed objects. It uses the
standard library only, as a push waits for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from hfver.server.pointers import MAX_POINTER, Pointer, parse_pointer

MAX_FILE = 10 * 1024 * 1024
_FAMILIES = ("refs/heads/", "refs/tags/", "refs/pr/")
_HEX = frozenset("0123456789abcdef")


class Refusal(Exception):
    """Why the push is refused, for the person who pushed."""


def main() -> int:
    """Check the push that standard input describes; the message goes to the person who pushed."""
    try:
        check([line.split() for line in sys.stdin])
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


def check(updates: list[list[str]]) -> None:
    """Check ref updates, given as (old id, new id, name).

    Raises:
        Refusal: Something in them is not acceptable.
    """
    for _, _, name in updates:
        short = name.split("/", 2)[-1]
        if not name.startswith(_FAMILIES) or (len(short) == 40 and set(short) <= _HEX):
            raise Refusal(f"{name}: only branches, tags and pull requests can be pushed")
    tips = [new for _, new, _ in updates if set(new) != {"0"}]
    if tips:
        _check_blobs(tips)


def _check_blobs(tips: list[str]) -> None:
    """Look at every new blob: large ones belong into Git-LFS, and what pointers name must be there."""
    store, small = Path(os.environ["HFVER_LFS_OBJECTS"]), []
    for oid, size in _new_blobs(tips):
        if size > MAX_FILE:
            raise Refusal(f"{oid}: files larger than 10 MiB must be pushed with Git-LFS")
        if size <= MAX_POINTER:
            small.append(oid)
    for data in _contents(small):
        pointer = parse_pointer(data)
        if pointer is not None and not _is_stored(store, pointer):
            raise Refusal(f"LFS object {pointer.oid} is missing; run: git lfs push --all origin")


def _is_stored(store: Path, pointer: Pointer) -> bool:
    try:
        return (store / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid).stat().st_size == pointer.size
    except FileNotFoundError:
        return False


def _git(arguments: list[str], lines: Iterable[str]) -> bytes:
    given = "".join(f"{line}\n" for line in lines).encode()
    return subprocess.run(["git", *arguments], input=given, stdout=subprocess.PIPE, check=True).stdout


def _new_blobs(tips: list[str]) -> Iterator[tuple[str, int]]:
    """List the blobs that no ref of the repo has reached so far."""
    listed = _git(["rev-list", "--objects", "--no-object-names", "--stdin", "--not", "--all"], tips)
    sizes = _git(["cat-file", "--batch-check"], listed.decode().split())
    for line in sizes.decode().splitlines():
        oid, kind, size = line.split()
        if kind == "blob":
            yield oid, int(size)


def _contents(oids: list[str]) -> Iterator[bytes]:
    """Read small blobs."""
    data = _git(["cat-file", "--batch"], oids)
    while data:
        head, _, data = data.partition(b"\n")
        size = int(head.split()[2])
        yield data[:size]
        data = data[size + 1 :]


if __name__ == "__main__":
    sys.exit(main())
