"""The manifest: every file of a release with its size and SHA-256, and the repo, version and ledger it was made for.

A release's *digest* is the SHA-256 of the manifest's bytes as they are stored. The bytes are written once, and never
serialized again for a check. The *content digest* covers only the author's files.
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
    "TensorRoots",
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
    """Return a path after checking that on any system it stays inside the folder that it is written to.

    Raises:
        ValueError: The path is absolute, leads out of the folder, is not normal, or has characters or names that some
            systems do not allow.
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
        raise ValueError(f"{text[:80]!r} is not a version in the form that hfver writes")
    return text


class FileEntry(BaseModel):
    """The size in bytes and the SHA-256 (64 hex digits) of a file."""

    model_config = ConfigDict(frozen=True)

    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


class TensorRoots(BaseModel):
    """The digests that stand for a release's list of tensors: two releases are compared by them, without the lists.

    Each is a SHA-256 over one line of compact JSON per tensor, sorted by name.
    """

    model_config = ConfigDict(frozen=True)

    count: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    layout: Digest
    """Over ``[name, dtype, shape]``: equal where only values, files or shards differ."""
    values: Digest
    """Over ``[name, digest]``: equal where every tensor is the same bit for bit."""


def is_content(path: str) -> bool:
    """Return whether a file of a release is the author's, and not written by hfver."""
    return path not in GENERATED and not path.startswith(".hfver/")


def is_state(path: str) -> bool:
    """Return whether a file on ``main`` is the repo's state, which is not part of any release."""
    return path in (LEDGER, STAGES) or path.startswith(ADOPTED)


def content_digest(files: Mapping[str, FileEntry]) -> str:
    """Return the content digest: the SHA-256 over the sorted lines ``sha256  path`` of the author's files."""
    lines = (f"{entry.sha256}  {path}\n" for path, entry in sorted(files.items()) if is_content(path))
    return digest_of("".join(lines).encode())


class Manifest(BaseModel):
    """The content of ``.hfver/manifest.json``."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    repo: RepoName
    version: Annotated[str, AfterValidator(_canonical)]
    previous: Digest | None = None
    ledger_head: Digest | None = None
    content_digest: Digest
    bump: Bump | None = None
    because: str | None = None
    """Why the version is lower than the change required, in the author's words."""
    allowed: tuple[str, ...] = ()
    """The refusals that the author overrode, by name; ``because`` says why. hfver 0.1 ignores this key."""
    levels: Mapping[str, Bump] | None = None
    """The levels of rules that the policy changed."""
    libraries: Mapping[str, str] = Field(default_factory=dict)
    """The versions of transformers and tokenizers that this release was compared with the previous one with; they
    decide what the files mean, so that the bump can be checked again. hfver 0.1 ignores this key."""
    requires: Mapping[str, str] = Field(default_factory=dict)
    """The minimum versions of libraries that read these files, such as ``{"transformers": ">=5.0.0"}``. hfver 0.1
    ignores this key."""
    tensors: TensorRoots | None = None
    """What stands for the list of tensors; None in manifests of hfver 0.1, which ignores this key."""
    measured: tuple[str, ...] | None = None
    """What the release was measured by: ``smoke``, and ``metric:NAME`` for each metric with a budget. None in manifests
    of hfver 0.1, which ignores this key."""
    created_at: datetime
    created_by: str
    smoke: Mapping[str, Any] | None = None
    """The summary of the smoke eval that ran before the upload; the ledger line repeats it."""
    files: Mapping[SafePath, FileEntry]

    def encode(self) -> bytes:
        """Encode the manifest: with sorted keys, two spaces of indentation, and a final newline."""
        # Left out while empty, so that what has no overrides is encoded as hfver 0.1 does.
        empty = {name for name in ("allowed", "libraries", "requires", "tensors") if not getattr(self, name)}
        empty |= {"measured"} if self.measured is None else set()
        data = self.model_dump(mode="json", by_alias=True, exclude=empty)
        return (json.dumps(data, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def decode(cls, data: bytes, where: str) -> Manifest:
        """Decode and check a manifest.

        Args:
            data: The bytes as stored.
            where: Names the release in error messages.

        Raises:
            VerificationError: The bytes are not a valid manifest, list unsafe, colliding or reserved paths, do not
                match their own content digest, or were written by a newer version of hfver.
        """
        try:
            raw = load_json(data, limit=MAX_BYTES)
            _check_schema(raw, where)
            manifest = cls.model_validate(raw)
            _check_own(manifest.files)
            _check_collisions(manifest.files)
        except (ValueError, ValidationError) as error:
            raise VerificationError(f"The manifest of {where} is invalid: {_first_line(error)}.") from None
        if (actual := content_digest(manifest.files)) != manifest.content_digest:
            raise VerificationError(
                f"The manifest of {where} contradicts itself: it says content digest {manifest.content_digest}, "
                f"and its files have {actual}."
            )
        return manifest

    @staticmethod
    def check_paths(paths: Iterable[str]) -> None:
        """Check that a release can have these paths: all are safe, and no two differ only in case.

        Raises:
            ValueError: A path is unsafe, reserved, or collides with another one.
        """
        paths = list(paths)
        for path in paths:
            safe_path(path)
        _check_own(path for path in paths if path not in _OWN)
        _check_collisions(paths)

    @property
    def bytes_total(self) -> int:
        """The sum of the sizes of all files, in bytes."""
        return sum(entry.size for entry in self.files.values())


def _check_schema(raw: Any, where: str) -> None:
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if isinstance(schema, int) and schema > SCHEMA:
        raise VerificationError(
            f"The manifest of {where} has schema {schema}; this version of hfver supports schemas up to {SCHEMA}.",
            "Upgrade hfver: pip install --upgrade hfver",
        )


_OWN = frozenset({MANIFEST, ATTRIBUTES, SIGNATURE, MARK})
"""Files that a manifest never lists, in addition to the repo's state."""


def _check_own(paths: Iterable[str]) -> None:
    """Refuse paths that are hfver's own: a release with a ledger would replace the repo's ledger on ``main``."""
    for path in paths:
        if is_state(_folded(path)) or _folded(path) in _OWN:
            raise ValueError(f"{path[:120]!r} is hfver's own file, which a release must not contain")


def _check_collisions(files: Iterable[str]) -> None:
    """Refuse paths, and folders in them, that are the same on file systems which ignore case or the form of accents."""
    seen: dict[str, tuple[str, bool]] = {}
    for path in files:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            mine = ("/".join(parts[:end]), end == len(parts))
            twin = seen.setdefault(_folded(mine[0]), mine)
            if twin != mine:
                raise ValueError(f"{twin[0]!r} and {mine[0]!r} are the same on file systems that ignore case")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    return str(error).splitlines()[0][:200]
