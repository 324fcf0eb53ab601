"""The file ``hfver.lock``: references resolved to commit, digest and the SHA-256 of every file, readable in a diff.

A lock is evidence by itself: it reveals a ledger that was rewritten, and a repo name that somebody else took over.
"""

from hfver.core.lockfile.files import LOCK, find_lock, locate_lock, read_lock, write_lock
from hfver.core.lockfile.lock import Lock, LockedDataset, Package
from hfver.core.lockfile.toml import decode_lock, encode_lock

__all__ = [
    "LOCK",
    "Lock",
    "LockedDataset",
    "Package",
    "decode_lock",
    "encode_lock",
    "find_lock",
    "locate_lock",
    "read_lock",
    "write_lock",
]
