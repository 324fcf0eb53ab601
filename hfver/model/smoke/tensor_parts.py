"""Checks of what is inside tensors: parts that are zeros or copies, norms without effect, adapters without effect."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from hfver.core.plural import counted
from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.check import CheckFailed, CheckSkipped, shorten

MIN_SIDE = 8
"""The fewest rows and columns of a matrix to examine: in smaller ones a line of zeros may well be trained."""
BLOCK = 1 / 8
"""The share of a matrix's rows or columns that, in one block, training does not turn into zeros. Single dead
neurons do become zeros, by weight decay in half precision, but not side by side."""
TABLE_BLOCK = 1 / 4
"""The same for embeddings, of which tokens that were reserved and never trained may be zeros or equal."""
CHUNK = 1 << 24
"""Elements compared in one step."""
EXEMPT = (".default", "prompt", "token_type_embeddings", "relative_attention_bias")


def parts_whole(loaded: LoadedModel) -> str:
    """Check that no block of a matrix is zeros, and that no half or third of it is a copy of another.

    That is what saving from one of several ranks, a file that was not written to its end and a wrong split of fused
    projections leave behind.
    """
    count, problems = 0, []
    for name, matrix, is_table in _matrices(loaded):
        count += 1
        problem = _problem(name, matrix, is_table)
        problems += [f"{name}: {problem}"] if problem else []
    if not count:
        raise CheckSkipped("There is no matrix that is large enough to examine.")
    if problems:
        raise CheckFailed(
            f"{counted(len(problems), 'tensor')} of {count}: {shorten(problems)}.",
            "Save the model again from all ranks, and compare the tensors with those in memory before saving.",
        )
    return f"{count} matrices without blocks of zeros or copied parts."


def norms_work(loaded: LoadedModel) -> str:
    """Check that each norm lets its input through.

    Each is run on two inputs, because some architectures store the weight minus one: zeros are healthy there.
    """
    count, dead = 0, []
    for name, module in loaded.network.named_modules():
        outcome = _lets_through(module)
        count += outcome is not None
        dead += [name] if outcome is False else []
    if not count:
        raise CheckSkipped("There is no norm with weights that can be run alone.")
    if dead:
        raise CheckFailed(
            f"{counted(len(dead), 'norm')} of {count} gives the same for any input: {shorten(dead)}.",
            "Convert or save the norms again: their weights are zeros.",
        )
    return f"{counted(count, 'norm')} let their input through."


def adapter_works(loaded: LoadedModel) -> str:
    """Check that a LoRA adapter changes the model: PEFT starts with zeros in every ``lora_B``."""
    found = [
        tensor for name, tensor in loaded.network.named_parameters() if "lora_B" in name or "lora_embedding_B" in name
    ]
    if not found:
        raise CheckSkipped("There is no LoRA adapter.")
    if not any(bool(tensor.any()) for tensor in found):
        raise CheckFailed(
            f"The adapter does nothing: all {len(found)} lora_B matrices are zeros, as before training.",
            "Train the adapter, or save it from the process that trained it.",
        )
    return f"The adapter changes {len(found)} matrices."


def _matrices(loaded: LoadedModel) -> Iterator[tuple[str, Any, bool]]:
    """Yield name, matrix and whether it is a lookup table, without rows that pad a vocabulary."""
    torch = import_torch()
    tables = {id(part.weight) for part in loaded.network.modules() if isinstance(part, torch.nn.Embedding)}
    vocabulary = {id(weight) for weight in _vocabulary_weights(loaded.network)}
    tokens = len(loaded.tokenizer) if loaded.tokenizer is not None else 0
    for name, tensor in loaded.network.named_parameters():
        if tensor.ndim < 2 or not tensor.is_floating_point() or tensor.is_meta or tensor.element_size() < 2:
            continue
        if any(part in name for part in EXEMPT) or not _is_projection(name):
            continue
        is_table = id(tensor) in tables or id(tensor) in vocabulary
        values = tensor.detach()
        if id(tensor) in vocabulary and 0 < tokens < len(values):
            values = values[:tokens]
        for label, matrix in _as_matrices(name, values):
            if min(matrix.shape) >= MIN_SIDE:
                yield label, matrix, is_table


def _is_projection(name: str) -> bool:
    """Return whether a parameter is a weight, or a stack of experts' projections.

    Others have forms of their own: the first column of a state space model's ``A_log`` is the logarithm of one.
    """
    last = name.rpartition(".")[2]
    return last == "weight" or last.endswith("proj")


def _vocabulary_weights(model: Any) -> list[Any]:
    found = []
    for getter in ("get_input_embeddings", "get_output_embeddings"):
        try:
            found.append(getattr(model, getter)().weight)
        except (AttributeError, NotImplementedError):
            continue
    return found


def _as_matrices(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    """Split a stack of experts into its matrices; flatten kernels of convolutions."""
    if values.ndim == 3 and "expert" in name:
        yield from ((f"{name}[{number}]", matrix) for number, matrix in enumerate(values))
    else:
        yield name, values.reshape(values.shape[0], -1)


def _problem(name: str, matrix: Any, is_table: bool) -> str:
    """Say what is wrong with a matrix; an empty string if nothing is."""
    rows, columns = _zero_lines(matrix)
    share = TABLE_BLOCK if is_table else BLOCK
    if all(rows):
        return ""  # the check of finite weights reports matrices of zeros, and knows which may be
    for kind, lines in (("rows", rows), ("columns", columns)):
        block = _longest_run(lines)
        if block >= share * len(lines):
            return f"{block} of {len(lines)} {kind} side by side are zeros"
    repeats = _repeated_rows(matrix)
    if repeats >= TABLE_BLOCK * len(matrix):
        return f"{repeats} of {len(matrix)} rows are the same as the row before"
    # Keys and values are legitimately copied where grouped heads were expanded.
    if is_table or "k_proj" in name or "v_proj" in name or not _has_copied_part(matrix):
        return ""
    return "one part is an exact copy of another"


def _zero_lines(matrix: Any) -> tuple[list[bool], list[bool]]:
    """Return which rows and which columns are zeros alone."""
    torch = import_torch()
    rows = []
    columns = torch.ones(matrix.shape[1], dtype=torch.bool, device=matrix.device)
    for chunk in matrix.split(max(1, CHUNK // matrix.shape[1])):
        zero = chunk == 0
        rows.append(zero.all(dim=1))
        columns &= zero.all(dim=0)
    return torch.cat(rows).tolist(), columns.tolist()


def _longest_run(lines: list[bool]) -> int:
    longest = run = 0
    for line in lines:
        run = run + 1 if line else 0
        longest = max(longest, run)
    return longest


def _repeated_rows(matrix: Any) -> int:
    """Count rows that equal the row before and are not zeros."""
    step = max(1, CHUNK // matrix.shape[1])
    count = 0
    for start in range(1, len(matrix), step):
        here, before = matrix[start : start + step], matrix[start - 1 : start - 1 + step]
        before = before[: len(here)]
        count += int(((here == before).all(dim=1) & here.any(dim=1)).sum())
    return count


def _has_copied_part(matrix: Any) -> bool:
    """Return whether two halves or two thirds, of the rows or of the columns, are equal."""
    for values in (matrix, matrix.T):
        for parts in (2, 3):
            if len(values) % parts == 0 and _two_are_equal(values.chunk(parts)):
                return True
    return False


def _two_are_equal(parts: Any) -> bool:
    torch = import_torch()
    pairs = [(first, second) for index, first in enumerate(parts) for second in parts[index + 1 :]]
    # The first line settles nearly every pair, so that large matrices are not compared whole.
    return any(
        torch.equal(first[0], second[0]) and bool(first.any()) and torch.equal(first, second) for first, second in pairs
    )


def _lets_through(module: Any) -> bool | None:
    """Return whether the outputs of a norm for two inputs differ; None if it is no norm or cannot be run alone."""
    torch = import_torch()
    weight = getattr(module, "weight", None)
    kind = type(module).__name__
    is_norm = "RMSNorm" in kind or "LayerNorm" in kind
    if not is_norm or not isinstance(weight, torch.Tensor) or weight.ndim != 1 or weight.is_meta:
        return None
    # No random numbers: checks after this one would draw different ones.
    steps = torch.arange(2 * weight.numel(), device=weight.device).reshape(1, 2, -1)
    inputs = torch.sin(steps.float() * math.sqrt(2)).to(weight.dtype)
    try:
        first, second = module(inputs)[0]
    except Exception:  # third-party code: some norms take more arguments, or another layout
        return None
    return not torch.equal(first, second)
