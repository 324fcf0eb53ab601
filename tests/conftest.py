"""What all tests share: a machine of their own, small real checkpoints, and a real Hub."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import made
from tests.made import MakeOnce, make_once_in
from tests.tiers import FIFTHS, fifth_of

# A slow machine is no failure. CI takes the same examples every time, so that a run says something of the change;
# people's runs look for new ones.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# Before huggingface_hub is imported: it reads its folders once. Nobody's own cache or token is touched.
_HOME = tempfile.mkdtemp(prefix="hfver-tests-")
os.environ.update(
    HF_HOME=f"{_HOME}/huggingface",
    HFVER_CACHE=f"{_HOME}/hfver",
    XDG_CONFIG_HOME=f"{_HOME}/config",
    HF_HUB_DISABLE_TELEMETRY="1",
)
LIVE = {name: os.environ[name] for name in ("HF_TOKEN", "HF_ENDPOINT") if name in os.environ}
LIVE |= {name: os.environ.pop(name) for name in ("HFVER_LIVE_NAMESPACE", "HFVER_LIVE_REPORT") if name in os.environ}
"""What tests/live needs of the environment; all other tests must not see a person's token."""
for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
    os.environ.pop(name, None)
os.environ.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0")

MakeCheckpoint = Callable[..., Path]


COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""Every test that was found, before any was deselected."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fifth", type=int, choices=range(1, FIFTHS + 1), help="of the tests marked more, run a fifth")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[COLLECTED] = list(items)
    if number := config.getoption("--fifth"):
        more = [item for item in items if item.get_closest_marker("more")]
        left_out = set(more) - set(fifth_of(more, number))
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Make a folder once per run of the tests, whichever process of pytest-xdist asks first."""
    folder = tmp_path_factory.getbasetemp()
    return make_once_in((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "made-once")


@pytest.fixture(scope="session")
def healthy(make_once: MakeOnce) -> dict[str, Path]:
    """Folders of healthy tiny models by name; tests copy one before they change it."""
    root = make_once("healthy", made.healthy_models)
    return {folder.name: folder for folder in root.iterdir()}


@pytest.fixture(scope="session")
def chat_model(healthy: dict[str, Path]) -> Path:
    """A tiny trained Llama with a byte tokenizer and a chat template, as save_pretrained wrote it."""
    return healthy["llama"]


@pytest.fixture
def checkpoint(chat_model: Path, tmp_path: Path) -> MakeCheckpoint:
    """Copy the tiny model, with the weights moved by a seed, and a tensor added on demand."""

    def make(seed: int = 0, *, extra: bool = False, name: str | None = None) -> Path:
        folder = Path(shutil.copytree(chat_model, tmp_path / (name or f"checkpoint-{seed}{'x' if extra else ''}")))
        if seed or extra:
            move_weights(folder, seed, extra=extra)
        return folder

    return make


def move_weights(folder: Path, seed: int, *, extra: bool = False) -> None:
    """Nudge every weight of a checkpoint a little, so that it still works and no digest stays."""
    import torch
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(seed)
    tensors = load_file(folder / "model.safetensors")
    moved = {name: value + 1e-4 * torch.randn(value.shape, generator=generator) for name, value in tensors.items()}
    if extra:
        moved["extra.weight"] = torch.ones(2, 2)
    save_file(moved, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Note every request that the HTTP library really sends, by method and path."""
    from huggingface_hub.utils import get_session

    sent: list[str] = []
    client: Any = get_session()
    hook = lambda request: sent.append(f"{request.method} {request.url.path}")  # noqa: E731
    client.event_hooks["request"].append(hook)
    yield sent
    client.event_hooks["request"].remove(hook)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    from tests.model.smoke.rates import write_rates

    write_rates(terminalreporter)
