"""Reading a release's golden from the Hub."""

from __future__ import annotations

from hfver.core.repo_paths import GOLDEN, GOLDEN_NUMBERS
from hfver.errors import VerificationError
from hfver.model.smoke.golden.record import MAX_BIN, MAX_JSON, GoldenFiles, decode_golden
from hfver.registry.release_checks import read_verified
from hfver.registry.resolve import Pinned

__all__ = ["golden_of"]


def golden_of(pinned: Pinned) -> GoldenFiles | None:
    """Read a release's golden from the Hub, checked against its manifest; None for a release without.

    Raises:
        VerificationError: It is not the one that was released, or is malformed.
    """
    release = pinned.release
    manifest = release.manifest
    if manifest is None or GOLDEN not in manifest.files:
        return None
    limits = {GOLDEN: MAX_JSON, GOLDEN_NUMBERS: MAX_BIN}
    for path, limit in limits.items():
        if path not in manifest.files or manifest.files[path].size > limit:
            raise VerificationError(f"{release}: its golden is incomplete or too large.", "Ask its owner about it.")
    text, data = (read_verified(pinned.repo, release, manifest, path) for path in limits)
    return decode_golden(text, data, str(release))
