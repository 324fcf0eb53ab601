"""The body that tasks share: run made inputs, and judge what comes out. A task is a short recipe for it.

The checks: outputs are finite and of the size that the labels have, they depend on every kind of input, they are the
same when the model runs again, and the same in a batch as alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hfver.core.plural import counted
from hfver.core.smoke_report import SmokeCheck
from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import first_line
from hfver.model.smoke.batches import check_finite, check_padding, pad, timed
from hfver.model.smoke.check import CheckFailed, CheckSkipped, NotJudged, check
from hfver.model.smoke.made_inputs import Sample, base_model, make_samples
from hfver.model.smoke.tasks import TaskResult

SEED = 20240115
"""Set before every run: some models draw random numbers on purpose, such as which patches of a picture they mask."""
MAX_LABELS_SHOWN = 8
ENOUGH = 16
"""How many numbers an output must have for its spread to be a measure of distances."""

Outputs = Mapping[str, Any]


@dataclass(frozen=True)
class Recipe:
    """What a task looks at.

    Attributes:
        outputs: The names of the outputs to judge; empty for every tensor of floating-point numbers.
        labels: Whether the last dimension of the first output has an entry for each label of the config.
        samples: Makes the inputs.
        unique_labels: Whether two labels must not share a name.
        across: Outputs that relate every input of a batch to every other, so that a batch has more of them.
    """

    outputs: tuple[str, ...] = ()
    labels: bool = False
    samples: Callable[[LoadedModel], list[Sample]] = make_samples
    unique_labels: bool = True
    across: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """One model with a recipe; each result is computed once, when a check first asks for it."""

    loaded: LoadedModel
    recipe: Recipe = field(default_factory=Recipe)

    @cached_property
    def samples(self) -> list[Sample]:
        """The inputs: a first one, and others that differ from it in one kind of input each."""
        try:
            return self.recipe.samples(self.loaded)
        except LookupError as error:
            raise NotJudged(
                f"hfver cannot make inputs for {self.name}: {error.args[0]}.",
                "Register a smoke task for it; see docs/smoke.md.",
            ) from None

    @property
    def name(self) -> str:
        """The name of the model's class."""
        return type(base_model(self.loaded)).__name__

    @cached_property
    def outputs(self) -> list[Outputs]:
        """The outputs for each sample."""
        try:
            return [self(sample.inputs) for sample in self.samples]
        except (
            TypeError,
            ValueError,
            KeyError,
            AttributeError,
            IndexError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            torch = import_torch()
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise
            # With text alone, the model gets what its own tokenizer gave, so the model is at fault.
            if not self.recipe.outputs or any(set(sample.inputs) - _TEXT for sample in self.samples):
                raise NotJudged(
                    f"{self.name} did not accept the inputs that hfver made: {first_line(error)}",
                    "Register a smoke task for it; see docs/smoke.md.",
                ) from None
            raise

    def __call__(self, inputs: Mapping[str, Any], *, seed: int = SEED) -> Outputs:
        """Run the model, and return the outputs that the recipe names."""
        torch = import_torch()
        torch.manual_seed(seed)
        found = tensors(self.loaded.model(**inputs))
        missing = [name for name in self.recipe.outputs if name not in found]
        if missing:
            raise CheckFailed(f"The model returned no {missing[0]}.")
        return {name: found[name] for name in self.recipe.outputs} if self.recipe.outputs else found

    @property
    def first(self) -> Outputs:
        """The outputs for the first sample."""
        return self.outputs[0]


_REFUSALS = (TypeError, ValueError, LookupError, AttributeError, RuntimeError)
"""What models raise for inputs that they do not accept. `NotJudged` and the like are none of them."""
_TEXT = {"input_ids", "attention_mask", "decoder_input_ids", "token_type_ids"}


def run_recipe(loaded: LoadedModel, recipe: Recipe) -> TaskResult:
    """Run all common checks of a recipe."""
    run = Run(loaded, recipe)
    forward = check("forward", lambda: forward_runs(run))
    if forward.status != "passed":
        return TaskResult([forward])
    return TaskResult([forward, *common_checks(run)])


def common_checks(run: Run) -> list[SmokeCheck]:
    """Run the checks that follow a forward pass."""
    checks = [check("labels", lambda: labels_fit(run))] if run.recipe.labels else []
    return [
        *checks,
        check("input-matters", lambda: input_matters(run)),
        check("repeats", lambda: repeats(run)),
        check("batch", lambda: batch_agrees(run)),
    ]


def tensors(output: Any, prefix: str = "") -> dict[str, Any]:
    """Return the tensors of floating-point numbers in a model's output, by name; caches and losses are left out."""
    torch = import_torch()
    if torch.is_tensor(output):
        return {prefix or "output": output} if output.is_floating_point() and output.numel() else {}
    if isinstance(output, Mapping):
        pairs = [(str(name), value) for name, value in output.items()]
    elif isinstance(output, (tuple, list)):
        pairs = [(str(number), value) for number, value in enumerate(output)]
    else:
        return {}
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in ("loss", "past_key_values", "mems", "states", "state", "cache_params"):
            found |= tensors(value, f"{prefix}.{name}" if prefix else name)
    return found


def forward_runs(run: Run) -> str:
    """Check that the outputs for every sample are finite."""
    for outputs in run.outputs:
        if not outputs:
            raise NotJudged(f"{run.name} returned no tensor of floating-point numbers.")
        for name, values in outputs.items():
            check_finite(values, f"numbers in {name}")
    shown = ", ".join(f"{name} {list(values.shape)}" for name, values in list(run.first.items())[:3])
    return f"The outputs of {counted(len(run.outputs), 'input')} are finite: {shown}."


def labels_fit(run: Run) -> str:
    """Check that every output has a label, and every label a name."""
    config = base_model(run.loaded).config
    names, count = config.id2label, next(iter(run.first.values())).shape[-1]
    if sorted(int(number) for number in names) != list(range(count)):
        raise CheckFailed(
            f"The model has {count} outputs, but id2label has {len(names)} names.", "Write id2label into config.json."
        )
    if run.recipe.unique_labels and len(set(names.values())) != len(names):
        raise CheckFailed(
            f"Two labels have the same name: {', '.join(map(str, names.values()))}.", "Correct id2label in config.json."
        )
    shown = ", ".join(str(names[number]) for number in sorted(names)[:MAX_LABELS_SHOWN])
    return f"{counted(len(names), 'label')}: {shown}."


def input_matters(run: Run) -> str:
    """Check that no kind of input is without effect."""
    kinds = list(dict.fromkeys(sample.varied for sample in run.samples[1:]))
    for kind in kinds:
        same = [
            _equal(run.first, outputs)
            for sample, outputs in zip(run.samples, run.outputs, strict=True)
            if sample.varied == kind
        ]
        if all(same):
            raise CheckFailed(
                f"The outputs are exactly the same for {len(same) + 1} different inputs: the {kind} has no effect.",
                "Look for a layer that was lost or filled with zeros.",
            )
    return f"The outputs depend on the {' and the '.join(kinds)}."


def repeats(run: Run) -> str:
    """Check that the same input gives the same outputs again, after others came between."""
    again = run(run.samples[0].inputs)
    for name, values in run.first.items():
        if again[name].shape != values.shape:
            raise CheckFailed(f"The same input gives a different shape of {name} the second time.")
        check_repeat(run, name, values, again[name])
    return "The same input gives the same outputs again."


def check_repeat(run: Run, name: str, first: Any, again: Any) -> None:
    """Fail if two runs of the same input differ by more than batches may."""
    try:
        check_padding(run.loaded, first, again)
    except CheckFailed:
        raise CheckFailed(f"The same input gives a different {name} the second time.") from None


def batch_agrees(run: Run) -> str:
    """Check that inputs give the same in a batch as alone, with padding between texts of different lengths."""
    torch = import_torch()
    if not _equal(run.first, run(run.samples[0].inputs, seed=SEED + 1)):
        raise CheckSkipped("The model draws random numbers, which differ in a batch.")
    batch = _batch(run)
    if batch is None:
        raise CheckSkipped("There is no pad token, so it takes only one text at a time.")
    together, _ = timed(run.loaded, lambda: run(batch))
    compared, details = 0, []
    for name in run.first:
        alone = [outputs[name] for outputs in run.outputs]
        if (
            name in run.recipe.across
            or together[name].shape[:1] != (len(alone),)  # a single number, such as a perplexity, has no batch
            or any(one.shape[:1] != (1,) for one in alone)
        ):
            continue
        pairs = [_overlap(one[0], row) for one, row in zip(alone, together[name], strict=True)]
        if any(one.shape != row.shape for one, row in pairs):
            continue
        compared += 1
        pairs = _most_padded(run, pairs)
        ones, rows = (torch.cat([pair[side].reshape(-1) for pair in pairs]) for side in (0, 1))
        details.append(check_padding(run.loaded, ones, rows))
    if not compared:
        raise CheckSkipped("The outputs of a batch cannot be compared with those of single inputs.")
    return f"{counted(len(run.outputs), 'input')} together and alone: {details[0]}."


def _most_padded(run: Run, pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Keep the shortest text, in which padding shows best, if it has enough numbers to know their spread."""
    lengths = [len(sample.ids) for sample in run.samples]
    short = lengths.index(min(lengths))
    return [pairs[short]] if len(set(lengths)) > 1 and pairs[short][0].numel() >= ENOUGH else pairs


def _overlap(alone: Any, row: Any) -> tuple[Any, Any]:
    """Cut a row of a padded batch to the length of the text alone."""
    if alone.ndim and row.ndim == alone.ndim and row.shape[0] > alone.shape[0] and row.shape[1:] == alone.shape[1:]:
        return alone, row[: alone.shape[0]]
    return alone, row


def _batch(run: Run) -> dict[str, Any] | None:
    torch = import_torch()
    names = run.samples[0].inputs.keys()
    batch = {
        name: torch.cat([sample.inputs[name] for sample in run.samples])
        for name in names
        if name not in ("input_ids", "attention_mask")
    }
    if "input_ids" in names:
        if _pads_nothing(run.loaded):
            return None
        text = pad(run.loaded, [sample.ids for sample in run.samples]).inputs
        batch |= {name: value for name, value in text.items() if name in names}
    return batch


def _pads_nothing(loaded: LoadedModel) -> bool:
    """Return whether neither tokenizer nor config knows a pad token, so that nobody pads for this model."""
    config = base_model(loaded).config
    settings: Sequence[Any] = (loaded.tokenizer, config, config.get_text_config())
    return all(getattr(each, "pad_token_id", None) is None for each in settings)


def _equal(first: Outputs, second: Outputs) -> bool:
    return all(
        name in second and values.shape == second[name].shape and bool((values == second[name]).all())
        for name, values in first.items()
    )
