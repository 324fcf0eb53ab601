"""Parsing what a caller types for a release or a repo: the one place that knows aliases."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.core.ref import Ref, check_repo, parse_ref
from hfver.errors import BadRef

if TYPE_CHECKING:
    from hfver.core.policy import Alias
    from hfver.core.settings import PolicyLike

__all__ = ["expand_model", "expand_reference", "looks_like_folder", "parse_reference", "parse_repo"]


def looks_like_folder(target: str) -> bool:
    """Return whether a target is a folder and not a reference: it exists as one, or is written like a path."""
    return target.startswith((".", "/", "~")) or ("@" not in target and Path(target).is_dir())


def parse_reference(text: str, policy: PolicyLike = None) -> Ref:
    """Parse a reference: ``ns/name[@SPEC]``, or ``alias[@SPEC]`` with an alias of ``[models]``.

    Args:
        text: The reference. An alias alone means the spec that the settings give it.
        policy: Where the aliases are; None for the nearest ``hfver.toml`` and the user's configuration.

    Raises:
        BadRef: The text names no repo and no alias, or its SPEC has no known form.
        BadConfig: The settings are needed and broken.
    """
    return parse_ref(expand_reference(text, policy))


def expand_reference(text: str, policy: PolicyLike = None) -> str:
    """Write a reference without an alias; one that has none stays as it is.

    Raises:
        BadRef: The text names no repo and no alias.
        BadConfig: The settings are needed and broken.
    """
    name, separator, spec = text.partition("@")
    aliases = _aliases(name, policy)
    if name not in aliases:
        _check_name(name, aliases)
        return text
    return f"{aliases[name].repo}@{spec if separator else aliases[name].spec}"


def parse_repo(text: str, policy: PolicyLike = None) -> str:
    """Return a repo id: the one that is given, or that of an alias.

    Raises:
        BadRef: The text is neither.
        BadConfig: The settings are needed and broken.
    """
    aliases = _aliases(text, policy)
    if text in aliases:
        return check_repo(aliases[text].repo)
    return _check_name(text, aliases)


def expand_model(text: str, policy: PolicyLike = None) -> str:
    """Return the id of any model, such as ``gpt2``; for an alias, the repo that it stands for."""
    aliases = _aliases(text, policy)
    return aliases[text].repo if text in aliases else text


def _aliases(name: str, policy: PolicyLike) -> Mapping[str, Alias]:
    """Return the aliases, unless the name has a slash: then it is a repo, and the settings need not be read."""
    if "/" in name or not name:
        return {}
    from hfver.core.settings import resolve_policy

    return resolve_policy(policy).aliases


def _check_name(name: str, aliases: Mapping[str, Alias]) -> str:
    try:
        return check_repo(name)
    except BadRef as error:
        if "/" in name:
            raise
        near = get_close_matches(name, aliases, n=1)
        known = f"did you mean {near[0]}?" if near else ", ".join(sorted(aliases)[:8]) or "there are none here"
        hint = f"{error.hint.rstrip('.')}, or an alias from [models] in hfver.toml ({known})."
        raise BadRef(error.message, hint) from None
