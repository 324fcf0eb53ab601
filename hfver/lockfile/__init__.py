"""``hfver.lock``: references resolved to commit, digest and per-file SHA-256, for people to review in a diff.

It is evidence of its own: whoever has it sees a ledger that was rewritten, or a name that was taken over.
"""

from hfver.lockfile.encoding import decode_lock, encode_lock
from hfver.lockfile.files import LOCK, find_lock, locate_lock, read_lock, write_lock
from hfver.lockfile.values import Lock, LockedDataset, Package

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
