"""``hfver.lock``: references resolved to commit, digest and per-file SHA-256, for people to review in a diff.

It is evidence of its own: whoever has it sees a ledger that was rewritten, or a name that was taken over.
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
