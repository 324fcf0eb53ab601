"""The errors of hfver. Each says what happened, to which object, and what to type next.

The exit code of the command line depends on the kind: 1 for a refusal or a failed check, 2 for usage, 3 for a failed
verification, 4 for the Hub.
"""

from __future__ import annotations

from typing import ClassVar


class HfverError(Exception):
    """The base class of all errors that hfver raises on purpose.

    Attributes:
        message: What happened, and to which object.
        hint: What to type or do next; empty if there is nothing to suggest.
        exit_code: The exit code of the command line for this kind of error.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(HfverError):
    """The request cannot be carried out as it was given."""

    exit_code: ClassVar[int] = 2


class BadCheckpoint(UsageError):
    """A folder is not a checkpoint that can be released, or a file in it is damaged or unsafe."""


class BadVersion(UsageError):
    """A text is not a version or a range."""


class BadRef(UsageError):
    """A text is not a reference such as ``ns/name@^1.2``."""


class BadConfig(UsageError):
    """A configuration file or an option cannot be read, or has a wrong value."""


class Refused(HfverError):
    """The request is valid, but a rule forbids it."""


class PolicyViolation(Refused):
    """The release does not meet a rule of the policy."""


class SecretFound(Refused):
    """A file of the release contains what looks like a token, key or password."""


class SmokeFailed(Refused):
    """The smoke eval loaded and ran the model, and found it broken."""


class ReleaseExists(Refused):
    """The version, or a release with the same content, is published already."""


class Conflict(Refused):
    """Another writer changed the repo at the same time, so that the request cannot be carried out anymore."""


class VerificationError(HfverError):
    """The content of the Hub or of the disk is not as released."""

    exit_code: ClassVar[int] = 3


class DigestMismatch(VerificationError):
    """The SHA-256 of a file or a manifest is not the recorded one."""


class ManifestMismatch(DigestMismatch):
    """A release's manifest is not the one that the ledger names."""


class ReleaseReplayed(VerificationError):
    """A release appears under a version or in a repo that it was not made for."""


class FileMissing(VerificationError):
    """A file that the manifest lists is missing."""


class CommitGone(FileMissing):
    """A repo does not have the commit of a release anymore."""


class ObjectGone(FileMissing):
    """A repo does not have the content of a release's file anymore."""


class FileUnexpected(VerificationError):
    """There is a file that the manifest does not list."""


class TagMoved(VerificationError):
    """A version's tag is missing, or points to a different commit than the ledger names."""


class LedgerBroken(VerificationError):
    """The ledger cannot be read, or its chain of hashes is broken."""


class LedgerTruncated(LedgerBroken):
    """The end of the ledger is missing: a line is incomplete, or lines that were read before are gone."""


class LedgerRewritten(LedgerBroken):
    """The ledger is intact, but differs from the one that was read before."""


class SignatureInvalid(VerificationError):
    """A signature is missing, wrong, or made by somebody else."""


class HubError(HfverError):
    """The Hub did not carry out a request."""

    exit_code: ClassVar[int] = 4


class HubUnreachable(HubError):
    """The Hub did not answer."""


class HubDenied(HubError):
    """The user does not have permission for that on the Hub."""


class HubNotFound(HubError):
    """The repo, revision or file does not exist on the Hub, or the user has no access to it."""


class EntryNotFound(HubNotFound):
    """The commit exists on the Hub, and does not have the file."""


class DiskError(HfverError):
    """A file cannot be written: the disk is full, read-only or broken, or the process may not write so much."""


class PluginError(HfverError):
    """An installed plug-in could not be loaded, or does not behave as its interface requires."""
