"""Releases that no API accepts: trees, tags and refs written byte by byte into a Hub's folder, and published."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from hfver.api.hubs import LocalHub
from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER, MANIFEST, VERSION_FILE, FileEntry, Manifest, content_digest, digest_of
from hfver.core.version import Bump
from tests.building import START, WEIGHTS, bare_repo, build_releases
from tests.hostile.checkpoints import REPO

FILE, LINK, MODULE, FOLDER = "100644", "120000", "160000", "40000"
VERSION = "1.1.0"


@dataclass(frozen=True)
class Entry:
    """An entry of a tree: its mode, and its content, which for a submodule is the id of a commit."""

    mode: str
    content: bytes | Mapping[bytes, Entry]


def file(content: bytes = b"x") -> Entry:
    """Return an ordinary file."""
    return Entry(FILE, content)


class Git:
    """The bare repository of a repo with one valid release, into which anything that git can store is written."""

    def __init__(self, hub: LocalHub) -> None:
        self.hub = hub
        build_releases(hub, REPO, 1)
        self.path = bare_repo(hub, REPO)

    def run(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run git in the repository."""
        done = subprocess.run(["git", "-C", str(self.path), *arguments], input=given, capture_output=True, check=True)
        return done.stdout.strip()

    def write(self, kind: str, data: bytes) -> str:
        """Write an object, valid or not."""
        return self.run("hash-object", "-w", "-t", kind, "--literally", "--stdin", given=data).decode()

    def tree(self, entries: Mapping[bytes, Entry] | list[tuple[bytes, Entry]]) -> str:
        """Write a tree, with names as they are, in git's order."""
        pairs = list(entries.items()) if isinstance(entries, Mapping) else entries
        ordered = sorted(pairs, key=lambda one: one[0] + b"/" * (one[1].mode == FOLDER))
        rows = (f"{entry.mode} ".encode() + name + b"\0" + bytes.fromhex(self.oid(entry)) for name, entry in ordered)
        return self.write("tree", b"".join(rows))

    def oid(self, entry: Entry) -> str:
        """Write the content of an entry and return its id."""
        if not isinstance(entry.content, bytes):
            return self.tree(entry.content)
        return entry.content.decode() if entry.mode == MODULE else self.write("blob", entry.content)

    def commit(self, tree: str, *, parent: str = "main", head: bytes | None = None) -> str:
        """Write a commit."""
        who = b"author b <b@example.com> 1767312000 +0000\ncommitter b <b@example.com> 1767312000 +0000\n\nforged\n"
        above = self.run("rev-parse", parent)
        return self.write("commit", f"tree {tree}\nparent ".encode() + above + b"\n" + (head or who))

    def files(self, commit: str) -> dict[bytes, Entry]:
        """Return the ordinary files in the root of a commit."""
        rows = (row.split(b"\t") for row in self.run("ls-tree", commit).splitlines() if b" blob " in row)
        return {name: file(self.run("cat-file", "blob", facts.split()[2].decode()) + b"") for facts, name in rows}


def publish(
    git: Git,
    entries: Mapping[bytes, Entry],
    *,
    listed: Mapping[str, bytes] | None = None,
    twice: tuple[bytes, Entry] | None = None,
    manifest: Entry | None = None,
    head: bytes | None = None,
) -> str:
    """Publish 1.1.0: the weights and config of 1.0.0, further entries, and a matching manifest, tag and ledger line.

    Args:
        git: The repository.
        entries: Further entries of its tree.
        listed: What its manifest says of them.
        twice: An entry to add to the tree a second time.
        manifest: The entry of the manifest, if it is not an ordinary file.
        head: The rest of the commit after its parent, if not the usual one.

    Returns:
        The commit.
    """
    before = Manifest.decode(git.run("cat-file", "blob", f"v1.0.0:{MANIFEST}") + b"\n", REPO)
    pointer = git.run("cat-file", "blob", f"v1.0.0:{WEIGHTS}") + b"\n"
    config, version = b"{}\n", f"{VERSION}\n".encode()
    plain = {"config.json": config, VERSION_FILE: version, **(listed or {})}
    files = {path: _entry(data) for path, data in plain.items()} | {WEIGHTS: before.files[WEIGHTS]}
    ledger = Ledger.decode(git.run("cat-file", "blob", f"main:{LEDGER}") + b"\n", REPO)
    new = Manifest(
        repo=REPO,
        version=VERSION,
        previous=ledger.lines[-1].digest,
        ledger_head=ledger.head,
        content_digest=content_digest(files),
        bump=Bump.MINOR,
        created_at=START,
        created_by="mallory",
        files=files,
    )
    below = {b"manifest.json": manifest or file(new.encode())}
    root = {
        b"config.json": file(config),
        b"VERSION": file(version),
        b".gitattributes": file(b"*.safetensors filter=lfs\n"),
        WEIGHTS.encode(): file(pointer),
        b".hfver": Entry(FOLDER, below),
        **entries,
    }
    tree = git.tree([*root.items(), *([twice] if twice else [])])
    commit = git.commit(tree, head=head)
    register(git, commit, digest_of(new.encode()), new.content_digest, ledger)
    return commit


def register(git: Git, commit: str, digest: str, content: str, ledger: Ledger) -> None:
    """Tag a commit as 1.1.0, and append its ledger line."""
    text = f"object {commit}\ntype commit\ntag v{VERSION}\ntagger b <b@example.com> 1767312000 +0000\n\n{digest}\n"
    git.run("update-ref", f"refs/tags/v{VERSION}", git.write("tag", text.encode()))
    line = Line(
        event="release",
        repo=REPO,
        version=VERSION,
        commit=commit,
        digest=digest,
        content_digest=content,
        bump=Bump.MINOR,
        date=START,
        author="mallory",
    )
    put_ledger(git, file(ledger.append(line).raw))


def put_ledger(git: Git, ledger: Entry) -> None:
    """Commit a ledger to main."""
    state = {b"releases.jsonl": ledger}
    tree = git.tree({b".hfver": Entry(FOLDER, state), b"config.json": file(b"{}\n")})
    git.run("update-ref", "refs/heads/main", git.commit(tree))


def _entry(data: bytes) -> FileEntry:
    return FileEntry(size=len(data), sha256=hashlib.sha256(data).hexdigest())
