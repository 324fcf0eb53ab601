"""What a user types to name a release: ``ns/name@SPEC``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hfver.core.version import Range, Version, parse_range, parse_version
from hfver.errors import BadRef, BadVersion

__all__ = [
    "Commit",
    "Latest",
    "PullRequest",
    "Ref",
    "Spec",
    "Stage",
    "check_model_id",
    "check_repo",
    "parse_pull",
    "parse_ref",
]

_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_SEGMENT}/{_SEGMENT}")
_SHA = re.compile(r"[0-9a-f]{40}")
_PULL_REQUEST = re.compile(r"refs/pr/([1-9]\d{0,8})")
_STAGE = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_ANY = re.compile(r"[xX](?:\.[xX*]){0,2}")


@dataclass(frozen=True)
class Latest:
    """Asks for the newest stable release that is not yanked."""

    def __str__(self) -> str:
        return "latest"


@dataclass(frozen=True)
class Commit:
    """Asks for one commit, by its full SHA-1."""

    sha: str

    def __str__(self) -> str:
        return self.sha


@dataclass(frozen=True)
class PullRequest:
    """Asks for the candidate in a pull request on the Hub, which is not a version yet."""

    number: int

    def __str__(self) -> str:
        return f"refs/pr/{self.number}"


@dataclass(frozen=True)
class Stage:
    """Asks for the release that a stage points to, such as ``production``."""

    name: str

    def __str__(self) -> str:
        return self.name


Spec = Version | Range | Latest | Commit | PullRequest | Stage


@dataclass(frozen=True)
class Ref:
    """A reference: a repo, and the spec that says which of its releases is meant."""

    repo: str
    spec: Spec

    def __str__(self) -> str:
        return f"{self.repo}@{self.spec}"


def parse_ref(text: str) -> Ref:
    """Parse ``ns/name[@SPEC]``. Without a SPEC, it means the newest stable release, and never ``main``.

    Raises:
        BadRef: The text does not name a repo, or its SPEC has no known form.
    """
    repo, separator, spec = text.partition("@")
    if separator and not spec:
        raise BadRef(f"{text!r} has nothing after the '@'.", f"Write {repo}@^1.2, or {repo} for its newest release.")
    return Ref(check_repo(repo), _parse_spec(repo, spec) if separator else Latest())


def check_repo(repo: str) -> str:
    """Return a repo id after checking that it has the form ``namespace/name``.

    Raises:
        BadRef: It does not have that form, or breaks the Hub's rules for names.
    """
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo or repo.endswith(".git"):
        raise BadRef(f"{repo[:120]!r} is not a repo id.", "Write namespace/name, such as acme/support-bot.")
    return repo


def parse_pull(text: str) -> tuple[str, int]:
    """Parse ``ns/name#N``, a pull request of a repo.

    Raises:
        BadRef: The text does not have that form.
    """
    repo, _, number = text.partition("#")
    if not re.fullmatch(r"[1-9][0-9]{0,8}", number):
        raise BadRef(
            f"{text[:120]!r} does not name a pull request.", "Write namespace/name#N, such as acme/support-bot#7."
        )
    return check_repo(repo), int(number)


def check_model_id(name: str) -> str:
    """Return the id of any model after checking its form: ``namespace/name``, or one segment such as ``gpt2``.

    Raises:
        BadRef: It has neither form.
    """
    # In names of cache folders, two dashes stand for the slash: "a--b" would be taken for a/b.
    return name if re.fullmatch(_SEGMENT, name) and ".." not in name and "--" not in name else check_repo(name)


def _parse_spec(repo: str, spec: str) -> Spec:
    if spec == "latest":
        return Latest()
    if _SHA.fullmatch(spec):
        return Commit(spec)
    if match := _PULL_REQUEST.fullmatch(spec):
        return PullRequest(int(match[1]))
    if spec in ("main", "HEAD") or spec.startswith("refs/"):
        raise BadRef(
            f"{spec!r} moves, so it does not name a release of {repo}.",
            f"Write {repo}@latest, or a version, a range, a commit of 40 hex digits, or refs/pr/N.",
        )
    if _STAGE.fullmatch(spec) and not _ANY.fullmatch(spec) and not re.fullmatch(r"v\d.*", spec):
        return Stage(spec)
    return _parse_version_or_range(repo, spec)


def _parse_version_or_range(repo: str, spec: str) -> Version | Range:
    try:
        return parse_version(spec)
    except BadVersion as not_exact:
        if "build metadata" in not_exact.message:
            raise BadRef(not_exact.message, not_exact.hint) from None
    try:
        return parse_range(spec)
    except BadVersion as error:
        raise BadRef(f"{repo}@{spec[:80]}: {error.message}", error.hint) from None
