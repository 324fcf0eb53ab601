"""The smoke eval as a gate: run the model before its release, from the folder and again as downloaded from the Hub."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from hfver.core.progress import Progress
from hfver.core.smoke_report import SmokeReport
from hfver.errors import SmokeFailed
from hfver.hub import Hub
from hfver.hub.client import HubRepo
from hfver.loading.base import fetch_base
from hfver.loading.fetch import fetch_snapshot
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import BaseModelLink
from hfver.model.smoke import run_smoke
from hfver.registry.resolve import Pinned, candidate_release
from hfver.releasing.candidate import Candidate
from hfver.releasing.request import ReleaseRequest

__all__ = ["smoke_candidate", "smoke_folder"]


def smoke_folder(
    hub: Hub,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    request: ReleaseRequest,
    say: Callable[[str], None],
    progress: Progress,
) -> SmokeReport | None:
    """Run the folder's model before anything is written to the Hub.

    Returns:
        The report; None if the request turns the smoke eval off, or leaves it to hfver and torch is not installed.

    Raises:
        SmokeFailed: The model is broken, or the request requires that it be judged, and it could not be.
    """
    if request.smoke == "off":
        return None
    if request.smoke == "auto" and find_spec("torch") is None:
        request.refuse_unknown(())
        say("Smoke eval skipped: torch is not installed (pip install 'hfver[torch]')")
        return None
    report = _run(hub, checkpoint.directory, checkpoint.content_digest, base, request, progress)
    request.refuse_unknown([check.name for check in report.checks])
    report = _passed(report, request)
    for name in request.allowed_checks(report):
        say(f"Warning: the smoke check {name} failed, which --allow {name} permits")
    if report.status == "not_judged":
        say(f"Warning: the smoke eval did not judge the model. {report.reason}")
    return report


def smoke_candidate(
    repo: HubRepo, candidate: Candidate, base: BaseModelLink | None, request: ReleaseRequest, progress: Progress
) -> SmokeReport:
    """Download the commit that is about to be tagged, verify it, and run its model.

    Raises:
        SmokeFailed: The model is broken, or could not be judged.
        VerificationError: The Hub returned different content from what was uploaded.
    """
    release = candidate_release(repo, candidate.commit, candidate.manifest, candidate.digest)
    snapshot = fetch_snapshot(Pinned(repo, release, candidate.tree), progress=progress)
    return _passed(_run(repo.hub, snapshot.path, candidate.manifest.content_digest, base, request, progress), request)


def _run(
    hub: Hub, directory: Path, content: str, base: BaseModelLink | None, request: ReleaseRequest, progress: Progress
) -> SmokeReport:
    adapter = (directory / "adapter_config.json").is_file()
    base_directory = fetch_base(hub, base, str(directory), progress=progress).path if adapter else None
    return run_smoke(
        directory,
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
