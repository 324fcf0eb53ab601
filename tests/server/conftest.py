"""A Hub for each test, and real clients that talk to it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certifi
import httpx
import huggingface_hub.constants
import pytest
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars

from hfver.server import EmbeddedHub

from .tools import REPO

HERE = Path(__file__).parent
_ROOM = 2 * 2**30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore a deprecation warning of the client itself: it passes ``data=`` to httpx2 when it sends an LFS file."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning"))


@pytest.fixture(scope="session", autouse=True)
def client_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the client away from the user's own cache and token, and from Xet."""
    home = tmp_path_factory.mktemp("hf-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(home))
        patch.setenv("HF_HUB_DISABLE_XET", "1")
        patch.setenv("SSL_CERT_FILE", str(_one_authority(home)))
        patch.delenv("HF_TOKEN", raising=False)
        patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(home / "hub"))
        patch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(home / "token"))
        disable_progress_bars()
        yield home


def _one_authority(home: Path) -> Path:
    """Trust a single certificate authority: httpx reads the whole list for each client, and all is plain HTTP here."""
    end = "-----END CERTIFICATE-----\n"
    path = home / "authority.pem"
    path.write_text(certifi.contents().partition(end)[0] + end)
    return path


@pytest.fixture
def hub_root(tmp_path: Path) -> Iterator[Path]:
    """The folder of a test's Hub, in memory if there is room, because every test starts with dozens of fsyncs."""
    memory = Path("/dev/shm")  # noqa: S108
    if not memory.is_dir() or shutil.disk_usage(memory).free < _ROOM:
        yield tmp_path / "hub"
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="hfver-test-") as folder:
        yield Path(folder) / "hub"


@pytest.fixture
def hub(hub_root: Path) -> Iterator[EmbeddedHub]:
    """Run an empty Hub with two users."""
    with EmbeddedHub(hub_root, users={"ann": "ann-token", "bob": "bob-token"}) as running:
        yield running


@pytest.fixture
def api(hub: EmbeddedHub) -> HfApi:
    """The client, as the Hub's owner."""
    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture
def repo(api: HfApi) -> str:
    """A new model repo."""
    api.create_repo(REPO)
    return REPO


@pytest.fixture
def http(hub: EmbeddedHub) -> Iterator[httpx.Client]:
    """Plain HTTP as the owner, for requests that no client would send."""
    headers = {"Authorization": f"Bearer {hub.token}"}
    with httpx.Client(base_url=hub.url, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture
def anonymous(hub: EmbeddedHub) -> Iterator[httpx.Client]:
    """Plain HTTP without credentials."""
    with httpx.Client(base_url=hub.url, timeout=20) as client:
        yield client
