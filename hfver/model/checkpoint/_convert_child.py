"""The program that converts one pickle to safetensors, in a process of its own (see ``convert.py``).

It imports nothing of hfver and is started with ``-I``, so that neither the checkpoint's folder nor the environment can
slip a module in. It reads one JSON request from standard input and answers with one JSON object on standard output:
``{"tensors": {name: bytes}}`` or ``{"error": reason}``.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
import zipfile
from typing import Any

# Before 2.6 weights_only itself could be made to run code (CVE-2025-32434).
_FIRST_SAFE_TORCH = (2, 6)


class Unfit(Exception):
    """The pickle does not hold plain weights; the message completes a sentence that begins with its path."""


def main() -> None:
    """Answer the request; what libraries print goes to standard error."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    result: dict[str, Any]
    try:
        _limit_memory(request["memory"])
        result = {"tensors": _convert(request)}
    except Unfit as reason:
        result = {"error": str(reason)}
    except MemoryError:
        result = {"error": "needs more memory than a file of its size should"}
    except Exception as error:
        result = {"error": f"cannot be converted: {_first_line(error)}", "errno": _disk_errno(error)}
    with answer:
        json.dump(result, answer)


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _convert(request: dict[str, Any]) -> dict[str, int]:
    _check_magic(request["source"])
    try:
        from safetensors.torch import save_file
    except ImportError:
        raise Unfit("needs PyTorch to be converted; run: pip install 'hfver[torch]'") from None
    tensors = _separate(_load(request["source"]), request)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, request["target"], {"format": "pt"})
    return {name: tensor.nelement() * tensor.element_size() for name, tensor in tensors.items()}


def _load(source: str) -> dict[str, Any]:
    import torch

    version = tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2])
    if version < _FIRST_SAFE_TORCH:
        raise Unfit(f"can be converted safely only with PyTorch 2.6 or newer, and {torch.__version__} is installed")
    try:
        # Files from before PyTorch 1.6 are not zips, and cannot be mapped.
        is_zip = zipfile.is_zipfile(source)
        state = torch.load(source, map_location="cpu", weights_only=True, mmap=True if is_zip else None)
    except MemoryError:
        raise
    except Exception as error:
        raise Unfit(_why_refused(str(error))) from None
    return _plain(state)


def _check_magic(source: str) -> None:
    # A zip, or a pickle of protocol 2 or newer: torch.save never wrote anything else.
    with open(source, "rb") as stream:  # noqa: PTH123
        if not stream.read(4).startswith((b"PK\x03\x04", b"\x80")):
            raise Unfit("is not a file that torch.save wrote")


def _why_refused(message: str) -> str:
    asked = re.search(r"GLOBAL (\S+)", message)
    if asked:
        return f"asks to run {asked[1][:120]} while it is loaded"
    if message.startswith("Weights only load failed"):
        # PyTorch's message goes on to recommend loading it without the protection.
        return "holds more than tensors"
    return f"cannot be loaded as plain weights: {(message.strip() or 'it is broken').splitlines()[0][:200]}"


def _plain(state: Any) -> dict[str, Any]:
    import torch

    if not isinstance(state, dict) or not state:
        raise Unfit("does not hold weights by name")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise Unfit(f"holds {str(name)[:120]!r}, which is not a tensor")
    return {name: value.detach() for name, value in state.items()}


def _separate(state: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Give each tensor memory of its own, which safetensors requires.

    A name that loading ties to another one is dropped, as ``save_pretrained`` does. Any other is copied, because the
    loaded model would otherwise have random numbers there.
    """
    from safetensors.torch import _find_shared_tensors

    for names in _find_shared_tensors(state):
        if len(names) < 2:
            continue
        tied = _tied_names(request)
        spare = sorted(name for name in names if any(re.search(pattern, name) for pattern in tied))
        kept = sorted(names - set(spare)) or [spare.pop(0)]
        for name in spare:
            if _same(state[name], state[kept[0]]):
                del state[name]
            else:
                kept.append(name)
        for name in kept[1:]:
            state[name] = state[name].clone()
    return state


def _same(one: Any, other: Any) -> bool:
    return bool(one.data_ptr() == other.data_ptr() and one.shape == other.shape and one.stride() == other.stride())


def _tied_names(request: dict[str, Any]) -> list[str]:
    """Return patterns for the names that the model's class ties when it is loaded.

    Only names are taken from the folder: no config is built from its values, and none of its code is imported.
    """
    ties = request["tie_word_embeddings"]
    if ties is False:
        return []
    try:
        import transformers
        from transformers import CONFIG_MAPPING, PreTrainedModel
    except ImportError:
        return []
    if ties is None and request["model_type"] in CONFIG_MAPPING:
        ties = getattr(CONFIG_MAPPING[request["model_type"]](), "tie_word_embeddings", False)
    if ties is not True:
        return []
    found = [getattr(transformers, name, None) for name in request["architectures"]]
    classes = [cls for cls in found if isinstance(cls, type) and issubclass(cls, PreTrainedModel)]
    return [pattern for cls in classes for pattern in (cls._tied_weights_keys or ())]


def _disk_errno(error: Exception) -> int:
    """Return the number of an error of the disk; 0 for any other. safetensors has it only in its text."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    number = (error.errno or 0) if isinstance(error, OSError) else int(found[1]) if found else 0
    return number if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS) else 0


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


if __name__ == "__main__":
    main()
