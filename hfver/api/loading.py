"""The public functions that download releases: loading, pulling, verifying and testing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.arguments import policy_of, trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import looks_like_folder, parse_reference
from hfver.api.shared_docs import public
from hfver.core.progress import Progress, silent
from hfver.core.results import Loaded, Pulled, Verified
from hfver.core.smoke_report import SmokeReport
from hfver.errors import UsageError

if TYPE_CHECKING:
    from hfver.core.settings import PolicyLike

__all__ = ["load", "pull", "smoke_eval", "verify"]


@public
def load(
    ref: str,
    *,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    smoke: bool = False,
    trust_remote_code: bool = False,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Loaded:
    """Load the model of a release, after every file of it was verified.

    An adapter's base is verified too, and loaded at the commit that the adapter's lineage pins.

    Args:
        smoke: Also run the smoke eval on the model.

    Returns:
        The model with its tokenizer or processor, the release, and the report of the smoke eval.

    Raises:
        BadRef: The reference has no known form.
        BadCheckpoint: The weights do not fit the architecture.
        Refused: The version is pending, or the lock has a version outside of the requested range.
        PolicyViolation: Loading the release would run code, which was not allowed.
        SmokeFailed: The smoke eval found the model broken.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A file is not as released.
    """
    from hfver.loading.load import load as run

    rules = policy_of(policy)
    wanted, trust = parse_reference(ref, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        return run(
            client,
            wanted,
            trust,
            device=device,
            dtype=dtype,
            smoke=smoke,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )


@public
def pull(
    ref: str,
    directory: PathLike | None = None,
    *,
    hub: HubLike = None,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    trust_remote_code: bool = False,
    token: str | None = None,
    progress: Progress = silent,
) -> Pulled:
    """Download a release's files, and verify every one.

    Args:
        directory: The folder to copy them to; None to leave them in the Hugging Face cache.

    Returns:
        The folder with the files, and the release.

    Raises:
        BadRef: The reference has no known form.
        UsageError: The folder has other files.
        Refused: The version is pending, or the lock has a version outside of the requested range.
        PolicyViolation: Loading the release would run code, which was not allowed.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A file is not as released.
    """
    from hfver.loading.pull import pull as run

    rules = policy_of(policy)
    wanted, trust = parse_reference(ref, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        target = Path(directory) if directory else None
        return run(client, wanted, target, trust, trust_remote_code=trust_remote_code, progress=progress)


@public
def verify(
    target: str,
    *,
    hub: HubLike = None,
    offline: bool = False,
    force: bool = False,
    mirror_of: str | None = None,
    public_key: PathLike | None = None,
    identity: str | None = None,
    issuer: str | None = None,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Verified:
    """Verify the files of a release, or of a pulled folder.

    Args:
        target: A reference, or a folder that ``pull`` filled.
        offline: Check a folder only against its own manifest, and not against the Hub's ledger.
        force: Read every byte again, instead of trusting files whose size, times and inode are the same as when they
            were last read.
        public_key: The file of a public key in PEM form, which must verify the release's signature.
        identity: The identity that sigstore must have certified for the signature, such as ``me@example.com``.
        issuer: The identity provider that vouches for it, such as ``https://accounts.google.com``.

    Returns:
        What was verified, and against what. A difference is an error, so there is no negative result.

    Raises:
        BadRef: The reference has no known form.
        UsageError: The folder does not contain a release.
        BadConfig: A key cannot be used, or only one of identity and issuer was given.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A file, the manifest, the ledger or the signature is not as it must be.
    """
    from hfver.loading.verify import verify_folder, verify_release
    from hfver.registry.signing import parse_trusted

    trusted = parse_trusted(public_key, identity, issuer)
    # A signer that is named in the call replaces the one of the policy.
    trust = trust_options(mirror_of, policy=None if trusted else policy_of(policy))
    if not looks_like_folder(target):
        wanted = parse_reference(target, policy)
        with open_hub(hub, token) as client:
            return verify_release(client, wanted, trust, trusted=trusted, force=force, progress=progress)
    if offline:
        return verify_folder(None, Path(target), trust, trusted=trusted, force=force, progress=progress)
    with open_hub(hub, token) as client:
        return verify_folder(client, Path(target), trust, trusted=trusted, force=force, progress=progress)


@public
def smoke_eval(
    target: str,
    *,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    base: PathLike | None = None,
    golden: PathLike | None = None,
    trust_remote_code: bool = False,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> SmokeReport:
    """Run the smoke eval on a release or a checkpoint folder.

    Args:
        target: A reference, or a checkpoint folder.
        base: The folder with the base of an adapter folder.
        golden: A folder with a golden that the model must agree with, in place of its own.

    Returns:
        The report. For a broken model, its status is ``failed``; that is not an error.

    Raises:
        BadRef: The reference has no known form.
        UsageError: There is no such folder or device.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A file is not as released.
    """
    from hfver.model.smoke.golden.record import read_golden

    own = read_golden(Path(golden)) if golden is not None else None
    if looks_like_folder(target):
        if not Path(target).is_dir():
            raise UsageError(
                f"{target} is not a folder.", "Name a checkpoint folder, or a release such as ns/name@^1.2."
            )
        from hfver.loading.golden import smoke_folder

        return smoke_folder(
            Path(target),
            own,
            device=device,
            dtype=dtype,
            base_directory=Path(base) if base else None,
            trust_remote_code=trust_remote_code,
        )
    from hfver.loading.load import smoke_release

    rules = policy_of(policy)
    wanted, trust = parse_reference(target, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        return smoke_release(
            client,
            wanted,
            trust,
            own=own,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )
