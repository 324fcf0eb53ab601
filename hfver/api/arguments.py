"""Checking what callers pass besides references: options with few values, and how far a repo is trusted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from hfver.api.hubs import PathLike
from hfver.core.ref import check_repo
from hfver.errors import BadConfig
from hfver.registry.state import TrustOptions

if TYPE_CHECKING:
    from hfver.core.policy import Policy
    from hfver.core.settings import PolicyLike

__all__ = ["HUB", "POLICY", "PROGRESS", "TOKEN", "function_of", "one_of", "policy_of", "trust_options"]

HUB = "The Hub: a URL, the folder of an embedded Hub, or None for ``HF_ENDPOINT``."
TOKEN = "An access token; None for the user's own."  # noqa: S105 - a docstring
POLICY = "A policy, the path of a file that holds one, or None for the nearest file."
PROGRESS = "Called with the number of bytes processed."

P = ParamSpec("P")
C = TypeVar("C")
T = TypeVar("T")


def function_of(call: Callable[P, C], run: Callable[[C], T]) -> Callable[P, T]:
    """Make a public function whose parameters are the fields of a dataclass, each documented where it is defined.

    Args:
        call: The dataclass.
        run: Does the work; its name, without the leading underscore, and its docstring become the function's.
    """

    def function(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(call(*args, **kwargs))

    listed = inspect.signature(call).parameters
    docs = {one.name: one.metadata["doc"] for one in fields(call)}  # type: ignore[arg-type]  # it is a dataclass
    lines = "".join(f"        {name}: {docs[name]}\n" for name in listed)
    head, returns, rest = (run.__doc__ or "").partition("    Returns:")
    function.__doc__ = f"{head}    Args:\n{lines}\n{returns}{rest}"
    function.__name__ = function.__qualname__ = run.__name__.removeprefix("_")
    function.__module__ = run.__module__
    result = inspect.signature(run).return_annotation
    function.__signature__ = inspect.Signature(list(listed.values()), return_annotation=result)  # type: ignore[attr-defined]
    return function


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """Return an option's value after checking that it is one of those allowed.

    Raises:
        BadConfig: It is another one.
    """
    if value not in allowed:
        raise BadConfig(f"{option} cannot be {value!r}.", f"Choose one of: {', '.join(allowed)}")
    return value


def policy_of(policy: PolicyLike) -> Policy:
    """Return the policy that applies, as :func:`hfver.core.settings.resolve_policy` does.

    The model of all settings is loaded only here, so that functions which apply no policy do without.
    """
    from hfver.core.settings import resolve_policy

    return resolve_policy(policy)


def trust_options(
    mirror_of: str | None = None, lock: PathLike | bool = False, policy: Policy | None = None
) -> TrustOptions:
    """Return what must hold for a repo to be believed.

    Args:
        mirror_of: The repo that it is knowingly a copy of.
        lock: The lock that applies: True for the nearest, False for none, or a path.
        policy: Decides which releases must be signed; None for the nearest file.

    Raises:
        BadRef: ``mirror_of`` is no repo id.
        BadConfig: The lock is broken, or there is none at that path.
    """
    mirrored = check_repo(mirror_of) if mirror_of else None
    if lock is False:
        return TrustOptions(mirrored, policy=policy)
    from hfver.core.lockfile import find_lock, read_lock

    if lock is True:
        return TrustOptions(mirrored, lock=find_lock(Path.cwd()), policy=policy)
    return TrustOptions(mirrored, lock=read_lock(Path(lock).absolute()), policy=policy)
