"""Downloading a commit's files into the ordinary Hugging Face cache, with huggingface_hub's layout, names and locks.

An interrupted download continues where it stopped, in this run or the next one. Files that the Hub keeps in Xet are
downloaded by ``hf_hub_download``. Large objects of an embedded Hub in this process are copied from its store. Whatever
the way, a file is hashed in a private folder first (`hfver.hub.cache`), so wrong bytes never get a name that other
clients believe.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

from hfver.core.below import create_below, holder, is_plain_below, replace_below, resume_below, unlink_below
from hfver.core.disk import check_space, free_bytes, shares_blocks, writing
from hfver.core.manifest import FileEntry
from hfver.core.progress import Progress
from hfver.errors import DigestMismatch, HubNotFound
from hfver.hub.cache import CommitCache, Hashed, blob_content_is
from hfver.hub.client import Hub, HubRepo
from hfver.hub.listing import TreeFile
from hfver.hub.partial import Digests, PartialFile
from hfver.hub.retry import Interrupted, call_with_retries
from hfver.hub.upload import COPY_TRANSFER, WORKERS, LfsBatch, copy_content, lfs_batch, stored_path

__all__ = ["download"]

WORTH_COPYING = 1024 * 1024
"""Minimum size of objects that are copied from the store of an embedded Hub: copying needs a request of its own."""

PROGRESS_BYTES = 1024 * 1024
"""Bytes after which a download counts as making progress, so that its next failure is its first one."""

ATTEMPTS = 2
"""How often a file is downloaded whose bytes are wrong: a proxy on the way may have cached a damaged one."""

ELSEWHERE = "choose a folder on a different disk (HF_HUB_CACHE)"


def download(
    repo: HubRepo,
    commit: str,
    tree: Mapping[str, TreeFile],
    paths: Iterable[str],
    progress: Progress,
    *,
    expected: Mapping[str, FileEntry],
    hash_file: Callable[[Path], FileEntry],
) -> dict[str, Hashed]:
    """Download files of a commit into the cache, without those that are there.

    A file gets its place in the cache after it was hashed. Wrong bytes are thrown away, and requested once more. A blob
    that is in the cache already is hashed before it is used, and replaced if it is damaged.

    Args:
        repo: The repo.
        commit: The commit, 40 hex digits.
        tree: All files of the commit, as the Hub lists them.
        paths: Which of them to download.
        progress: Called with the number of bytes downloaded.
        expected: The size and SHA-256 of those files whose content is known from a manifest or a lock.
        hash_file: Hashes a large file that is in the cache already.

    Returns:
        The files that were hashed on the way, by path; the caller has to check those that were there before.

    Raises:
        DigestMismatch: The Hub sends wrong bytes, or a different Hub claims other files for the commit.
        DiskError: The cache has no room, or cannot be written.
        HubNotFound: The commit lacks one of the files.
        HubError: The Hub cannot be reached, or refuses the request.
        UsageError: A folder of the cache is a link.
    """
    cache = CommitCache(repo.name, commit, repo.hub.identity)
    cache.check_claims({path: _blob_name(file) for path, file in tree.items()})
    absent = {path: tree[path] for path in paths if not (cache.folder / path).is_file()}
    if not absent:
        return {}
    counter = _ByteCounter(sum(file.size for file in absent.values()), progress)
    run = _Run(repo, cache, tree, expected, hash_file, counter, _copies(repo, absent))
    _check_space(run, absent.values())
    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(absent, pool.map(lambda file: _bring(run, file), absent.values()), strict=True))


def _blob_name(file: TreeFile) -> str:
    return file.sha256 or file.blob


class _ByteCounter:
    """Adds up bytes from several threads and reports them."""

    def __init__(self, total: int, progress: Progress) -> None:
        self.total, self.done, self.progress, self.lock = total, 0, progress, Lock()

    def add(self, size: int) -> None:
        with self.lock:
            self.done += size
            self.progress("downloading", self.done, self.total)


@dataclass
class _Run:
    """One download of several files."""

    repo: HubRepo
    cache: CommitCache
    tree: Mapping[str, TreeFile]
    expected: Mapping[str, FileEntry]
    hash_file: Callable[[Path], FileEntry]
    counter: _ByteCounter
    copies: LfsBatch | None
    vouched: bool = False
    lock: Lock = field(default_factory=Lock)

    @property
    def where(self) -> str:
        return f"{self.repo}@{self.cache.commit[:12]}"

    def vouch(self) -> None:
        """Record what the Hub claims, before its first file gets its place in the cache."""
        with self.lock:
            if not self.vouched:
                self.cache.vouch({path: _blob_name(file) for path, file in self.tree.items()})
                self.vouched = True


def _check_space(run: _Run, files: Iterable[TreeFile]) -> None:
    """Check that the cache has room for what is missing, unless copies from a store need none.

    Raises:
        DiskError: It has not.
    """
    storage = run.cache.storage
    missing = {_blob_name(file): file for file in files if run.cache.blob(_blob_name(file)) is None}
    begun = (storage / _part(run, file) for file in missing.values())
    needed = sum(file.size for file in missing.values()) - sum(part.stat().st_size for part in begun if part.is_file())
    actions = run.copies.actions if run.copies else {}
    if actions and needed > (free_bytes(storage) or needed):
        storage.mkdir(parents=True, exist_ok=True)
        if shares_blocks(stored_path(run.repo.hub, next(iter(actions.values()))["download"]), storage):
            return
    largest = max((file.size for file in missing.values()), default=0)
    check_space(storage, needed, largest=largest, elsewhere=ELSEWHERE, what=run.where)


def _part(run: _Run, file: TreeFile) -> str:
    return f"{run.cache.private}/{_blob_name(file)}.part"


def _bring(run: _Run, file: TreeFile) -> Hashed:
    """Download a file under the lock of its blob, unless the blob is there, and link to it from the snapshot."""
    cache, name = run.cache, _blob_name(file)
    _check_claim(run, file)
    with writing(cache.folder / file.path, file.size, ELSEWHERE), cache.lock(name):
        blob = cache.blob(name)
        if blob is not None and (digests := _intact(run, file, blob)):
            run.counter.add(file.size)
        else:
            part = _part(run, file)
            digests = _download_verified(run, file, part)
            run.vouch()
            blob = cache.add(part, name)
        run.vouch()
        cache.link(file.path, name)
        return Hashed.of(digests.sha256, blob)


def _check_claim(run: _Run, file: TreeFile) -> None:
    """Refuse a file that the Hub itself lists with a different size or SHA-256 than it must have."""
    entry = run.expected.get(file.path)
    if entry and (file.size != entry.size or file.sha256 not in (None, entry.sha256)):
        raise DigestMismatch(
            f"{run.where}: {run.repo.hub.place} lists {file.path} as sha256:{file.sha256} ({file.size} bytes), "
            f"expected sha256:{entry.sha256} ({entry.size} bytes).",
            "Do not use it until its owner has explained this.",
        )


def _intact(run: _Run, file: TreeFile, blob: Path) -> Digests | None:
    """Return what a blob in the cache hashes to if that is what the file must be; otherwise None."""
    if blob.stat().st_size != file.size:
        return None
    if not file.sha256 and not blob_content_is(blob, file.blob):
        return None
    digests = Digests(run.hash_file(blob).sha256, None if file.sha256 else file.blob)
    return None if _fault(run, file, digests) else digests


def _fault(run: _Run, file: TreeFile, digests: Digests) -> tuple[str, str] | None:
    """Compare what a file hashes to with what it must be: return what was found and what was expected if they differ.

    A regular file is compared with git's id, too, because that is the name under which the cache keeps it.
    """
    entry = run.expected.get(file.path)
    sha256 = entry.sha256 if entry else file.sha256
    if sha256 and digests.sha256 != sha256:
        return f"sha256:{digests.sha256}", f"sha256:{sha256}"
    if not file.sha256 and digests.blob != file.blob:
        return f"git blob {digests.blob}", file.blob
    return None


def _download_verified(run: _Run, file: TreeFile, part: str) -> Digests:
    """Bring a file to the private folder; wrong bytes are thrown away, and requested once more from the beginning."""
    for attempt in range(1, ATTEMPTS + 1):
        digests = run.repo.patiently(lambda: _transport(run, file)(run, file, part))
        fault = _fault(run, file, digests)
        if fault is None:
            return digests
        unlink_below(run.cache.storage, part)
        run.counter.add(-file.size if attempt < ATTEMPTS else 0)
    found, expected = fault or ("nothing", "a file")
    raise DigestMismatch(
        f"{run.where}: {file.path} is {found} as {run.repo.hub.place} sends it, expected {expected}.",
        "Nothing of it was kept. Do not use the release until its owner has explained this. If the Hub is an embedded "
        "one, release the same bytes again from a folder that has them: that replaces a damaged object.",
    )


def _transport(run: _Run, file: TreeFile) -> Callable[[_Run, TreeFile, str], Digests]:
    from huggingface_hub import constants

    if run.copies is not None and file.sha256 and file.size >= WORTH_COPYING:
        return _copy
    if file.xet and find_spec("hf_xet") and not constants.HF_HUB_DISABLE_XET:
        return _download_by_xet
    return _download


def _download(run: _Run, file: TreeFile, part: str) -> Digests:
    """Download a file, after the bytes that an earlier attempt left in the private folder."""
    session, url = run.repo.hub.session, f"/{run.repo}/resolve/{run.cache.commit}/{quote(file.path)}"
    _take_over(run.cache, _blob_name(file), part)
    with resume_below(run.cache.storage, part) as stream, session.translated(f"{run.where}: {file.path}"):
        received = PartialFile(stream, file.size, regular=not file.sha256)
        run.counter.add(received.written)
        reached = received.written

        def progressed() -> bool:
            nonlocal reached
            before, reached = reached, received.written
            return reached - before >= PROGRESS_BYTES

        call_with_retries(
            lambda: _continue(run.repo.hub, url, received, run.counter), session.retry_policy, progressed=progressed
        )
        return received.digests()


def _take_over(cache: CommitCache, name: str, part: str) -> None:
    """Continue what huggingface_hub began to download; whatever it left is hashed like the rest."""
    begun = f"blobs/{name}.incomplete"
    if is_plain_below(cache.storage, begun) and not is_plain_below(cache.storage, part):
        replace_below(cache.storage, begun, part)


def _continue(hub: Hub, url: str, received: PartialFile, counter: _ByteCounter) -> None:
    """Download the rest of a file; all of it if the Hub ignores the requested range."""
    if received.written == received.size:
        return
    # From the first byte on, too: storage behind a Hub answers large requests without a range differently.
    rest = {"range": f"bytes={received.written}-"}
    # Ranges count the bytes of the file itself, so the response must not be compressed.
    with hub.session.stream(url, {"accept-encoding": "identity", **rest}) as response:
        if response.status_code != 206:
            counter.add(-received.written)
            received.restart()
        for block in response.iter_bytes():
            received.write(block)
            counter.add(len(block))
            if received.written > received.size:
                break
    if received.written != received.size:
        found = received.written
        if found > received.size:  # then it is not the beginning of this file
            counter.add(-found)
            received.restart()
        raise Interrupted(f"received {found} bytes instead of {received.size}")


def _download_by_xet(run: _Run, file: TreeFile, part: str) -> Digests:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import tqdm

    class ByteReport(tqdm):
        """Reports bytes to the counter instead of drawing a progress bar."""

        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            run.counter.add(int(n or 0))
            return None

    # A cache for this file alone: huggingface_hub puts what it downloads in its place without hashing it.
    session, cache = run.repo.hub.session, run.cache
    folder = f"{cache.private}/{_blob_name(file)}.xet"
    with holder(cache.storage, f"{folder}/x", create=True):
        pass  # no link leads out of the cache on the way there
    options: dict[str, Any] = {"endpoint": session.endpoint, "token": session.token, "tqdm_class": ByteReport}
    found = session.call_client(
        f"{run.where}: {file.path}",
        lambda: hf_hub_download(
            run.repo.name, file.path, revision=cache.commit, cache_dir=cache.storage / folder, **options
        ),
    )
    Path(found).resolve().replace(cache.storage / part)
    shutil.rmtree(cache.storage / folder)
    return _hash_part(cache, part, file)


def _copies(repo: HubRepo, absent: Mapping[str, TreeFile]) -> LfsBatch | None:
    """Ask an embedded Hub in this process where its store has the large objects; None if they cannot be copied."""
    large = [file for file in absent.values() if file.sha256 and file.size >= WORTH_COPYING]
    if not large or repo.hub.store is None:
        return None
    batch = lfs_batch(repo, "download", [FileEntry(size=file.size, sha256=str(file.sha256)) for file in large])
    return batch if batch.transfer == COPY_TRANSFER else None


def _copy(run: _Run, file: TreeFile, part: str) -> Digests:
    """Copy an object from the store of an embedded Hub."""
    oid, actions = str(file.sha256), run.copies.actions if run.copies else {}
    if oid not in actions:
        raise HubNotFound(f"{run.repo}: LFS object {oid} is missing from the Hub.")
    source = stored_path(run.repo.hub, actions[oid]["download"])
    with source.open("rb") as reader, create_below(run.cache.storage, part) as writer:
        copy_content(reader, writer)
    run.counter.add(file.size)
    return _hash_part(run.cache, part, file)


def _hash_part(cache: CommitCache, part: str, file: TreeFile) -> Digests:
    with resume_below(cache.storage, part) as stream:
        return PartialFile(stream, file.size, regular=not file.sha256).digests()
