"""Compare releases on a Hub, with one another or with a local folder.

Two releases are compared by their manifests, their small files and their lists of tensors: kilobytes, whatever the
size of the models. A commit that hfver did not make is described by its file listing and the headers of its
safetensors files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from hfver.core.manifest import LINEAGE, TENSORS, Manifest, TensorRoots, is_content
from hfver.core.ref import Commit, Ref
from hfver.errors import BadCheckpoint, BadConfig, VerificationError
from hfver.hub import Hub, TreeFile
from hfver.model.checkpoint import Tensor, decode_tensors, tensor_name, tensor_roots
from hfver.model.checkpoint.safetensors_header import HeaderError, read_header
from hfver.model.compare import Described, compare_described, describe_checkpoint, describe_folder
from hfver.model.compare.description import DOCUMENTS
from hfver.model.lineage.record import Lineage
from hfver.registry.release_checks import read_verified
from hfver.registry.resolve import Pinned, resolve
from hfver.registry.state import RepoState, TrustOptions, read_state

__all__ = [
    "Described",
    "compare_described",
    "describe_checkpoint",
    "describe_folder",
    "describe_refs",
    "describe_release",
]

HEADER_GUESS = 128 * 1024
"""How many bytes of a safetensors file the first request asks for: most headers fit."""


def describe_refs(hub: Hub, refs: Sequence[Ref], trust: TrustOptions = TrustOptions()) -> list[Described]:
    """Resolve references and describe what they mean; whatever several of them share is asked for once.

    Args:
        hub: Where the repos are.
        refs: What to describe.
        trust: What must hold for a repo to be believed.

    Raises:
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: Something on the Hub is not what was released.
    """
    states: dict[str, RepoState] = {}
    described: dict[str, Described] = {}
    found = []
    for ref in refs:
        # A commit that was verified earlier needs no state, and so no request.
        if not isinstance(ref.spec, Commit) and ref.repo not in states:
            states[ref.repo] = read_state(hub.repo(ref.repo), trust)
        pinned = resolve(hub, ref, trust, states.get(ref.repo))
        # Adopted versions may share a commit; then only the version tells them apart.
        name = f"{pinned.release} {pinned.release.commit}"
        if name not in described:
            described[name] = describe_release(pinned)
        found.append(described[name])
    return found


def describe_release(pinned: Pinned) -> Described:
    """Describe a release on a Hub, or a commit that hfver did not make.

    Args:
        pinned: What it is, proven, and where.

    Raises:
        HubError: The Hub does not answer.
        VerificationError: A file of an adopted release is not what was adopted.
    """
    release = pinned.release
    if release.manifest is None:
        return CommitDescription(pinned, pinned.tree or pinned.repo.tree(release.commit))
    if release.adopted:
        return AdoptionDescription(pinned, release.manifest)
    return ReleaseDescription(pinned, release.manifest)


class ReleaseDescription(Described):
    """A release that hfver made: whatever is read of it is verified against its manifest."""

    def __init__(self, pinned: Pinned, manifest: Manifest) -> None:
        self._pinned = pinned
        self._manifest = manifest
        known = {path: f"sha256:{entry.sha256}" for path, entry in manifest.files.items()}
        super().__init__(
            name=str(pinned.release),
            files={path: digest for path, digest in known.items() if is_content(path)},
            sizes={path: entry.size for path, entry in manifest.files.items()},
            documents={path: known[path] for path in DOCUMENTS if path in known},
        )

    def _fetch(self, path: str) -> bytes:
        return read_verified(self._pinned.repo, self._pinned.release, self._manifest, path)

    def _list_tensors(self) -> tuple[Tensor, ...]:
        tensors = decode_tensors(self.read(TENSORS), self.name)
        if self.roots is not None and self.roots != tensor_roots(tensors):
            raise VerificationError(
                f"{self.name}: its manifest and its list of tensors contradict each other.",
                "Do not use this release until the owner of the repo has explained this.",
            )
        return tensors

    @property
    def roots(self) -> TensorRoots | None:
        """The digests that stand for the list of tensors; None in releases of hfver 0.1."""
        return self._manifest.tensors

    @property
    def measured(self) -> tuple[str, ...] | None:
        """What the release was measured by; None for a release of hfver 0.1 whose smoke eval did not run."""
        manifest = self._manifest
        if manifest.measured is None and manifest.smoke and manifest.smoke.get("status") == "passed":
            return ("smoke",)
        return manifest.measured

    @property
    def list_size(self) -> int:
        """The size of the list of tensors in bytes."""
        return self.sizes.get(TENSORS, 0)


class AdoptionDescription(ReleaseDescription):
    """A release that was made without hfver and adopted later: it has no list of tensors, only their headers."""

    def __init__(self, pinned: Pinned, manifest: Manifest) -> None:
        super().__init__(pinned, manifest)
        # The author may use a file of this name for something else; then it is no lineage record.
        if LINEAGE in self.documents and not _is_lineage(self.read(LINEAGE)):
            del self.documents[LINEAGE]

    @property
    def roots(self) -> None:
        """Nothing: nobody has read the tensors of an adopted release."""
        return None

    def _list_tensors(self) -> tuple[Tensor, ...]:
        sizes = {path: entry.size for path, entry in self._manifest.files.items()}
        return _tensors_from_headers(self._pinned, sizes)


class CommitDescription(Described):
    """A commit that hfver did not make: git's ids stand in for the digests that nobody has computed."""

    def __init__(self, pinned: Pinned, tree: Mapping[str, TreeFile]) -> None:
        self._pinned = pinned
        known = {path: f"sha256:{file.sha256}" if file.sha256 else f"blob:{file.blob}" for path, file in tree.items()}
        super().__init__(
            name=str(pinned.release),
            files={path: identity for path, identity in known.items() if is_content(path)},
            sizes={path: file.size for path, file in tree.items()},
            documents={path: known[path] for path in DOCUMENTS if path in known},
        )

    def _fetch(self, path: str) -> bytes:
        return self._pinned.repo.read(self._pinned.release.commit, path)

    def _list_tensors(self) -> tuple[Tensor, ...]:
        return _tensors_from_headers(self._pinned, self.sizes)


def _is_lineage(content: bytes) -> bool:
    try:
        Lineage.decode(content, LINEAGE)
    except BadConfig:
        return False
    return True


def _tensors_from_headers(pinned: Pinned, sizes: Mapping[str, int]) -> tuple[Tensor, ...]:
    weights = [path for path in sizes if path.endswith(".safetensors")]
    return tuple(tensor for path in weights for tensor in _read_tensors(pinned, path, sizes[path]))


def _read_tensors(pinned: Pinned, path: str, size: int) -> Iterable[Tensor]:
    """List the tensors of one safetensors file from its header; they have no digests."""
    try:
        header = read_header(_RemoteFile(pinned, path), size)
    except HeaderError as error:
        raise BadCheckpoint(f"{pinned.release}: {path} is not a sound safetensors file: {error}.") from None
    name = partial(tensor_name, path)
    return [Tensor(name(span.name), path, span.dtype, span.shape, "") for span in header.spans]


class _RemoteFile:
    """A file on a Hub as a stream: one request reads most headers, and a second one the rest of a long header."""

    def __init__(self, pinned: Pinned, path: str) -> None:
        self._repo = pinned.repo
        self._commit = pinned.release.commit
        self._path = path
        self._start = bytearray()
        self._position = 0

    def read(self, size: int, /) -> bytes:
        """Return the next ``size`` bytes; fewer where the file ends."""
        end = self._position + size
        if end > len(self._start):
            missing = max(end - len(self._start), HEADER_GUESS)
            part = self._repo.read_range(self._commit, self._path, len(self._start), missing)
            self._start.extend(part)
        read = bytes(self._start[self._position : end])
        self._position += len(read)
        return read
