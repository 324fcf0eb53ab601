"""The public functions about goldens: capturing how a model behaves, showing it, and comparing with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hfver.api.arguments import policy_of, trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import looks_like_folder, parse_reference
from hfver.api.shared_docs import public
from hfver.core.progress import Progress, silent
from hfver.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from hfver.core.settings import PolicyLike
    from hfver.loading.against import SideBySide
    from hfver.model.smoke.golden.record import GoldenFiles

__all__ = ["capture", "capture_from", "compare", "read"]


@public
def capture(
    model: Any,
    processing: Any = None,
    *,
    directory: PathLike | None = None,
    prompts: Sequence[str] = (),
    keep: Literal["none", "ids", "text"] = "none",
) -> GoldenFiles:
    """Record how a model in memory behaves, before it is saved or right after.

    Only this can show that a save went wrong: that a head was lost, an adapter not merged, a wrong tie written.
    ``hfver release`` compares the folder with it, and publishes it with the release. The model is left as it was.

    Args:
        model: A model of transformers, PEFT or sentence-transformers.
        processing: Its tokenizer or processor; None for a model without.
        directory: The folder that the model is saved to, where the golden is then written as well.
        prompts: Your own prompts, which are used in addition to the fixed ones.
        keep: What the golden holds of them: ``none`` (then they are not used), ``ids`` or ``text``.

    Returns:
        The golden; its method ``save`` writes it into a folder.

    Raises:
        BadCheckpoint: The model returns NaN or infinity.
        UsageError: torch is not installed.

    Example:
        golden = hfver.golden.capture(trainer.model, tokenizer, directory="out/checkpoint")
    """
    from hfver.model.smoke.golden.capture import capture_model

    files = capture_model(model, processing, prompts=tuple(prompts), keep=keep)
    if directory is not None:
        files.save(Path(directory))
    return files


@public
def capture_from(
    target: str,
    *,
    base: PathLike | None = None,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> GoldenFiles:
    """Load a checkpoint folder or a release, and record how its model behaves.

    Args:
        target: A checkpoint folder, or a reference.
        base: The folder of the base model, if the target is the folder of an adapter.

    Returns:
        The golden; its method ``save`` writes it into a folder.

    Raises:
        BadRef: The reference has no known form.
        BadCheckpoint: The folder cannot be loaded, or the model returns NaN or infinity.
        UsageError: There is no such folder or device.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A file is not as released.
    """
    from hfver.loading.golden import capture_folder, capture_release
    from hfver.model.smoke.golden.prompts import read_prompts

    rules = policy_of(policy)
    rule = rules.golden
    prompts = read_prompts(rule.file) if rule.file is not None and rule.prompts != "none" else ()
    options: dict[str, Any] = {"device": device, "dtype": dtype, "trust_remote_code": trust_remote_code}
    options |= {"prompts": prompts, "keep": rule.prompts}
    if looks_like_folder(target):
        return capture_folder(_folder(target), base=Path(base) if base else None, **options)
    wanted, trust = parse_reference(target, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        return capture_release(client, wanted, trust, progress=progress, **options)


@public
def compare(
    ref: str,
    other: str,
    *,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    trust_remote_code: bool = False,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> SideBySide:
    """Run a release, and compare its behavior with another release's, layer by layer.

    Args:
        other: The reference of the release to compare with. Its golden is used; without one, its model is run as well.

    Returns:
        The smoke report of the first, the comparison, and what both write after the same prompts.

    Raises:
        BadRef: A reference has no known form.
        BadCheckpoint: The other release's model is broken.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A file is not as released.
    """
    from hfver.loading.against import compare_releases

    rules = policy_of(policy)
    wanted, second = parse_reference(ref, rules), parse_reference(other, rules)
    trust = trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        return compare_releases(
            client,
            wanted,
            second,
            trust,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )


@public
def read(
    target: str,
    *,
    hub: HubLike = None,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    policy: PolicyLike = None,
    token: str | None = None,
) -> GoldenFiles:
    """Read the golden of a release or of a folder.

    Args:
        target: A reference, or a folder that has a golden.

    Returns:
        The golden.

    Raises:
        BadRef: The reference has no known form.
        UsageError: There is no such folder.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: There is no golden, or it is not the one that was released.
    """
    from hfver.model.smoke.golden.record import read_golden

    if looks_like_folder(target):
        return read_golden(_folder(target))
    from hfver.registry.golden import golden_of
    from hfver.registry.resolve_locked import resolve_locked

    rules = policy_of(policy)
    wanted, trust = parse_reference(target, rules), trust_options(mirror_of, lock, rules)
    with open_hub(hub, token) as client:
        pinned = resolve_locked(client, wanted, trust)
        files = golden_of(pinned)
    if files is None:
        raise VerificationError(
            f"{pinned.release} has no golden: it was released without one.",
            f"Record its behavior: hfver golden capture {pinned.release} -o FOLDER",
        )
    return files


def _folder(target: str) -> Path:
    if not Path(target).is_dir():
        raise UsageError(f"{target} is not a folder.", "Name a checkpoint folder, or a release such as ns/name@^1.2.")
    return Path(target)
