"""Try: run the model that is about to be released, from its folder, and again as the Hub gives it back."""

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
    """Run the folder's model before anything is written; None where the request asks for no run.

    Raises:
        SmokeFailed: The model does not run as it should.
    """
    if request.smoke == "off":
        return None
    if request.smoke == "auto" and find_spec("torch") is None:
        say("No smoke eval: torch is not installed (pip install 'hfver[torch]')")
        return None
    return _passed(_run(hub, checkpoint.directory, checkpoint.content_digest, base, request, progress))


def smoke_candidate(
    repo: HubRepo, candidate: Candidate, base: BaseModelLink | None, request: ReleaseRequest, progress: Progress
) -> SmokeReport:
    """Run the model that the Hub gives back for the very commit that is about to be tagged.

    Raises:
        SmokeFailed: The model does not run as it should.
        VerificationError: The Hub gives back something else.
    """
    release = candidate_release(repo, candidate.commit, candidate.manifest, candidate.digest)
    snapshot = fetch_snapshot(Pinned(repo, release, candidate.tree), progress=progress)
    return _passed(_run(repo.hub, snapshot.path, candidate.manifest.content_digest, base, request, progress))


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


def _passed(report: SmokeReport) -> SmokeReport:
    if report.status != "failed":
        return report
    failures = "".join(f"\n  {check.name}: {check.detail}" for check in report.failures)
    raise SmokeFailed(
        f"The model does not run as it should ({report.device}, {report.dtype}):{failures}",
        "Mend the checkpoint, or release it as it is with --smoke off.",
    )
