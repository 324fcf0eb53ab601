"""A comparison with a golden as part of a smoke report."""

from __future__ import annotations

from hfver.core.smoke_report import SmokeCheck, SmokeReport, Status, worst
from hfver.model.smoke.golden.differences import Layer
from hfver.model.smoke.golden.plan import GoldenResult

__all__ = ["with_comparison"]


def with_comparison(report: SmokeReport, result: GoldenResult) -> SmokeReport:
    """Return a report with a check for each layer of the model's own golden; the same where there is none."""
    if result.own is None:
        return report
    checks = (*report.checks, *(_check(name, layer) for name, layer in result.own.named))
    return report.model_copy(update={"checks": checks, "status": worst([check.status for check in checks])})


def _check(name: str, layer: Layer) -> SmokeCheck:
    status: Status = layer.status if layer.status in ("passed", "failed") else "skipped"
    blame = f" To blame: {layer.blame}." if layer.blame else ""
    return SmokeCheck(name=f"golden-{name}", status=status, detail=f"{layer.detail}{blame}")
