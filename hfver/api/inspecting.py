"""The public functions that read a repo's releases without downloading their weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.arguments import policy_of, trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import looks_like_folder, parse_reference, parse_repo
from hfver.api.shared_docs import public
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Release, Versions
from hfver.core.version import parse_version

if TYPE_CHECKING:
    from hfver.core.settings import PolicyLike
    from hfver.model.compare import Difference

__all__ = ["changelog", "diff", "resolve", "show", "versions"]


@public
def resolve(
    ref: str,
    *,
    hub: HubLike = None,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
) -> Release:
    """Find the release that a reference means, and check its tag, manifest and tree.

    Returns:
        The release.

    Raises:
        BadRef: The reference has no known form.
        Refused: The version is pending, or the lock has a version outside of the requested range.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: The content of the Hub is not as released.
    """
    from hfver.registry.resolve_locked import resolve_locked as run

    rules = policy_of(policy)
    wanted, trust = parse_reference(ref, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        return run(client, wanted, trust).release


@public
def versions(repo: str, *, hub: HubLike = None, mirror_of: str | None = None, token: str | None = None) -> Versions:
    """List a repo's releases.

    Returns:
        The releases, newest version first, and the tags of pending ones.

    Raises:
        BadRef: ``repo`` is not a repo id.
        HubError: There is no such repo, or the Hub does not answer.
        VerificationError: The ledger is broken, or a tag was moved.
    """
    from hfver.registry.versions import list_versions

    name = parse_repo(repo)
    with open_hub(hub, token) as client:
        return list_versions(client.repo(name), trust_options(mirror_of))


@public
def diff(
    before: str,
    after: str,
    *,
    tensors: bool = False,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
    witness: PathLike | None = None,
    consumers: Sequence[PathLike] = (),
) -> Difference:
    """Compare two folders or releases: what changed, and what that means for users who pinned ``^``.

    Nothing is executed. To compare two releases, no weights are downloaded. The levels of ``[rules]`` in the policy
    apply, as they do to a release.

    Args:
        before: The older one: a reference, or a folder.
        after: The newer one: a reference, or a folder.
        tensors: Whether to find out in any case which tensors differ. Otherwise the lists of tensors of two releases
            are not fetched where they are long and only values differ.
        witness: A folder, into which a script is written for every MAJOR change: it needs no hfver, passes on the older
            side and fails on the newer one. ``Change.witness`` names it, or says why there is none.
        consumers: What depends on the older side: an adapter's folder, files of token ids, a grammar, a label map, an
            ``hfver.lock``, a serving command, Python. ``Difference.consumers`` says whether each change breaks it.

    Returns:
        The changes, with the level of each and of all together.

    Raises:
        UsageError: A consumer does not exist; ``witness`` is within a compared folder, or has files of these names that
            hfver did not write.
        BadCheckpoint: A folder is not a checkpoint, or a file in it is damaged.
        BadRef: A reference has no known form.
        BadConfig: The policy cannot be read, or names a rule that does not exist.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: The content of the Hub is not as released.
    """
    from hfver.api.evidence import check_outside, with_consumers, with_witnesses
    from hfver.model.compare import compare, read_sides
    from hfver.registry.diff import describe_folder, describe_refs

    rules = policy_of(policy)
    targets = [
        Path(target) if looks_like_folder(target) else parse_reference(target, rules) for target in (before, after)
    ]
    refs = [target for target in targets if isinstance(target, Ref)]
    if witness is not None:
        check_outside(Path(witness), [target for target in targets if isinstance(target, Path)])
    trust = trust_options(policy=rules)
    with open_hub(hub if refs else None, token) as client:
        releases = iter(describe_refs(client, refs, trust))
        sides = [
            describe_folder(target, progress=progress) if isinstance(target, Path) else next(releases)
            for target in targets
        ]
        old, new = read_sides(sides[0], sides[1], lists=tensors)
    found = compare(old, new, levels=rules.rules)
    if consumers:
        found = with_consumers([Path(path) for path in consumers], (old, new), found)
    return found if witness is None else with_witnesses(Path(witness), (before, after), (old, new), found)


@public
def changelog(
    repo: str,
    *,
    after: str | None = None,
    upto: str | None = None,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
) -> str:
    """Read a repo's changelog from its releases.

    Args:
        after: Leave out this version and older ones.
        upto: Leave out versions newer than this one.

    Returns:
        The changelog in Markdown, newest version first.

    Raises:
        BadRef: ``repo`` is not a repo id.
        BadVersion: ``after`` or ``upto`` is not a version.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: The content of the Hub is not as released.
    """
    from hfver.registry.changelog import changelog as run

    rules = policy_of(policy)
    name, trust = parse_repo(repo, rules), trust_options(policy=rules)
    bounds = parse_version(after) if after else None, parse_version(upto) if upto else None
    with open_hub(hub, token) as client:
        return run(client.repo(name), *bounds, trust)


show = resolve
