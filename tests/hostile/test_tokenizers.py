"""Tokenizers and chat templates that loop or grow end a child process, and not hfver."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import transformers

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.smoke_report import SmokeReport
from hfver.errors import BadCheckpoint, HubNotFound, SmokeFailed
from hfver.model.child import Limits
from hfver.model.smoke import run_smoke
from tests.conftest import MakeCheckpoint
from tests.model.smoke import tiny
from tests.model.smoke.test_tasks import install

Attack = Callable[[Path], object]
REPO = "acme/bot"
LOOP = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
EXCEEDS = "(needed more than 1 GiB of memory|did not finish within 3 s)"
"""Which limit is exceeded first depends on the machine."""
BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
DOUBLE = 45
"""Doublings after which one letter would fill 32 TiB."""


def template(source: str) -> Attack:
    return lambda folder: (folder / "chat_template.jinja").write_text(source)


def parts(**changed: Any) -> Attack:
    """Replace parts of a tokenizer.json."""

    def attack(folder: Path) -> None:
        path = folder / "tokenizer.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return attack


def doubling() -> list[dict[str, Any]]:
    return [{"type": "Replace", "pattern": {"String": "e"}, "content": "ee"} for _ in range(DOUBLE)]


def repeating(times: int) -> dict[str, Any]:
    piece = {"Sequence": {"id": "A", "type_id": 0}}
    pair = [piece, {"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": [piece] * times, "pair": pair, "special_tokens": {}}


def growing_token(folder: Path) -> None:
    """Add a token that the normalizer works on while the tokenizer is loaded."""
    path = folder / "tokenizer.json"
    held = json.loads(path.read_text())
    held["normalizer"] = {"type": "Sequence", "normalizers": doubling()}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
    held["added_tokens"].append({"id": 400, "content": "eee", **flags})
    path.write_text(json.dumps(held))


def endless_labels(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"num_labels": 10**9}))


ATTACKS: dict[str, tuple[Attack, str, str]] = {
    "a template that loops": (template(LOOP + tiny.CHATML), "chat-template", "The chat template did not finish within"),
    "a template that fills all memory": (
        template(
            "{% set ns = namespace(x='x' * 1000) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"
        ),
        "chat-template",
        f"The chat template {EXCEEDS}",
    ),
    "a template that renders a huge text": (
        template(tiny.CHATML + "{{ 'x' * 30000000 }}"),
        "chat-template",
        "The chat template gave more than 1,000,000 characters",
    ),
    "a normalizer that grows text": (
        parts(normalizer={"type": "Sequence", "normalizers": doubling()}),
        "tokenizer-round-trip",
        f"Tokenizing a short text {EXCEEDS}",
    ),
    "a decoder that grows text": (
        parts(decoder={"type": "Sequence", "decoders": [BYTES, *doubling()]}),
        "tokenizer-round-trip",
        f"Decoding a few tokens {EXCEEDS}",
    ),
    "a post-processor that repeats": (
        parts(post_processor=repeating(20_000)),
        "tokenizer-round-trip",
        "Tokenizing a short text gave more than 1,000,000 tokens",
    ),
}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hostile work fail sooner than for users."""
    monkeypatch.setattr("hfver.model.runtime.tokenizer_child.WORKING", Limits(cpu=3, wall=200))
    monkeypatch.setattr("hfver.model.runtime.tokenizer_child.MEMORY", 1024**3)


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """Check that no child process is left, whatever the test did."""
    yield
    assert children_of(psutil.Process()) == []


@pytest.fixture
def no_tokenizer_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where this process loads a tokenizer itself."""

    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a tokenizer was loaded outside of the child process")

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", forbidden)


def children_of(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if "_tokenizer_jobs.py" in " ".join(child.cmdline())]


def failures(report: SmokeReport) -> dict[str, str]:
    return {check.name: check.detail for check in report.failures}


@pytest.mark.parametrize("attack", ATTACKS)
def test_smoke_reports_a_failed_check(checkpoint: MakeCheckpoint, no_tokenizer_here: None, attack: str) -> None:
    change, check, message = ATTACKS[attack]
    folder = checkpoint()
    change(folder)
    found = failures(run_smoke(folder, device="cpu"))
    assert re.search(message, found[check])
    assert "Correct it in" in found[check] or "save_pretrained" in found[check]
    assert not any("raised" in detail or "GB" in detail for detail in found.values())


@pytest.mark.more
@pytest.mark.parametrize("attack", ATTACKS)
def test_release_refuses_it(
    checkpoint: MakeCheckpoint, local_hub: LocalHub, no_tokenizer_here: None, attack: str
) -> None:
    change, check, message = ATTACKS[attack]
    folder = checkpoint()
    change(folder)
    with pytest.raises(SmokeFailed, match=f"{check}: {message}"):
        hfver.release(folder, REPO, hub=local_hub, device="cpu")
    with pytest.raises(HubNotFound):
        hfver.versions(REPO, hub=local_hub)


@pytest.mark.more
@pytest.mark.parametrize("attack", ATTACKS)
def test_load_refuses_it_before_the_tokenizer_is_in_this_process(
    checkpoint: MakeCheckpoint, local_hub: LocalHub, no_tokenizer_here: None, attack: str
) -> None:
    change, check, message = ATTACKS[attack]
    folder = checkpoint()
    change(folder)
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    with pytest.raises(SmokeFailed, match=f"{check}: {message}"):
        hfver.load(f"{REPO}@1.0.0", hub=local_hub, device="cpu", smoke=True)


def test_load_gives_the_tokenizer_itself(checkpoint: MakeCheckpoint, local_hub: LocalHub) -> None:
    hfver.release(checkpoint(), REPO, hub=local_hub, smoke="off")
    loaded = hfver.load(f"{REPO}@1.0.0", hub=local_hub, device="cpu", smoke=True)
    assert isinstance(loaded.tokenizer, transformers.PreTrainedTokenizerBase)
    assert loaded.report is not None and loaded.report.status == "passed"


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (growing_token, "loading the tokenizer needed more than 1 GiB of memory"),
        (endless_labels, "reading config.json needed more than 1 GiB of memory"),
        (parts(model={}), "the model cannot be loaded"),
        (parts(post_processor=repeating(0) | {"single": [{"Sequence": {"id": "C"}}]}), "the model cannot be loaded"),
    ],
)
def test_what_cannot_be_loaded_is_a_failed_check(
    checkpoint: MakeCheckpoint, no_tokenizer_here: None, attack: Attack, message: str
) -> None:
    folder = checkpoint()
    attack(folder)
    assert message in failures(run_smoke(folder, device="cpu"))["loads"]


@pytest.mark.more
def test_load_refuses_what_cannot_be_loaded(
    checkpoint: MakeCheckpoint, local_hub: LocalHub, no_tokenizer_here: None
) -> None:
    folder = checkpoint()
    growing_token(folder)
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    with pytest.raises(BadCheckpoint, match="loading the tokenizer needed more than 1 GiB") as caught:
        hfver.load(f"{REPO}@1.0.0", hub=local_hub, device="cpu", smoke=True)
    assert "save_pretrained" in caught.value.hint


def test_after_the_first_failure_nothing_else_is_tried(checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    template(LOOP + tiny.CHATML)(folder)
    report = run_smoke(folder, device="cpu")
    statuses = {check.name: check.status for check in report.checks}
    assert statuses["tokenizer-round-trip"] == "passed"
    assert set(failures(report)) == {"chat-template"}
    assert {statuses[name] for name in ("forward", "loss", "generates", "stops")} == {"skipped"}


@pytest.mark.more
def test_a_task_of_another_package_gets_the_tokenizer_itself_unless_it_failed(
    checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = TASK.replace("MARK", str(tmp_path / "ran"))
    install(tmp_path, monkeypatch, used)
    folder = checkpoint()
    assert run_smoke(folder, device="cpu", pipeline_tag="acme-task").status == "passed"
    assert (tmp_path / "ran").read_text().startswith("[")
    (tmp_path / "ran").unlink()
    template(LOOP + tiny.CHATML)(folder)
    report = run_smoke(folder, device="cpu", pipeline_tag="acme-task")
    assert [check.status for check in report.checks if check.name == "task"] == ["skipped"]
    assert not (tmp_path / "ran").exists()


TASK = """
from pathlib import Path
from hfver.model.smoke import TaskResult
from hfver.model.smoke.check import check

def run(loaded):
    ids = loaded.tokenizer("A text", return_tensors="pt").input_ids
    Path("MARK").write_text(str(ids.tolist()))
    return TaskResult([check("own", lambda: str(ids.shape))])
"""


@pytest.mark.more
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_child_ends_with_its_parent(checkpoint: MakeCheckpoint, sent: signal.Signals) -> None:
    folder = checkpoint()
    template(LOOP + tiny.CHATML)(folder)
    command = [sys.executable, "-m", "hfver", "smoke", str(folder), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        (child,) = wait_for(lambda: [one for one in children_of(psutil.Process(parent.pid)) if is_busy(one)])
        parent.send_signal(sent)
        _, talk = parent.communicate(timeout=60)
    assert parent.returncode
    assert "Traceback" not in talk
    if sent != signal.SIGKILL or sys.platform == "linux":
        wait_for(lambda: not child.is_running())


def is_busy(process: psutil.Process) -> bool:
    """Return whether a child has imported its libraries and works on the template."""
    return bool(process.cpu_times().user > 4)


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 120
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return value


@pytest.mark.more
def test_the_tokenizer_of_every_module_of_a_pipeline_is_tried_first(healthy: dict[str, Path], tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    with tiny.hushed():
        library.SentenceTransformer(str(healthy["encoder"]), device="cpu").save_pretrained(str(tmp_path))
    assert run_smoke(tmp_path, device="cpu").status == "passed"
    (tmp_path / "2_Static").mkdir()
    shutil.copy(healthy["llama"] / "tokenizer.json", tmp_path / "2_Static")
    growing_token(tmp_path / "2_Static")
    found = failures(run_smoke(tmp_path, device="cpu"))
    assert "loading the tokenizer needed more than 1 GiB of memory" in found["loads"]
