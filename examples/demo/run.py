"""The demo: train, release, fine-tune, release twice more, load a verified release. `make demo` runs it.

    python examples/demo/run.py

Nothing is simulated: models are trained and released to an embedded Hub in ``.demo/hub``, which stays there for you to
explore. Every run deletes ``.demo`` and creates it again.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from austen import Files

    import hfver
    from hfver.core.results import Loaded, Release

ROOT = Path(__file__).resolve().parents[2]
MARK = ".hfver-demo"
QUESTION = "Tell me about Mr. Darcy."
STARTED = time.perf_counter()


@dataclass(frozen=True)
class Stage:
    """One model that was trained and released, with the time that each took."""

    release: Release
    metrics: dict[str, float]
    train_seconds: float
    release_seconds: float


@dataclass(frozen=True)
class Demo:
    """The Hub, the training data and the folders of one run of the demo."""

    hub: hfver.LocalHub
    files: Files
    work: Path
    quick: bool


def main() -> None:
    """Run the demo and print what happened."""
    parser = argparse.ArgumentParser(
        description="Train, release, fine-tune, release again, and load a verified release."
    )
    parser.add_argument("--dir", type=Path, default=ROOT / ".demo", help="folder to work in; it is deleted first")
    parser.add_argument("--quick", action="store_true", help="train for a few steps only: faster, with worse models")
    given = parser.parse_args()
    folder = given.dir.resolve()
    _create_folder(folder)
    _use_own_caches(folder)
    with _step("Import torch, transformers, datasets and hfver"):
        import austen
        import train

        import hfver
    train.quiet()
    with _step("Split two novels into chapters and questions, a tenth of them held out"):
        files = austen.write(folder / "work" / "data")
    with hfver.LocalHub(folder / "hub") as hub:
        _say(f"An embedded Hub runs on {hub.url}")
        demo = Demo(hub, files, folder / "work", given.quick)
        stages = [_base(demo), _assistant(demo, 1), _assistant(demo, 2)]
        loaded = _load_back(demo)
        answer = _ask(loaded)
    _report(stages, loaded, answer)
    _print_next_steps(folder / "hub")


def _base(demo: Demo) -> Stage:
    import train

    recipe = replace(train.BASE_RECIPE, steps=40) if demo.quick else train.BASE_RECIPE
    out, began = demo.work / "base", time.perf_counter()
    with _step(f"Train demo/base from scratch: {recipe.steps} steps on {_lines(demo.files.chapters)} chapters"):
        metrics = train.train_base(demo.files.chapters, demo.files.chapters_heldout, out, recipe)
    message = "Trained from scratch on Pride and Prejudice and Persuasion."
    return _release(demo, out, "demo/base", metrics, began, message, data=demo.files.chapters)


def _assistant(demo: Demo, number: int) -> Stage:
    """Fine-tune the released base on one novel's questions, or on both novels' questions."""
    import train

    data = demo.files.questions_one_novel if number == 1 else demo.files.questions_both_novels
    recipe = replace(train.ASSISTANT_RECIPE, steps=10) if demo.quick else train.ASSISTANT_RECIPE
    out, began = demo.work / f"assistant-{number}", time.perf_counter()
    with _step(f"Load demo/base@1.0.0 and fine-tune it on {_lines(data)} questions: {recipe.steps} steps"):
        base = _load(demo, "demo/base@1.0.0")
        metrics = train.train_assistant(base.model, base.tokenizer, data, demo.files.questions_heldout, out, recipe)
    message = ("Answers questions on Pride and Prejudice.", "Knows Persuasion as well.")[number - 1]
    return _release(demo, out, "demo/assistant", metrics, began, message, data=data)


def _release(
    demo: Demo,
    folder: Path,
    repo: str,
    metrics: dict[str, float],
    began: float,
    message: str,
    *,
    data: Path,
) -> Stage:
    """Publish a folder as the next version of a repo. hfver compares it with the last one to choose the version."""
    import hfver

    trained = time.perf_counter()
    with _step(f"Release {_short(folder)} to {repo}") as notes:
        release = hfver.release(folder, repo, hub=demo.hub, message=message, datasets=[str(data)], smoke="require")
        notes.append(f"{release.bump or 'first'}: {release.version}, commit {release.commit[:8]}")
    return Stage(release, metrics, trained - began, time.perf_counter() - trained)


def _load_back(demo: Demo) -> Loaded:
    with _step("Load demo/assistant@^1.0: verify every file, run the smoke eval") as notes:
        loaded = _load(demo, "demo/assistant@^1.0", smoke=True)
        notes.append(f"{loaded.release} at {loaded.release.commit[:8]}")
    return loaded


def _load(demo: Demo, ref: str, *, smoke: bool = False) -> Loaded:
    import hfver

    return hfver.load(ref, hub=demo.hub, smoke=smoke)


def _ask(loaded: Loaded) -> str:
    """Ask the loaded model a question, with its own chat template and generation settings."""
    from transformers import set_seed

    set_seed(1)
    chat = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": QUESTION}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    ).to(loaded.model.device)
    written = loaded.model.generate(**chat)[0, chat["input_ids"].shape[1] :]
    return str(loaded.tokenizer.decode(written, skip_special_tokens=True))


def _report(stages: list[Stage], loaded: Loaded, answer: str) -> None:
    """Print the releases and the loaded model as tables, on standard output."""
    from rich.console import Console

    console = Console()
    console = console if console.is_terminal else Console(width=100)
    console.print("\n", _releases(stages), "\n", _loaded(loaded, answer))


def _releases(stages: list[Stage]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title="What was released", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("")
    for stage in stages:
        table.add_column(str(stage.release), justify="right")
    cells = [_cells(stage) for stage in stages]
    for name in cells[0]:
        table.add_row(name, *(each[name] for each in cells))
    return table


def _cells(stage: Stage) -> dict[str, str]:
    release, metrics = stage.release, stage.metrics
    return {
        "commit": release.commit[:12],
        "digest": (release.digest or "").removeprefix("sha256:")[:12],
        "bump": release.bump or "",
        "files": str(len(release.files)),
        "total": _bytes(release.bytes_total),
        "sent": _bytes(release.bytes_sent),
        "smoke eval": release.smoke.in_words if release.smoke else "not run",
        "held-out loss": f"{metrics['eval_loss']:.3f}",
        "perplexity": f"{metrics['eval_perplexity']:.1f}",
        "trained in": f"{stage.train_seconds:.1f} s",
        "released in": f"{stage.release_seconds:.1f} s",
    }


def _loaded(loaded: Loaded, answer: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title="What was loaded", title_justify="left", box=box.SIMPLE, show_header=False, padding=(0, 1))
    release, report = loaded.release, loaded.report
    table.add_row("demo/assistant@^1.0", f"is {release.version}, commit {release.commit}")
    table.add_row(
        "verified",
        f"{len(release.files)} files, {_bytes(release.bytes_total)}, against digest {(release.digest or '')[:19]}",
    )
    if report is not None:
        passed = sum(check.status == "passed" for check in report.checks)
        table.add_row(
            "smoke eval", f"{report.status} on {report.device}: {passed} of {len(report.checks)} checks passed"
        )
        table.add_row("load time", f"{report.load_seconds or 0:.2f} s")
        table.add_row("speed", f"{report.tokens_per_second or 0:.0f} tokens per second")
        table.add_row("peak memory", _bytes(report.peak_memory_bytes or 0))
    table.add_row(QUESTION, answer)
    return table


def _print_next_steps(hub: Path) -> None:
    """Print three commands that work as they are from the repository's root."""
    where = shlex.quote(_short(hub))
    binaries = Path(_short(Path(sys.executable).parent))
    question = f'[{{"role": "user", "content": "{QUESTION}"}}]'
    code = (
        f'import hfver, transformers; m = hfver.load("demo/assistant@^1.0", hub="{_short(hub)}"); '
        'ask = transformers.pipeline("text-generation", model=m.model, tokenizer=m.tokenizer); '
        f'print(ask({question}, return_full_text=False)[0]["generated_text"])'
    )
    print("\nNext steps, from the repository's root:")
    for title, line in (
        ("list its versions", f"{binaries}/hfver versions demo/assistant --hub {where}"),
        ("load it in Python", f"{binaries}/python -c {shlex.quote(code)}"),
        ("serve it", f"{binaries}/hfver hub serve --root {where}"),
    ):
        print(f"\n  # {title}\n  {line}")
    print(f"\n{time.perf_counter() - STARTED:.0f} seconds in total.")


def _create_folder(folder: Path) -> None:
    """Create an empty folder, deleting the one of an earlier run; refuse to delete any other folder."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        sys.exit(f"{folder} was not made by this demo. Move it away, or name another folder with --dir.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def _use_own_caches(folder: Path) -> None:
    """Keep the demo's caches in its own folder, so that it leaves nothing in the user's.

    The commands that are printed at the end do use the user's caches. Files of an earlier demo do no harm there: every
    commit has its own folder, and hfver verifies it against the manifest on this Hub.
    """
    for name in (
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        "HF_DATASETS_CACHE",
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
    ):
        os.environ.pop(name, None)
    os.environ["HF_HOME"] = str(folder / "cache" / "huggingface")
    os.environ["HFVER_CACHE"] = str(folder / "cache" / "hfver")
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # waiting threads sleep: a third of the CPU time on a busy machine


@contextmanager
def _step(title: str) -> Iterator[list[str]]:
    """Announce a step, and afterwards how long it took, with the notes that the block appended."""
    _say(title)
    began, notes = time.perf_counter(), list[str]()
    yield notes
    _say("  " + ", ".join([f"done in {time.perf_counter() - began:.1f} s", *notes]))


def _say(line: str) -> None:
    print(f"[{time.perf_counter() - STARTED:6.1f} s] {line}", file=sys.stderr, flush=True)


def _short(path: Path) -> str:
    """Return a path relative to the repository's root, if it lies inside."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _bytes(number: int) -> str:
    return f"{number / 1e6:.2f} MB" if number >= 1e5 else f"{number / 1e3:.1f} kB"


if __name__ == "__main__":
    main()
