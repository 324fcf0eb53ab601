"""The pre-receive hook: refuses pushes that the API would refuse too, or that nobody could check out.

git runs it as ``python -m hfver.server.git.pre_receive`` within the quarantine of the pushed objects. It uses the
standard library only, because a push waits for it; a new README is the exception.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hfver.server.storage.pointers import MAX_POINTER, UPLOADED, Pointer, parse_pointer
from hfver.server.storage.verified import VERIFIED, VerifiedFiles, matches_name

MAX_FILE = 10 * 1024 * 1024
_CARD, _MAX_CARD = "README.md", 1024 * 1024
_FAMILIES = ("refs/heads/", "refs/tags/", "refs/pr/")
_QUARANTINE = ("GIT_QUARANTINE_PATH", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
_HEX = frozenset("0123456789abcdef")
# Names that the API refuses as well (see `names.is_path`) and that git's fsck allows.
_UNSAFE = re.compile(rb"[\x00-\x1f\x7f\\]")
_ID_BYTES = 20
_TREES = 1000
"""How many trees are read at once."""


class PushRejectedError(Exception):
    """The push is refused. The message is shown to the user who pushed."""


def main() -> int:
    """Check the push that standard input describes; messages go to the user who pushed."""
    try:
        check_push([line.split() for line in sys.stdin])
    except PushRejectedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def check_push(updates: list[list[str]]) -> None:
    """Check ref updates, given as (old id, new id, name), and the objects that came with them.

    Raises:
        PushRejectedError: The push is not acceptable.
    """
    for _, new, name in updates:
        short = name.split("/", 2)[-1]
        # A branch whose name looks like a commit id could be mistaken for that commit.
        if not name.startswith(_FAMILIES) or (len(short) == 40 and set(short) <= _HEX):
            raise PushRejectedError(f"{name}: only branches, tags and pull requests can be pushed")
        _check_right(new, name)
    if os.environ.get("GIT_QUARANTINE_PATH"):  # a push that only deletes refs brings no objects
        _check_objects()
        _check_cards([new for _, new, name in updates if set(new) != {"0"} and not name.startswith("refs/tags/")])


def _check_right(new: str, name: str) -> None:
    """Require that the user may push to the ref. The server lists the open pull requests of which that is true."""
    if name.startswith("refs/pr/"):
        # All zeros as the new id would delete the ref.
        if name not in os.environ.get("HFVER_PULLS", "").split() or set(new) == {"0"}:
            raise PushRejectedError(f"{name}: no pull request that you can push to; open one on the Hub first")
    elif not os.environ.get("HFVER_WRITES"):
        raise PushRejectedError(f"{name}: you can only push to your own pull requests")


def _check_objects() -> None:
    """Check every new blob and tree.

    Large blobs must be in Git-LFS, the repo must have the objects that pointers name, and file names must be ones that
    the API accepts. git's own fsck has already refused ``..``, ``.git`` and the like.
    """
    small, trees = [], []
    for oid, kind, size in _new_objects():
        if kind == "blob" and size > MAX_FILE:
            raise PushRejectedError(f"{oid}: files larger than 10 MiB must be pushed with Git-LFS")
        if kind == "blob" and size <= MAX_POINTER:
            small.append(oid)
        elif kind == "tree":
            trees.append(oid)
    for start in range(0, len(trees), _TREES):
        _check_names(_contents(trees[start : start + _TREES]))
    pointers = [pointer for data in _contents(small) if (pointer := parse_pointer(data)) is not None]
    missing = next((pointer for pointer in pointers if not _is_stored(pointer)), None) or _not_permitted(pointers)
    if missing:
        raise PushRejectedError(f"LFS object {missing.oid} is missing; run: git lfs push --all origin")


def _check_cards(commits: list[str]) -> None:
    """Check the metadata of each README that a branch would have and the repo does not have yet."""
    found = _git(["cat-file", "--batch-check"], [f"{commit}:{_CARD}" for commit in commits]).decode().splitlines()
    blobs = [line.split() for line in found if not line.endswith((" missing", " ambiguous"))]
    cards = {oid for oid, kind, size in blobs if kind == "blob" and int(size) <= _MAX_CARD}
    new = sorted(cards - _known_before(sorted(cards)))
    if not new:
        return
    from hfver.server.storage.card_rules import judge_card  # most pushes need no YAML, and it takes long to import

    for card in _contents(new):
        if errors := judge_card(card.decode("utf-8", "replace"), os.environ.get("HFVER_KIND", "models")):
            listed = "\n".join(f"- Error: {message}" for message in errors)
            raise PushRejectedError(f"Sorry, your push was rejected during YAML metadata verification:\n{listed}")


def _check_names(trees: Iterable[bytes]) -> None:
    """Check the names in raw trees: each entry is a mode, a space, the name, a zero byte and the binary id."""
    for data in trees:
        at = 0
        while at < len(data):
            end = data.index(b"\0", at)
            name = data[at:end].partition(b" ")[2]
            if _UNSAFE.search(name):
                shown = ascii(name)[2:-1]
                raise PushRejectedError(f"{shown}: names with backslashes or control characters cannot be pushed")
            at = end + 1 + _ID_BYTES


def _not_permitted(pointers: list[Pointer]) -> Pointer | None:
    """Find an object that was neither uploaded to this repo nor named in it before (see `storage.lfs_access`)."""
    if os.environ.get("HFVER_READS_ALL"):
        return None
    uploaded = Path(os.environ["GIT_DIR"]) / UPLOADED
    doubtful = [pointer for pointer in pointers if not (uploaded / pointer.oid).exists()]
    known = _known_before([pointer.blob_id() for pointer in doubtful])
    return next((pointer for pointer in doubtful if pointer.blob_id() not in known), None)


def _known_before(oids: list[str]) -> set[str]:
    """Find which objects the repo had before this push, by running git outside the quarantine."""
    clean = {name: value for name, value in os.environ.items() if name not in _QUARANTINE}
    answers = _git(["cat-file", "--batch-check"], oids, clean).decode().splitlines() if oids else []
    return {line.split()[0] for line in answers if not line.endswith(" missing")}


def _is_stored(pointer: Pointer) -> bool:
    """Return whether the store has the object, and it matches its name."""
    store = Path(os.environ["HFVER_LFS_OBJECTS"])
    path = store / pointer.oid[:2] / pointer.oid[2:4] / pointer.oid
    try:
        if path.stat().st_size != pointer.size:
            return False
    except FileNotFoundError:
        return False
    return matches_name(path, VerifiedFiles(store.parent / VERIFIED)) is True


def _git(arguments: list[str], lines: Iterable[str], environment: Mapping[str, str] | None = None) -> bytes:
    given = "".join(f"{line}\n" for line in lines).encode()
    return subprocess.run(["git", *arguments], input=given, stdout=subprocess.PIPE, check=True, env=environment).stdout


def _new_objects() -> Iterator[tuple[str, str, int]]:
    """List all pushed objects, even those that no pushed ref reaches: they become part of the repo as well."""
    quarantine = {name: value for name, value in os.environ.items() if name not in _QUARANTINE}
    quarantine["GIT_OBJECT_DIRECTORY"] = os.environ["GIT_QUARANTINE_PATH"]
    listed = _git(["cat-file", "--batch-all-objects", "--batch-check", "--unordered"], (), quarantine)
    for line in listed.decode().splitlines():
        oid, kind, size = line.split()
        yield oid, kind, int(size)


def _contents(oids: list[str]) -> Iterator[bytes]:
    """Read objects that fit in memory."""
    data = _git(["cat-file", "--batch"], oids)
    while data:
        head, _, data = data.partition(b"\n")
        size = int(head.split()[2])
        yield data[:size]
        data = data[size + 1 :]


if __name__ == "__main__":
    sys.exit(main())
