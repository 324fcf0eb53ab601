"""The manifest: every file of a release with size and SHA-256, bound to repo, version and what came before.

A release's *digest* is the SHA-256 of the manifest's bytes as stored; they are written canonically once and
never re-serialised to be checked. The *content digest* covers the author's files alone.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from hfver.core.digests import Digest, RepoName, Sha256, digest_of, load_json
from hfver.core.repo_paths import (
    ADOPTED,
    ATTRIBUTES,
    CARD,
    CHANGELOG,
    LEDGER,
    LINEAGE,
    MANIFEST,
    MARK,
    SIGNATURE,
    STAGES,
    TENSORS,
    VERSION_FILE,
)
from hfver.core.version import Bump, is_canonical
from hfver.errors import VerificationError

__all__ = [
    "ADOPTED",
    "ATTRIBUTES",
    "CARD",
    "CHANGELOG",
    "GENERATED",
    "LEDGER",
    "LINEAGE",
    "MANIFEST",
    "MARK",
    "SCHEMA",
    "SIGNATURE",
    "STAGES",
    "TENSORS",
    "VERSION_FILE",
    "Digest",
    "FileEntry",
    "Manifest",
    "RepoName",
    "Sha256",
    "content_digest",
    "digest_of",
    "is_state",
    "load_json",
]

SCHEMA = 1
MAX_BYTES = 64 * 1024 * 1024

GENERATED = frozenset({CARD, CHANGELOG, LINEAGE, VERSION_FILE, ATTRIBUTES, SIGNATURE})
"""Files of a release that hfver writes; they are no part of the content digest, nor is ``.hfver/``."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any ending."""


def safe_path(path: str) -> str:
    """Return a repo path after checking that it stays inside any folder it is written to, on any system.

    Raises:
        ValueError: The path is absolute, climbs, is not normal, or holds characters some systems forbid.
    """
    parts = path.split("/")
    if not path or len(path) > 1024 or _UNSAFE.search(path):
        raise ValueError(f"unsafe path {path[:120]!r}")
    if any(part in ("", ".", "..") or part.lower() == ".git" or part[-1] in " ." for part in parts):
        raise ValueError(f"unsafe path {path[:120]!r}")
    if any(_RESERVED.fullmatch(part) for part in parts):
        raise ValueError(f"unsafe path {path[:120]!r}")
    return path


SafePath = Annotated[str, AfterValidator(safe_path)]


def _canonical(text: str) -> str:
    if not is_canonical(text):
        raise ValueError(f"{text[:80]!r} is not a version as hfver writes it")
    return text


class FileEntry(BaseModel):
    """Size in bytes and SHA-256 (64 hex digits) of one file."""

    model_config = ConfigDict(frozen=True)

    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


def is_content(path: str) -> bool:
    """Tell whether a file of a release is the author's (and not written by hfver)."""
    return path not in GENERATED and not path.startswith(".hfver/")


def is_state(path: str) -> bool:
    """Tell whether a file on ``main`` is the repo's state, and so content of no release."""
    return path in (LEDGER, STAGES) or path.startswith(ADOPTED)


def content_digest(files: Mapping[str, FileEntry]) -> str:
    """Name what was trained: SHA-256 over the sorted ``sha256  path`` lines of the author's files."""
    lines = (f"{entry.sha256}  {path}\n" for path, entry in sorted(files.items()) if is_content(path))
    return digest_of("".join(lines).encode())


class Manifest(BaseModel):
    """The contents of ``.hfver/manifest.json``."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    repo: RepoName
    version: Annotated[str, AfterValidator(_canonical)]
    previous: Digest | None = None
    ledger_head: Digest | None = None
    content_digest: Digest
    bump: Bump | None = None
    because: str | None = None
    """Why the version says less than the change, in the author's words."""
    levels: Mapping[str, Bump] | None = None
    """Rule levels that the repo sets otherwise than the table."""
    created_at: datetime
    created_by: str
    smoke: Mapping[str, Any] | None = None
    """Summary of the smoke eval that ran before the upload, as the ledger line repeats it."""
    files: Mapping[SafePath, FileEntry]

    def encode(self) -> bytes:
        """Write the canonical bytes: sorted keys, two spaces of indentation, a final newline."""
        data = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes, where: str) -> Manifest:
        """Read a manifest's bytes; ``where`` names it in errors.

        Raises:
            VerificationError: The bytes are no manifest, name unsafe or colliding paths or hfver's own, do not
                match their own content digest, or come from a newer hfver.
        """
        try:
            raw = load_json(data, limit=MAX_BYTES)
            _check_schema(raw, where)
            manifest = cls.model_validate(raw)
            _check_own(manifest.files)
            _check_collisions(manifest.files)
        except (ValueError, ValidationError) as error:
            raise VerificationError(f"The manifest of {where} is broken: {_first_line(error)}.") from None
        if content_digest(manifest.files) != manifest.content_digest:
            raise VerificationError(f"The manifest of {where} contradicts itself: its content digest is wrong.")
        return manifest

    @staticmethod
    def check_paths(paths: Iterable[str]) -> None:
        """Check that paths may be a release's: each safe on any system, and no two the same where case does not count.

        Raises:
            ValueError: One is not.
        """
        paths = list(paths)
        for path in paths:
            safe_path(path)
        _check_own(path for path in paths if path not in _OWN)
        _check_collisions(paths)

    @property
    def bytes_total(self) -> int:
        """Sum of the sizes of all files, in bytes."""
        return sum(entry.size for entry in self.files.values())


def _check_schema(raw: Any, where: str) -> None:
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise VerificationError(
            f"The manifest of {where} has schema {schema}; this hfver reads up to {SCHEMA}.",
            "Run: pip install --upgrade hfver",
        )


_OWN = frozenset({MANIFEST, ATTRIBUTES, SIGNATURE, MARK})
"""Files that no manifest lists, beside the repo's state."""


def _check_own(paths: Iterable[str]) -> None:
    """Refuse a release that brings what is hfver's own: on ``main`` its state would take the place of the repo's."""
    for path in paths:
        if is_state(_folded(path)) or _folded(path) in _OWN:
            raise ValueError(f"{path[:120]!r} is hfver's own, and no file of a release")


def _check_collisions(files: Iterable[str]) -> None:
    """Refuse names that are one where case, or the way to compose an accent, does not count, folders included."""
    seen: dict[str, tuple[str, bool]] = {}
    for path in files:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            mine = ("/".join(parts[:end]), end == len(parts))
            twin = seen.setdefault(_folded(mine[0]), mine)
            if twin != mine:
                raise ValueError(f"{twin[0]!r} and {mine[0]!r} are one file where case does not count")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    return str(error).splitlines()[0][:200]
