"""What hfver remembers about Hubs between runs: for each repo, the ledger that it read and the commits it verified.

The Hugging Face cache does not distinguish endpoints, so this memory does. It saves requests, and it reveals a ledger
that was rewritten since. It can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hfver.core.cache_folder import default_folder

if TYPE_CHECKING:
    from hfver.core.manifest import FileEntry

__all__ = ["Memory", "RememberedLedger"]

CODE_RULE = b"1"
"""The version of the rules in ``checkpoint.refuse_code``. Raise it when they find more: then commits that were checked
by the old rules are checked again."""


@dataclass(frozen=True)
class RememberedLedger:
    """A ledger, and the head of ``main`` at which it was read."""

    main: str
    raw: bytes


class Memory:
    """What is remembered about one repo on one Hub. Failing to write it is not an error."""

    def __init__(self, identity: str, repo: str) -> None:
        # The first part is for people who look into the folder; the hash keeps similar addresses apart.
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", identity).strip("-")[-60:]
        hub = f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
        self.folder = default_folder() / "hubs" / hub / repo.lower().replace("/", "--")

    def ledger(self) -> RememberedLedger | None:
        """Return the ledger that was last read, or None."""
        raw = self._read("ledger")
        main, separator, lines = (raw or b"").partition(b"\n")
        return RememberedLedger(main.decode("ascii", "replace"), lines) if separator else None

    def remember_ledger(self, main: str, raw: bytes) -> None:
        """Remember the ledger at a head of ``main``, unless another process has remembered a longer one since."""
        # Two processes may read different states of a growing ledger; the longer one says more.
        known = self.ledger()
        if known is not None and len(known.raw) > len(raw) and known.raw.startswith(raw):
            return
        self._write("ledger", main.encode() + b"\n" + raw)

    def manifest(self, commit: str) -> bytes | None:
        """Return the manifest of a commit whose tree was checked against it, or None."""
        return self._read(f"{commit}.manifest")

    def remember_manifest(self, commit: str, raw: bytes) -> None:
        """Remember that a commit's tree matches this manifest."""
        self._write(f"{commit}.manifest", raw)

    def files(self, commit: str, *, whole: bool) -> Mapping[str, FileEntry] | None:
        """Return the verified files of a commit that is not a release, or None.

        Args:
            commit: The commit.
            whole: Whether all of its files were verified, or only those that are needed to load it.
        """
        from hfver.core.manifest import FileEntry

        raw = self._read(f"{commit}.{'files' if whole else 'part'}")
        try:
            return {path: FileEntry(**entry) for path, entry in json.loads(raw).items()} if raw else None
        except (ValueError, TypeError, AttributeError):
            return None

    def remember_files(self, commit: str, files: Mapping[str, FileEntry], *, whole: bool) -> None:
        """Remember the files of a commit that is not a release, after they were verified."""
        data = {path: entry.model_dump() for path, entry in files.items()}
        self._write(f"{commit}.{'files' if whole else 'part'}", json.dumps(data, sort_keys=True).encode())

    def verified(self, commit: str) -> str | None:
        """Return the size and times that a commit's files had on disk when they were last verified, or None."""
        raw = self._read(f"{commit}.verified")
        return raw.decode("utf-8", "replace") if raw else None

    def remember_verified(self, commit: str, stats: str) -> None:
        """Remember the size and times of a commit's files on disk, right after they were verified."""
        self._write(f"{commit}.verified", stats.encode())

    def runs_no_code(self, commit: str) -> bool:
        """Return whether a commit's configs were checked by the current rules, and do not run code."""
        return self._read(f"{commit}.no-code") == CODE_RULE

    def remember_no_code(self, commit: str) -> None:
        """Remember that a commit's configs do not run code."""
        self._write(f"{commit}.no-code", CODE_RULE)

    def signed(self, commit: str) -> frozenset[str]:
        """Return the good verdicts on a commit's signature: each names a digest and a trusted signer."""
        raw = self._read(f"{commit}.signed")
        return frozenset(raw.decode("utf-8", "replace").splitlines()) if raw else frozenset()

    def remember_signed(self, commit: str, verdict: str) -> None:
        """Remember that a commit's signature was verified."""
        verdicts = sorted(self.signed(commit) | {verdict})
        self._write(f"{commit}.signed", "".join(f"{line}\n" for line in verdicts).encode())

    def receipt(self, content_digest: str) -> bytes | None:
        """Return the receipt of the command that last released this content, or None."""
        return self._read(f"{content_digest.removeprefix('sha256:')[:12]}.receipt")

    def remember_receipt(self, content_digest: str, receipt: bytes) -> None:
        """Remember which command releases this content."""
        self._write(f"{content_digest.removeprefix('sha256:')[:12]}.receipt", receipt)

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        # Renamed when it is complete, so that no other process reads half of it.
        part = self.folder / f".{name}.{os.getpid()}-{threading.get_ident()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(self.folder / name)
        except OSError:
            part.unlink(missing_ok=True)
