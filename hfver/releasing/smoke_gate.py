"""The smoke eval as a gate: run the model before its release, from the folder and again as downloaded from the Hub."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from hfver.core.policy import Policy
from hfver.core.progress import Progress
from hfver.core.smoke_report import SmokeReport
from hfver.errors import SmokeFailed
from hfver.hub import Hub
from hfver.hub.client import HubRepo
from hfver.loading.base import fetch_base
from hfver.loading.fetch import fetch_snapshot
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import BaseModelLink
from hfver.model.smoke import run_with_goldens
from hfver.model.smoke.golden.plan import GoldenPlan, GoldenResult
from hfver.model.smoke.golden.record import GoldenFiles
from hfver.registry.resolve import Pinned, candidate_release
from hfver.registry.state import RepoState
from hfver.releasing.candidate import Candidate
from hfver.releasing.golden import Behavior, plan_goldens, published_golden
from hfver.releasing.request import ReleaseRequest

__all__ = ["smoke_candidate", "smoke_folder"]


def smoke_folder(
    hub: Hub,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    request: ReleaseRequest,
    policy: Policy,
    state: RepoState | None,
    say: Callable[[str], None],
    progress: Progress,
) -> tuple[SmokeReport | None, Behavior]:
    """Run the folder's model before anything is written to the Hub, and record how it behaves.

    Where a golden was captured from the model in memory, the folder must agree with it: it shows what went wrong while
    the model was saved.

    Returns:
        The report, None if the request turns the smoke eval off, or leaves it to hfver and torch is not installed; and
        the behavior, with the golden to publish.

    Raises:
        SmokeFailed: The model is broken, or the request requires that it be judged, and it could not be.
    """
    if request.smoke == "off":
        return None, Behavior()
    if request.smoke == "auto" and find_spec("torch") is None:
        request.refuse_unknown(())
        say("Smoke eval skipped: torch is not installed (pip install 'hfver[torch]')")
        return None, Behavior()
    plan, before = plan_goldens(checkpoint.directory, state, request, policy)
    report, result = _run(hub, checkpoint.directory, checkpoint.content_digest, base, request, plan, progress)
    request.refuse_unknown([check.name for check in report.checks])
    report = _passed(report, request)
    for name in request.allowed_checks(report):
        say(f"Warning: the smoke check {name} failed, which --allow {name} permits")
    if report.status == "not_judged":
        say(f"Warning: the smoke eval did not judge the model. {report.reason}")
    if result is not None and result.why_not_captured:
        say(f"No golden is published: {result.why_not_captured}")
    golden = published_golden(result, plan, policy.golden)
    return report, Behavior(golden, before, result.other if result else None)


def smoke_candidate(
    repo: HubRepo,
    candidate: Candidate,
    base: BaseModelLink | None,
    request: ReleaseRequest,
    golden: GoldenFiles | None,
    progress: Progress,
) -> SmokeReport:
    """Download the commit that is about to be tagged, verify it, and run its model, which must agree with the golden.

    Raises:
        SmokeFailed: The model is broken, or could not be judged.
        VerificationError: The Hub returned different content from what was uploaded.
    """
    release = candidate_release(repo, candidate.commit, candidate.manifest, candidate.digest)
    snapshot = fetch_snapshot(Pinned(repo, release, candidate.tree), progress=progress)
    content, plan = candidate.manifest.content_digest, GoldenPlan(golden)
    report, _ = _run(repo.hub, snapshot.path, content, base, request, plan, progress)
    return _passed(report, request)


def _run(
    hub: Hub,
    directory: Path,
    content: str,
    base: BaseModelLink | None,
    request: ReleaseRequest,
    plan: GoldenPlan,
    progress: Progress,
) -> tuple[SmokeReport, GoldenResult | None]:
    adapter = (directory / "adapter_config.json").is_file()
    base_directory = fetch_base(hub, base, str(directory), progress=progress).path if adapter else None
    return run_with_goldens(
        directory,
        plan,
        device=request.device,
        base_directory=base_directory,
        trust_remote_code=request.trust_remote_code,
        content_digest=content,
    )


def _passed(report: SmokeReport, request: ReleaseRequest) -> SmokeReport:
    report = report.allowing(request.allow, request.because or "")
    if report.status == "not_judged" and request.smoke == "require":
        hints = [check.hint for check in report.checks if check.status == "not_judged" and check.hint]
        raise SmokeFailed(
            f"The smoke eval did not judge the model ({report.device}, {report.dtype}), and it is required: "
            f"{report.reason}",
            " ".join([*hints[:1], "To release it without having judged it: --smoke auto."]),
        )
    if report.status != "failed":
        return report
    failures = "".join(f"\n  {check.name}: {check.detail}" for check in report.failures)
    raise SmokeFailed(f"The model failed its smoke eval ({report.device}, {report.dtype}):{failures}", _remedy(report))


def _remedy(report: SmokeReport) -> str:
    if any(check.name == "loads" for check in report.failures):
        return "Fix the checkpoint, or release it as it is with --smoke off."
    allowing = " ".join(f"--allow {check.name}" for check in report.failures)
    return f'Fix the checkpoint, or release it as it is and say why: {allowing} --because "…"'
