"""Convert pickled weights to safetensors, without ever unpickling in this process.

The child process that reads a pickle gets no token from the environment, limits on memory and time, and
``weights_only``: the unpickler that builds tensors and calls nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hfver.core.disk import check_space, shares_blocks, writing
from hfver.core.progress import Progress, silent
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.exclusions import is_model_weights
from hfver.model.checkpoint.shards import MAX_INDEX
from hfver.model.checkpoint.untrusted_files import held_still, read_object, shown, stat_regular
from hfver.model.checkpoint.walk import FileOnDisk, FolderWalk, find_pickles, walk_folder

_NAME = re.compile(r"(?:pytorch_)?(?P<stem>(?:adapter_)?model(?:[.-].+)?)\.(?:bin|pt|pth)")
_SHARD = re.compile(r"(?P<series>.+)-\d+-of-\d+")
_KEPT_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "SYSTEMROOT")
ELSEWHERE = "choose a folder on a different disk (TMPDIR, or the one that you name)"
_HINT = "If you trust it, load it where it was made and save it again: model.save_pretrained(DIR)"


@dataclass(frozen=True)
class _Conversion:
    """One pickle to convert: its path, and the path of the safetensors file that it becomes."""

    source: str
    target: str


def convert_pickles(directory: Path, output: Path, *, progress: Progress = silent) -> Path:
    """Make a copy of a checkpoint folder whose pickled weights are safetensors.

    Shards stay shards and get an index of their own. Weights that are already there as safetensors are copied. The
    folder itself is never changed, and ``output`` appears only when it is complete.

    Args:
        directory: The checkpoint folder.
        output: Where to write: a new or an empty folder that is not inside ``directory``.
        progress: Called after each pickle with the number of bytes that are done.

    Returns:
        ``output``, or ``directory`` itself if nothing in it needs converting.

    Raises:
        BadCheckpoint: A pickle holds more than tensors, is broken, or takes too much memory or time.
        DiskError: There is no room for the copy, or it cannot be written.
    """
    walk = find_pickles(walk_folder(directory))
    conversions = _plan(walk)
    if not conversions:
        return directory
    _check_indexes(walk, conversions)
    _check_output(directory, output)
    with writing(output, elsewhere=ELSEWHERE):
        output.parent.mkdir(parents=True, exist_ok=True)
        _check_space(walk, conversions, output)
        return _convert_into(walk, conversions, output, progress)


def _check_space(walk: FolderWalk, conversions: Iterable[_Conversion], output: Path) -> None:
    """Check that there is room for the copy. Tensors take as much room in safetensors as in a pickle."""
    sizes = [walk.pickles[conversion.source].stamp.size for conversion in conversions]
    others = [file for file in walk.files.values() if file.stamp.size]
    if others and not shares_blocks(others[0].path, output.parent):
        sizes += [file.stamp.size for file in others]
    check_space(
        output.parent, sum(sizes), largest=max(sizes, default=0), elsewhere=ELSEWHERE, what="the converted checkpoint"
    )


def _convert_into(walk: FolderWalk, conversions: list[_Conversion], output: Path, progress: Progress) -> Path:
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".hfver-convert-") as temporary:
        inner = Path(temporary) / "checkpoint"
        inner.mkdir()
        _copy_others(walk, inner)
        held = _convert_all(walk, conversions, inner, progress)
        _write_indexes(conversions, held, inner)
        inner.replace(output)
    return output


def _plan(walk: FolderWalk) -> list[_Conversion]:
    safe = {_folder(path) for path in walk.files if path.endswith(".safetensors")}
    conversions = [
        _Conversion(path, _target(path))
        for path in sorted(walk.pickles)
        if is_model_weights(PurePosixPath(path).name) and _folder(path) not in safe
    ]
    targets: dict[str, str] = {}
    for conversion in conversions:
        if (twin := targets.setdefault(conversion.target, conversion.source)) != conversion.source:
            raise BadCheckpoint(
                f"{shown(walk.directory / twin)} and {shown(conversion.source)} would both become {conversion.target}.",
                "Keep the one that holds the weights.",
            )
    return conversions


def _target(path: str) -> str:
    pure = PurePosixPath(path)
    match = _NAME.fullmatch(pure.name)
    return str(pure.parent / f"{match['stem'] if match else pure.stem}.safetensors")


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _check_output(directory: Path, output: Path) -> None:
    if output.resolve().is_relative_to(directory.resolve()):
        raise BadCheckpoint(f"{shown(output)} is inside the folder to convert.", "Name a folder outside of it.")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise BadCheckpoint(f"{shown(output)} already exists.", "Name a new folder.")


def _copy_others(walk: FolderWalk, output: Path) -> None:
    state = walk.directory / "trainer_state.json"  # excluded from a release, but the lineage is read from it
    extra = {state.name: FileOnDisk(state, stat_regular(state))} if state.is_file() else {}
    for path, file in {**walk.files, **walk.documents, **extra}.items():
        _copy(file, output / path)


def _copy(file: FileOnDisk, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with held_still(file.path, file.stamp) as stream, target.open("wb") as copy:
        try:
            # Shares the blocks where the file system can.
            while os.copy_file_range(stream.fileno(), copy.fileno(), 2**30):
                pass
        except (OSError, AttributeError):
            stream.seek(0)
            copy.seek(0)
            shutil.copyfileobj(stream, copy, 2**22)


def _convert_all(
    walk: FolderWalk, conversions: Iterable[_Conversion], output: Path, progress: Progress
) -> dict[str, dict[str, int]]:
    sizes = {conversion.source: walk.pickles[conversion.source].stamp.size for conversion in conversions}
    held, done = {}, 0
    for conversion in conversions:
        (output / conversion.target).parent.mkdir(parents=True, exist_ok=True)
        held[conversion.target] = _run_child(
            walk.pickles[conversion.source], output / conversion.target, _model_facts(walk, conversion)
        )
        done += sizes[conversion.source]
        progress("converting", done, sum(sizes.values()))
    return held


def _model_facts(walk: FolderWalk, conversion: _Conversion) -> dict[str, Any]:
    # A component of a pipeline has a config of its own.
    beside = str(PurePosixPath(conversion.source).with_name("config.json"))
    file = walk.files.get(beside) or walk.files.get("config.json")
    config = read_object(file.path, file.stamp) if file else {}
    names, model_type = config.get("architectures"), config.get("model_type")
    return {
        "architectures": [name for name in names if isinstance(name, str)] if isinstance(names, list) else [],
        "model_type": model_type if isinstance(model_type, str) else None,
        "tie_word_embeddings": config.get("tie_word_embeddings"),
    }


def _run_child(file: FileOnDisk, target: Path, model: Mapping[str, Any]) -> dict[str, int]:
    size = file.stamp.size
    # A mapped pickle and one copy of its tensors; PyTorch alone takes about one gigabyte.
    memory = 3 * size + 4 * 2**30
    request = {"source": str(file.path), "target": str(target), "memory": memory, **model}
    with held_still(file.path, file.stamp):
        answer = _ask(json.dumps(request), 180 + size / 5e6, file.path)
    if isinstance(number := answer.get("errno"), int) and number > 0:
        raise OSError(number, os.strerror(number), str(target))
    if "error" in answer:
        raise BadCheckpoint(f"{shown(file.path)} {answer['error']}.", _HINT)
    tensors: dict[str, int] = answer["tensors"]
    return tensors


def _ask(request: str, timeout: float, source: Path) -> dict[str, Any]:
    command = [sys.executable, "-I", "-W", "ignore", str(Path(__file__).with_name("_convert_child.py"))]
    try:
        child = subprocess.run(
            command,
            input=request,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=_environment(),
            check=False,
        )
        answer = json.loads(child.stdout)
    except subprocess.TimeoutExpired:
        raise BadCheckpoint(f"{shown(source)} took more than {timeout:.0f} s to convert.", _HINT) from None
    except ValueError:
        # No answer: the kernel killed the process for its memory, or a broken file crashed it.
        how = f"the process ended with {child.returncode}"
        raise BadCheckpoint(f"{shown(source)} could not be converted: {how}.", _HINT) from None
    return answer if isinstance(answer, dict) else {"error": "gave no answer"}


def _environment() -> dict[str, str]:
    # No tokens; and nothing like TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD, which would switch the protection off.
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return {**kept, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}


def _series(conversions: Iterable[_Conversion]) -> dict[str, list[_Conversion]]:
    found: dict[str, list[_Conversion]] = {}
    for conversion in conversions:
        if match := _SHARD.fullmatch(conversion.target.removesuffix(".safetensors")):
            found.setdefault(match["series"], []).append(conversion)
    return found


def _check_indexes(walk: FolderWalk, conversions: Iterable[_Conversion]) -> None:
    """Check shards against the index they came with; without it, nobody would notice a missing one."""
    for shards in _series(conversions).values():
        match = _SHARD.fullmatch(shards[0].source.removesuffix(".bin"))
        path = walk.directory / f"{match['series'] if match else ''}.bin.index.json"
        if not path.is_file():
            raise BadCheckpoint(f"{shown(path)} is missing; it lists what is in the shards.", _HINT)
        weight_map = read_object(path, stat_regular(path), MAX_INDEX).get("weight_map")
        named = {str(name) for name in weight_map.values()} if isinstance(weight_map, dict) else set()
        if named != {PurePosixPath(conversion.source).name for conversion in shards}:
            raise BadCheckpoint(f"{shown(path)} does not agree with the shards beside it.", _HINT)


def _write_indexes(conversions: Iterable[_Conversion], held: Mapping[str, Mapping[str, int]], output: Path) -> None:
    for series, shards in _series(conversions).items():
        weight_map = {
            tensor: PurePosixPath(conversion.target).name for conversion in shards for tensor in held[conversion.target]
        }
        total = sum(size for conversion in shards for size in held[conversion.target].values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        path = output / f"{series}.safetensors.index.json"
        path.write_text(json.dumps(index, indent=2) + "\n")
