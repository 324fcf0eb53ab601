"""Loading, pulling and checking what was released."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.arguments import policy_of, trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import looks_like_folder, parse_reference
from hfver.core.progress import Progress, silent
from hfver.core.results import Loaded, Pulled, Verified
from hfver.core.smoke_report import SmokeReport
from hfver.errors import UsageError

if TYPE_CHECKING:
    from hfver.core.settings import PolicyLike

__all__ = ["load", "pull", "smoke_eval", "verify"]


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
    """Load a release: pinned, every file verified, and only then built.

    Args:
        ref: ``ns/name@SPEC``: a version, a range, ``latest``, a commit or ``refs/pr/N``; without ``@`` the newest.
            An alias of ``[models]`` in place of ``ns/name`` brings its own SPEC.
        hub: None, a URL, or the folder of an embedded Hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``auto`` keeps the stored one; else a torch dtype's name.
        smoke: Run the smoke eval on it; its report is in the result.
        trust_remote_code: Allow the release's own Python code to run.
        mirror_of: The repo that the one named is knowingly a copy of.
        lock: Heed the nearest ``hfver.lock``, or the one at this path; False leaves it aside.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        BadRef: The reference has no known form.
        HubError: There is no such release, or no answer.
        VerificationError: Something is not what was released.
        SmokeFailed: The smoke eval found the model broken.
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
    """Bring a release's files onto this machine, every one verified.

    Args:
        ref: Which release.
        directory: Where to; None leaves it in the Hugging Face cache.
        hub: None, a URL, or the folder of an embedded Hub.
        mirror_of: The repo that the one named is knowingly a copy of.
        lock: Heed the nearest ``hfver.lock``, or the one at this path; False leaves it aside.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        trust_remote_code: Allow configs that make libraries run code when they load the release.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        PolicyViolation: Loading the release would run code, and that is not allowed.
        UsageError: The directory holds something else.
        HubError: There is no such release, or no answer.
        VerificationError: A file is not what was released.
    """
    from hfver.loading.pull import pull as run

    rules = policy_of(policy)
    wanted, trust = parse_reference(ref, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        target = Path(directory) if directory else None
        return run(client, wanted, target, trust, trust_remote_code=trust_remote_code, progress=progress)


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
    """Check a release, or a pulled folder, byte for byte.

    Args:
        target: A reference, or a folder that ``pull`` filled.
        hub: None, a URL, or the folder of an embedded Hub.
        offline: Check a folder against its own manifest alone, without asking the Hub's ledger.
        force: Read every byte again; else files whose size, times and place on disk are those of when they were last
            read keep their verdict.
        mirror_of: The repo that the one named is knowingly a copy of.
        public_key: Check that this key, in PEM form, verifies the release's signature.
        identity: Check that sigstore certified the signature to be this one's, such as ``me@example.com``.
        issuer: Who vouches for the identity, such as ``https://accounts.google.com``.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        VerificationError: Something differs.
    """
    from hfver.loading.verify import verify_folder, verify_release
    from hfver.registry.signing import parse_trusted

    trusted = parse_trusted(public_key, identity, issuer)
    # A signer who is named here is the only one who counts, whatever the policy says.
    trust = trust_options(mirror_of, policy=None if trusted else policy_of(policy))
    if not looks_like_folder(target):
        wanted = parse_reference(target, policy)
        with open_hub(hub, token) as client:
            return verify_release(client, wanted, trust, trusted=trusted, force=force, progress=progress)
    if offline:
        return verify_folder(None, Path(target), trust, trusted=trusted, force=force, progress=progress)
    with open_hub(hub, token) as client:
        return verify_folder(client, Path(target), trust, trusted=trusted, force=force, progress=progress)


def smoke_eval(
    target: str,
    *,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    base: PathLike | None = None,
    trust_remote_code: bool = False,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> SmokeReport:
    """Run the smoke eval on a release or on a folder.

    Args:
        target: A reference, or a checkpoint folder.
        hub: None, a URL, or the folder of an embedded Hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``auto`` keeps the stored one.
        base: The folder of an adapter folder's base.
        trust_remote_code: Allow the model's own Python code to run.
        mirror_of: The repo that the one named is knowingly a copy of.
        lock: Heed the nearest ``hfver.lock``, or the one at this path; False leaves it aside.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Returns:
        The report; a broken model is a report with status ``failed``, not an exception.

    Raises:
        UsageError: There is no such folder, or the device is not there.
        HubError: There is no such release, or no answer.
        VerificationError: Something is not what was released.
    """
    if looks_like_folder(target):
        if not Path(target).is_dir():
            raise UsageError(f"There is no folder {target}.", "Name a checkpoint folder, or a release: ns/name@^1.2")
        from hfver.model.smoke import run_smoke

        return run_smoke(
            Path(target),
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
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )
