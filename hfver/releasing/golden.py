"""Goldens in the transaction: which the candidate is compared with, which is published, and what a difference means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hfver.core.policy import GoldenRule, Policy
from hfver.core.sizes import human
from hfver.core.version import Bump
from hfver.errors import PolicyViolation
from hfver.loading.golden import captured_in
from hfver.model.smoke.golden.compare import Layers
from hfver.model.smoke.golden.plan import GoldenPlan, GoldenResult
from hfver.model.smoke.golden.prompts import read_prompts, without_prompts
from hfver.model.smoke.golden.record import GoldenFiles
from hfver.registry.golden import golden_of
from hfver.registry.resolve import pin
from hfver.registry.state import RepoState
from hfver.releasing.next_version import VersionChoice, previous_release
from hfver.releasing.request import ReleaseRequest

__all__ = ["BEHAVIOR", "Behavior", "check_behavior", "plan_goldens", "published_golden"]

BEHAVIOR = "behavior"
"""The name by which the refusal of a PATCH that behaves differently can be overridden."""


@dataclass(frozen=True)
class Behavior:
    """What the smoke eval of the folder found out about its behavior.

    Attributes:
        golden: The golden to publish; None if there is none.
        against: The version whose golden the candidate was compared with; None if there was none.
        compared: The result of that comparison.
    """

    golden: GoldenFiles | None = field(default=None, repr=False)
    against: str | None = None
    compared: Layers | None = None

    @property
    def files(self) -> Mapping[str, bytes]:
        """The golden's files, by their paths in the release."""
        return self.golden.encode() if self.golden else {}


def plan_goldens(
    folder: Path, state: RepoState | None, request: ReleaseRequest, policy: Policy
) -> tuple[GoldenPlan, str | None]:
    """Plan the goldens of a release: its own, if one was captured in memory; the previous release's, if it has one.

    Returns:
        The plan, and the version of the previous release whose golden is in it.

    Raises:
        BadConfig: The team's prompts cannot be read.
        VerificationError: A golden is malformed, or not the one that was released.
    """
    rule = policy.golden
    own = captured_in(folder)
    prompts = read_prompts(rule.file) if rule.file is not None and rule.prompts != "none" else ()
    previous = previous_release(state, request.exact)
    pinned = pin(state, previous) if state is not None and previous is not None else None
    other = golden_of(pinned) if pinned is not None else None
    plan = GoldenPlan(own, other, capture=own is None, prompts=prompts, keep=rule.prompts)
    return plan, str(previous.version) if other is not None and previous is not None else None


def published_golden(result: GoldenResult | None, plan: GoldenPlan, rule: GoldenRule) -> GoldenFiles | None:
    """Return the golden to publish: the one from memory, else the captured one, with what the policy lets out."""
    files = plan.own or (result.captured if result else None)
    if files is None:
        return None
    allowed = ("none", "ids", "text").index(rule.prompts)
    return files if ("none", "ids", "text").index(files.golden.prompts) <= allowed else without_prompts(files)


def check_behavior(
    behavior: Behavior, choice: VersionChoice, request: ReleaseRequest, policy: Policy, say: Callable[[str], None]
) -> None:
    """Say what is published of the behavior, and how it differs from the previous release's; refuse what must not.

    Args:
        behavior: What the smoke eval found out.
        choice: The version that was chosen.
        request: What the user asked for; ``behavior`` in its ``allow`` overrides the refusal of a PATCH.
        policy: Its golden rule says what a MINOR may do.
        say: Called with a sentence each.

    Raises:
        PolicyViolation: A PATCH behaves differently, or a MINOR is far off and the policy refuses that.
    """
    if behavior.golden is not None:
        say(_listing(behavior.golden))
    found, before = behavior.compared, behavior.against
    if found is None or before is None or choice.previous is None:
        return
    say(_summary(found, before))
    if str(choice.previous.version) != before:
        say(f"{choice.previous.version} was published in the meantime; the behavior was not compared with it")
        return
    if choice.bump == Bump.PATCH and not _agrees(found) and BEHAVIOR not in request.allow:
        raise PolicyViolation(
            f"{choice.version} is a PATCH, but behaves differently from {before}: {_reasons(found)}",
            'Release it as a MINOR: --bump minor. To publish it as it is: --allow behavior --because "…"',
        )
    if choice.bump == Bump.MINOR and is_far(found, policy.golden):
        message = f"{choice.version} is a MINOR, but behaves very differently from {before}: {_reasons(found)}"
        if policy.golden.on_far == "refuse" and BEHAVIOR not in request.allow:
            hint = 'Release it as a MAJOR: --bump major. To publish it as it is: --allow behavior --because "…"'
            raise PolicyViolation(message, hint)
        if policy.golden.on_far != "ignore":
            say(f"Warning: {message}")


def is_far(layers: Layers, rule: GoldenRule) -> bool:
    """Return whether the numbers are far from the golden's, or cannot be compared with it at all."""
    if layers.numbers.status != "failed":
        return False
    return layers.distance is None or not layers.distance.mean < rule.far


def _agrees(layers: Layers) -> bool:
    # What a changed template or generation config means for the version is decided by the rules of the comparison.
    return "failed" not in (layers.words.status, layers.numbers.status)


def _reasons(layers: Layers) -> str:
    return " ".join(layer.detail for _, layer in layers.named if layer.status == "failed")


def _summary(layers: Layers, before: str) -> str:
    words = {"passed": "as before", "failed": "different", "not_judged": "not judged", "skipped": "not recorded"}
    said = ", ".join(f"{name} {words[layer.status]}" for name, layer in layers.named)
    measured = f" (mean KL {layers.distance.mean:.1e}, noise limit {layers.limit:.1e})" if layers.distance else ""
    blame = f"; blame: {layers.blame}" if layers.blame else ""
    return f"Behavior compared with {before}: {said}{measured}{blame}"


def _listing(files: GoldenFiles) -> str:
    sizes = " and ".join(f"{path} ({human(len(data))})" for path, data in files.encode().items())
    kept = {
        "none": "none of your own prompts is in them",
        "ids": "your own prompts are in them as token ids",
        "text": "your own prompts are in them as text",
    }[files.golden.prompts]
    return f"Publishing how the model behaves: {sizes}; {kept}"
