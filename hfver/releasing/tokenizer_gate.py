"""A model without its tokenizer: warned about, and refused where its card needs one or the release before had one."""

from __future__ import annotations

from collections.abc import Callable

from hfver.errors import PolicyViolation
from hfver.model.card import needs_tokenizer
from hfver.model.checkpoint import Checkpoint, lacks_tokenizer
from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.registry.resolve import pin
from hfver.registry.state import RepoState
from hfver.releasing.next_version import previous_release
from hfver.releasing.request import ReleaseRequest

__all__ = ["check_tokenizer", "misses_tokenizer"]

_HINT = (
    "Save the tokenizer into the folder too: tokenizer.save_pretrained(DIR). To release without it: "
    '--allow no-tokenizer --because "…"'
)


def check_tokenizer(
    checkpoint: Checkpoint, state: RepoState | None, request: ReleaseRequest, say: Callable[[str], None]
) -> None:
    """Warn about a text model without a tokenizer.

    Args:
        checkpoint: The checkpoint to release.
        state: The state of the repo; None if it does not exist.
        request: What the user asked for; ``no-tokenizer`` in its ``allow`` overrides the refusal.
        say: Called with the warning.

    Raises:
        PolicyViolation: The code in the card needs a tokenizer, or the release that this one follows has one.
    """
    needed = needs_tokenizer(checkpoint, request.repo)
    if not misses_tokenizer(checkpoint, request.repo):
        return
    say(f"Warning: {request.folder} has no tokenizer: smoke checks are skipped, and the model takes token ids only")
    if needed and "no-tokenizer" not in request.allow:
        raise PolicyViolation(
            f"{request.folder} has no tokenizer, and {needed} in its card needs one (no-tokenizer).", _HINT
        )
    previous = previous_release(state, request.exact)
    if state is None or previous is None or "no-tokenizer" in request.allow:
        return
    manifest = pin(state, previous).release.manifest
    if manifest is not None and any(name in manifest.files for name in TOKENIZER_FILES):
        raise PolicyViolation(
            f"{request.folder} has no tokenizer, and {request.repo}@{previous.version} has one (no-tokenizer).",
            _HINT,
        )


def misses_tokenizer(checkpoint: Checkpoint, repo: str) -> bool:
    """Return whether a tokenizer is missing: from a text model, or for the code in the card."""
    return lacks_tokenizer(checkpoint) or needs_tokenizer(checkpoint, repo) is not None
