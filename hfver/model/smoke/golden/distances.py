"""How far two runs of a model are apart.

For distributions, the distance of a position is the Kullback-Leibler divergence over the stored tokens and one bucket
for the rest, in the form that also holds for numbers that do not quite sum to one: sum(p log(p/q) - p + q). It is zero
for equal numbers and of second order in small errors, so rounding does not add up. For vectors it is half the squared
distance relative to what vectors of that kind have on average, which is of the same order; a score that happens to be
near zero does not count more than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hfver.model.smoke.golden.forward import STEP, Outcome
from hfver.model.smoke.golden.record import Noise

__all__ = ["Distance", "measure"]

TINY = 1e-12


@dataclass(frozen=True)
class Distance:
    """The distance of two runs over all stored inputs."""

    mean: float
    p99: float
    largest: float
    agreement: float | None
    depths: tuple[float, ...]
    loss_before: float | None = None
    loss_after: float | None = None
    worst_origin: str = ""
    """The origin of the inputs that are farthest apart."""

    @property
    def noise(self) -> Noise:
        """The same as a noise, for a run that is healthy."""
        return Noise(distance=self.mean, p99=self.p99, agreement=self.agreement, depths=self.depths)


def measure(before: Sequence[Outcome], after: Sequence[Outcome], origins: Sequence[str] = ()) -> Distance:
    """Measure the distance of two runs over the same inputs; both are finite."""
    import numpy as np

    scales = _scales(before)
    single = [_distances(one, two, scales) for one, two in zip(before, after, strict=True)]
    joined = np.concatenate([np.zeros(0), *single])
    if not joined.size:
        return Distance(0.0, 0.0, 0.0, None, ())
    same = [one.best == two.best for one, two in zip(before, after, strict=True) if one.ids is not None]
    by_origin: dict[str, list[float]] = {}
    for origin, found in zip(origins, single, strict=False):
        by_origin.setdefault(origin, []).extend(found.tolist())
    means = {origin: sum(found) / len(found) for origin, found in by_origin.items() if found}
    return Distance(
        mean=float(joined.mean()),
        p99=float(np.quantile(joined, 0.99)),
        largest=float(joined.max()),
        agreement=float(np.concatenate(same).mean()) if same else None,
        depths=_depth_distances(before, after),
        loss_before=_loss(before),
        loss_after=_loss(after),
        worst_origin=max(means, key=lambda origin: means[origin], default=""),
    )


def _loss(outcomes: Sequence[Outcome]) -> float | None:
    import numpy as np

    found = [one.losses for one in outcomes if one.losses is not None]
    return float(np.concatenate(found).mean()) if found else None


def _scales(outcomes: Sequence[Outcome]) -> list[float]:
    """Return the mean square of the first, second… vectors that the inputs give."""
    import numpy as np

    found: dict[int, list[float]] = {}
    for one in outcomes:
        for place, vector in enumerate(one.vectors):
            found.setdefault(place, []).append(
                float(np.square(vector.astype("float64")).mean()) if vector.size else 0.0
            )
    return [sum(found[place]) / len(found[place]) for place in sorted(found)]


def _distances(before: Outcome, after: Outcome, scales: Sequence[float]) -> Any:
    """Return the distances [positions], or those of the vectors."""
    import numpy as np

    if before.ids is not None and after.ids is not None:
        return _kl(before, after)
    pairs = zip(before.vectors, after.vectors, scales, strict=False)
    return np.array([_relative(one, two, scale) for one, two, scale in pairs])


def _kl(before: Outcome, after: Outcome) -> Any:
    import numpy as np

    p, q = (np.exp(-STEP * one.steps.astype("float64")) for one in (before, after))
    log_ratio = STEP * (after.steps.astype("float64") - before.steps.astype("float64"))
    tokens = (p * log_ratio - p + q).sum(axis=-1)
    p_rest, q_rest = (one.rest.astype("float64") + TINY for one in (before, after))
    rest = p_rest * np.log(p_rest / q_rest) - p_rest + q_rest
    return np.maximum(tokens + rest, 0)


def _relative(before: Any, after: Any, scale: float) -> float:
    import numpy as np

    if before.shape != after.shape:
        return 1.0
    apart = float(np.square(before.astype("float64") - after).mean()) if before.size else 0.0
    if scale <= TINY:
        return 0.0 if apart <= TINY else 1.0
    return apart / scale / 2


def _depth_distances(before: Sequence[Outcome], after: Sequence[Outcome]) -> tuple[float, ...]:
    """Return the relative distance of the sketches at each depth, as a mean over the inputs."""
    import numpy as np

    pairs = [
        (one.sketch, two.sketch)
        for one, two in zip(before, after, strict=True)
        if one.sketch is not None and two.sketch is not None and one.sketch.shape == two.sketch.shape
    ]
    if not pairs:
        return ()
    apart = [np.linalg.norm(one - two, axis=-1) / (np.abs(one[:, 0]) + TINY) for one, two in pairs]
    found = np.mean(np.stack(apart), axis=0)
    return tuple(float(one) for one in np.nan_to_num(found, nan=1e9, posinf=1e9))
