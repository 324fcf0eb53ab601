"""The error tree: every failure says what happened, to which object, and what to type next.

Exit codes follow the kind of failure: 1 refused or failed check, 2 usage, 3 verification, 4 Hub.
"""

from __future__ import annotations

from typing import ClassVar


class HfverError(Exception):
    """Base of everything hfver raises on purpose.

    Attributes:
        message: What happened, and to which object.
        hint: What to type or do next; empty when there is nothing sensible to suggest.
        exit_code: The process exit code the command line uses for this kind of failure.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(HfverError):
    """The request itself cannot be carried out as given."""

    exit_code: ClassVar[int] = 2


class BadCheckpoint(UsageError):
    """A folder is not a checkpoint that can be released, or a file in it is broken or unsafe."""


class BadVersion(UsageError):
    """A string is not a version or a range."""


class BadRef(UsageError):
    """A string is not a reference such as ``ns/name@^1.2``."""


class BadConfig(UsageError):
    """A file or option given by the user cannot be read or holds a wrong value."""


class Refused(HfverError):
    """The request is well formed, and a rule says no."""


class PolicyViolation(Refused):
    """A rule in the policy is not met."""


class SecretFound(Refused):
    """A file of the release holds what looks like a token, key or password."""


class SmokeFailed(Refused):
    """The model was loaded and run, and the smoke eval found it broken."""


class ReleaseExists(Refused):
    """The version, or a release with the same content, is already published."""


class Conflict(Refused):
    """Somebody else changed the repo meanwhile, and the request does not allow another outcome."""


class VerificationError(HfverError):
    """What the Hub or the disk holds is not what the release says."""

    exit_code: ClassVar[int] = 3


class DigestMismatch(VerificationError):
    """A file's or manifest's SHA-256 is not the recorded one."""


class ManifestMismatch(DigestMismatch):
    """A release's manifest is not the one that the ledger names."""


class ReleaseReplayed(VerificationError):
    """A release is shown under a version or in a repo that it was not made for."""


class FileMissing(VerificationError):
    """A file that the manifest names is not there."""


class CommitGone(FileMissing):
    """A release's commit is gone from a repo that answers."""


class ObjectGone(FileMissing):
    """The content of a release's file is gone from a repo that answers."""


class FileUnexpected(VerificationError):
    """A file is there that the manifest does not name."""


class TagMoved(VerificationError):
    """A version's tag is gone or points to another commit than the ledger says."""


class LedgerBroken(VerificationError):
    """The ledger is unreadable, or its chain of hashes is broken."""


class LedgerTruncated(LedgerBroken):
    """The end of the ledger is gone: it is cut off, or lacks lines that were seen before."""


class LedgerRewritten(LedgerBroken):
    """The ledger is whole and another one than was seen before."""


class SignatureInvalid(VerificationError):
    """A signature is missing, wrong, or made by somebody else."""


class HubError(HfverError):
    """The Hub could not do what was asked of it."""

    exit_code: ClassVar[int] = 4


class HubUnreachable(HubError):
    """No answer came from the Hub."""


class HubDenied(HubError):
    """The Hub does not let this caller do that."""


class HubNotFound(HubError):
    """The repo, revision or file does not exist on the Hub, or the caller may not see it."""


class PluginError(HfverError):
    """An installed plug-in could not be loaded, or broke its contract."""
