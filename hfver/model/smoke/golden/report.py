"""A comparison with a golden as part of a smoke report."""

from __future__ import annotations

from hfver.core.smoke_report import GoldenComparison, SmokeCheck, SmokeReport, verdict_of
from hfver.model.smoke.golden.compare import Layers
from hfver.model.smoke.golden.differences import Layer
from hfver.model.smoke.golden.plan import GoldenPlan, GoldenResult

__all__ = ["comparison_of", "with_comparison"]

_HINT = (
    "Save the model and its tokenizer again, as they were when the golden was captured. "
    "After a change on purpose, capture it again: hfver golden capture DIR -o DIR"
)


def with_comparison(report: SmokeReport, plan: GoldenPlan, result: GoldenResult) -> SmokeReport:
    """Return a report with a check for each layer of the model's own golden; the same where there is none."""
    if result.own is None or plan.own is None:
        return report
    checks = (*report.checks, *(_check(name, layer) for name, layer in result.own.named))
    was_run = report.forward_passes != 0 or result.own.numbers.status in ("passed", "failed")
    changed = {
        "checks": checks,
        "status": verdict_of(checks, was_run=was_run),
        "golden": comparison_of(result.own, plan.own.source),
    }
    return report.model_copy(update=changed)


def comparison_of(layers: Layers, source: str) -> GoldenComparison:
    """Return the verdicts in the form of a report.

    Args:
        layers: The verdicts.
        source: Whether the golden was captured from ``memory`` or from a ``folder``.
    """
    return GoldenComparison(
        source=source,
        words=layers.words.status,
        forms=layers.forms.status,
        numbers=layers.numbers.status,
        kl=layers.distance.mean if layers.distance else None,
        limit=layers.limit,
        blame=layers.blame,
    )


def _check(name: str, layer: Layer) -> SmokeCheck:
    blame = f" To blame: {layer.blame}." if layer.blame else ""
    hint = _HINT if layer.status == "failed" else ""
    return SmokeCheck(name=f"golden-{name}", status=layer.status, detail=f"{layer.detail}{blame}", hint=hint)
