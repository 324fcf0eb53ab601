"""What hfver remembers of Hubs between runs: per Hub and repo, the ledger it saw and the commits it verified.

The Hugging Face cache is not keyed by endpoint, so this is. All of it can be deleted at any time: it saves requests,
and it notices a ledger that was rewritten since.
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
"""Names the rule of ``checkpoint.refuse_code``: when that finds more, what was seen before is looked at again."""


@dataclass(frozen=True)
class RememberedLedger:
    """A ledger as it was when ``main`` had this head."""

    main: str
    raw: bytes


class Memory:
    """The memory of one repo on one Hub. Losing it is harmless, and a memory that cannot be written is none."""

    def __init__(self, identity: str, repo: str) -> None:
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", identity).strip("-")[-60:]
        hub = f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
        self.folder = default_folder() / "hubs" / hub / repo.lower().replace("/", "--")

    def ledger(self) -> RememberedLedger | None:
        """Recall the ledger, or None."""
        raw = self._read("ledger")
        main, separator, lines = (raw or b"").partition(b"\n")
        return RememberedLedger(main.decode("ascii", "replace"), lines) if separator else None

    def remember_ledger(self, main: str, raw: bytes) -> None:
        """Note the ledger that ``main`` held at this head, unless another process knows of more lines by now."""
        known = self.ledger()
        if known is not None and len(known.raw) > len(raw) and known.raw.startswith(raw):
            return
        self._write("ledger", main.encode() + b"\n" + raw)

    def manifest(self, commit: str) -> bytes | None:
        """Recall the manifest of a commit whose tree was checked against it, or None."""
        return self._read(f"{commit}.manifest")

    def remember_manifest(self, commit: str, raw: bytes) -> None:
        """Note that a commit's tree is exactly this manifest."""
        self._write(f"{commit}.manifest", raw)

    def files(self, commit: str, *, whole: bool) -> Mapping[str, FileEntry] | None:
        """Recall the files of a commit that is no release, as they were verified: all, or those to load it; or None."""
        from hfver.core.manifest import FileEntry

        raw = self._read(f"{commit}.{'files' if whole else 'part'}")
        try:
            return {path: FileEntry(**entry) for path, entry in json.loads(raw).items()} if raw else None
        except (ValueError, TypeError, AttributeError):
            return None

    def remember_files(self, commit: str, files: Mapping[str, FileEntry], *, whole: bool) -> None:
        """Note the files of a commit that is no release, after they were verified."""
        data = {path: entry.model_dump() for path, entry in files.items()}
        self._write(f"{commit}.{'files' if whole else 'part'}", json.dumps(data, sort_keys=True).encode())

    def verified(self, commit: str) -> str | None:
        """Recall how a commit's files looked on disk when they were last verified, or None."""
        raw = self._read(f"{commit}.verified")
        return raw.decode("utf-8", "replace") if raw else None

    def remember_verified(self, commit: str, look: str) -> None:
        """Note how a commit's files look on disk, right after they were verified."""
        self._write(f"{commit}.verified", look.encode())

    def runs_no_code(self, commit: str) -> bool:
        """Recall whether a commit's configs were looked at, by today's rule, and name no code."""
        return self._read(f"{commit}.no-code") == CODE_RULE

    def remember_no_code(self, commit: str) -> None:
        """Note that a commit's configs name no code."""
        self._write(f"{commit}.no-code", CODE_RULE)

    def signed(self, commit: str) -> frozenset[str]:
        """Recall the verdicts on a commit's signature that were good: each names a digest and who was trusted."""
        raw = self._read(f"{commit}.signed")
        return frozenset(raw.decode("utf-8", "replace").splitlines()) if raw else frozenset()

    def remember_signed(self, commit: str, verdict: str) -> None:
        """Note that a commit's signature was verified."""
        verdicts = sorted(self.signed(commit) | {verdict})
        self._write(f"{commit}.signed", "".join(f"{line}\n" for line in verdicts).encode())

    def receipt(self, content_digest: str) -> bytes | None:
        """Recall which command last released this content, or None."""
        return self._read(f"{content_digest.removeprefix('sha256:')[:12]}.receipt")

    def remember_receipt(self, content_digest: str, receipt: bytes) -> None:
        """Note which command releases this content."""
        self._write(f"{content_digest.removeprefix('sha256:')[:12]}.receipt", receipt)

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        part = self.folder / f".{name}.{os.getpid()}-{threading.get_ident()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
            part.replace(self.folder / name)
        except OSError:
            part.unlink(missing_ok=True)
