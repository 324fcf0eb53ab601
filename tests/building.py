"""Repos with many releases, written straight into an embedded Hub's folder by ``git fast-import``.

What a release writes, byte for byte as a reader meets it: a commit per release with its files, manifest and LFS
pointer, an annotated tag, and a commit on ``main`` with the release's files and the ledger.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO

from huggingface_hub import HfApi

from hfver.api.hubs import LocalHub
from hfver.core.ledger import Ledger, Line
from hfver.core.lfs import lfs_attributes
from hfver.core.manifest import (
    ATTRIBUTES,
    CARD,
    CHANGELOG,
    LEDGER,
    LINEAGE,
    MANIFEST,
    TENSORS,
    VERSION_FILE,
    FileEntry,
    Manifest,
    content_digest,
    digest_of,
)
from hfver.core.version import Bump

START = datetime(2026, 1, 1, tzinfo=UTC)
WEIGHTS = "model.safetensors"
LINK = b"symlink:"
"""What stands before this is written as a symbolic link to the rest."""


def bare_repo(hub: LocalHub, repo: str) -> Path:
    """Name the folder of a repo's bare git repository."""
    namespace, _, name = repo.lower().partition("/")
    return hub.path / "repos" / "models" / namespace / f"{name}.git"


def build_releases(hub: LocalHub, repo: str, count: int) -> Ledger:
    """Give a new repo releases 1.0.0, 1.1.0, …; returns its ledger."""
    HfApi(hub.url, token=hub.token).create_repo(repo, private=True)
    ledger, previous, changelog = Ledger.empty(), None, ""
    with Importer(bare_repo(hub, repo)) as git:
        for number in range(count):
            version, date = f"1.{number}.0", START + timedelta(hours=number)
            changelog = f"## [{version}] - {date:%Y-%m-%d}\n\n- More data, round {number}.\n\n{changelog}"
            files = _files(number, version, changelog)
            weights = store(hub, _weights(number))
            listed = {path: _entry(data) for path, data in files.items()} | {WEIGHTS: weights}
            manifest = Manifest(
                repo=repo,
                version=version,
                previous=previous,
                ledger_head=ledger.head,
                content_digest=content_digest(listed),
                bump=Bump.MINOR if number else Bump.MAJOR,
                created_at=date,
                created_by="builder",
                files=listed,
            )
            files |= {MANIFEST: manifest.encode(), ATTRIBUTES: lfs_attributes([WEIGHTS]), WEIGHTS: pointer(weights)}
            commit = git.commit("refs/heads/hfver/build", files, start="refs/heads/main" if number else None)
            previous = digest_of(files[MANIFEST])
            line = Line(
                event="release",
                repo=repo,
                version=version,
                commit=commit,
                digest=previous,
                content_digest=manifest.content_digest,
                bump=manifest.bump,
                date=date,
                author="builder",
            )
            ledger = ledger.append(line)
            git.tag(f"v{version}", commit, f"{repo} {version}\n\nRelease digest: {previous}\n")
            git.commit("refs/heads/main", {**files, LEDGER: ledger.raw})
    subprocess.run(["git", "-C", bare_repo(hub, repo), "update-ref", "-d", "refs/heads/hfver/build"], check=True)
    return ledger


def store(hub: LocalHub, data: bytes) -> FileEntry:
    """Put an LFS object into the Hub's store."""
    entry = _entry(data)
    path = hub.path / "lfs" / "objects" / entry.sha256[:2] / entry.sha256[2:4] / entry.sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return entry


def pointer(entry: FileEntry) -> bytes:
    """Write the LFS pointer of an object."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{entry.sha256}\nsize {entry.size}\n".encode()


def _entry(data: bytes) -> FileEntry:
    return FileEntry(size=len(data), sha256=hashlib.sha256(data).hexdigest())


def _weights(number: int) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    return struct.pack("<Q", len(header)) + header + struct.pack("<ff", number, 1.0)


def _files(number: int, version: str, changelog: str) -> dict[str, bytes]:
    digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    tensors = {"w": {"digest": f"xxh3:{digest}", "dtype": "F32", "file": WEIGHTS, "shape": [2]}}
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"], "model_type": "llama"}\n',
        "tokenizer.json": json.dumps({"vocab": {f"word{index}": index for index in range(2000)}}).encode(),
        VERSION_FILE: f"{version}\n".encode(),
        CARD: f"---\nlicense: mit\n---\n# Model {version}\n\n{'Text of the card. ' * 200}\n".encode(),
        CHANGELOG: f"# Changelog\n\n{changelog}".encode(),
        LINEAGE: f"model_version: {version}\ncreated_by: builder\n{'# hyperparameters' * 60}\n".encode(),
        TENSORS: (json.dumps({"schema": 1, "tensors": tensors}, indent=2) + "\n").encode(),
    }


class Importer:
    """A running ``git fast-import``."""

    def __init__(self, folder: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        self._process = subprocess.Popen(
            ["git", "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--force", "--date-format=raw"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to: IO[bytes] = self._process.stdin
        self._from: IO[bytes] = self._process.stdout
        self._clock = int(START.timestamp())

    def __enter__(self) -> Importer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._to.close()
        self._from.close()
        assert self._process.wait() == 0 or error is not None

    def commit(
        self, ref: str, files: Mapping[str, bytes | None], start: str | None = None, *, keep: bool = False
    ) -> str:
        """Commit files onto a ref and return the commit.

        Args:
            ref: The ref; made if it does not exist.
            files: What the commit holds; None removes a file.
            start: Where the ref is put first.
            keep: Whether the parent's other files stay.
        """
        if start:
            self._to.write(f"reset {ref}\nfrom {start}\n\n".encode())
        self._clock += 60
        message = f"Commit to {ref}"
        self._to.write(f"commit {ref}\nmark :1\ncommitter b <b@example.com> {self._clock} +0000\n".encode())
        self._to.write(f"data {len(message)}\n{message}\n".encode() + (b"" if keep else b"deleteall\n"))
        for path, data in sorted(files.items()):
            if data is None:
                self._to.write(f"D {path}\n".encode())
            else:
                mode = "120000" if data.startswith(LINK) else "100644"
                data = data.removeprefix(LINK)
                self._to.write(f"M {mode} inline {path}\ndata {len(data)}\n".encode() + data + b"\n")
        self._to.write(b"\nget-mark :1\n")
        self._to.flush()
        return self._from.readline().decode().strip()

    def tag(self, name: str, commit: str, message: str) -> None:
        """Make an annotated tag."""
        who = f"tagger b <b@example.com> {self._clock} +0000"
        self._to.write(f"tag {name}\nfrom {commit}\n{who}\ndata {len(message.encode())}\n{message}\n".encode())
