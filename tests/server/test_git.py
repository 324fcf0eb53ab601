"""git and git-lfs against the Hub."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub

from .tools import REPO, git, head_of, lfs_oid, sha256, write

DATA = os.urandom(700_000)
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 63}1\nsize 5\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with git's and git-lfs's configuration."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = n\nemail = n@example.com\n[init]\ndefaultBranch = main\n")
    git("lfs", "install", cwd=home)
    return home


def _address(hub: EmbeddedHub, repo: str = REPO, token: str | None = None) -> str:
    return f"http://user:{token or hub.token}@{hub.url.removeprefix('http://')}/{repo}"


def _clone(hub: EmbeddedHub, home: Path, name: str = "clone", *options: str, **kwargs: str) -> Path:
    git("clone", "-q", *options, _address(hub, **kwargs), name, cwd=home)
    return home / name


def _commit(clone: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (clone / path).write_bytes(data)
    git("add", "-A", cwd=clone, HOME=str(clone.parent))
    git("commit", "-qm", "by git", cwd=clone, HOME=str(clone.parent))


def test_clone_and_push_transfer_the_contents(
    hub: EmbeddedHub, api: HfApi, repo: str, home: Path, tmp_path: Path
) -> None:
    write(api, {"w.safetensors": DATA, "t.txt": b"text"})
    clone = _clone(hub, home)
    assert (clone / "w.safetensors").read_bytes() == DATA
    assert "w.safetensors" in git("lfs", "ls-files", cwd=clone).stdout
    _commit(clone, {"more.safetensors": DATA[::-1], "t.txt": b"changed"})
    git("tag", "-am", "one", "v1", cwd=clone, HOME=str(home))
    git("push", "-q", "origin", "main", "v1", cwd=clone, HOME=str(home))
    assert head_of(api) == git("rev-parse", "HEAD", cwd=clone).stdout.strip()
    path = api.hf_hub_download(repo, "more.safetensors", revision="v1", cache_dir=tmp_path / "cache")
    assert Path(path).read_bytes() == DATA[::-1]
    (info,) = api.get_paths_info(repo, ["more.safetensors"])
    assert lfs_oid(info) == sha256(DATA[::-1])


@pytest.mark.parametrize("suffix", ["", ".git"])
def test_partial_and_shallow_clones_work(hub: EmbeddedHub, api: HfApi, repo: str, home: Path, suffix: str) -> None:
    write(api, {"t.txt": b"text"})
    git("clone", "-q", "--filter=blob:none", "--no-checkout", _address(hub) + suffix, "partial", cwd=home)
    assert git("cat-file", "-p", "HEAD:t.txt", cwd=home / "partial").stdout == "text"
    git("clone", "-q", "--depth=1", _address(hub) + suffix, "shallow", cwd=home)
    assert git("rev-list", "--count", "HEAD", cwd=home / "shallow").stdout == "1\n"


def test_a_large_push_arrives_complete(hub: EmbeddedHub, api: HfApi, repo: str, home: Path) -> None:
    clone = _clone(hub, home)
    _commit(clone, {f"{number}.txt": os.urandom(400_000).hex().encode() for number in range(10)})
    git("push", "-q", "origin", "main", cwd=clone, HOME=str(home))
    assert len(api.list_repo_files(repo)) == 11
    second = _clone(hub, home, "second")
    assert (second / "3.txt").read_bytes() == (clone / "3.txt").read_bytes()


@pytest.mark.parametrize(
    ("files", "complaint"),
    [({"p.txt": POINTER.encode()}, "is missing"), ({"big.txt": b"x" * (10 * 2**20 + 1)}, "larger than 10 MiB")],
)
def test_a_push_that_nobody_could_check_out_is_refused(
    hub: EmbeddedHub, api: HfApi, repo: str, home: Path, files: dict[str, bytes], complaint: str
) -> None:
    clone, before = _clone(hub, home), head_of(api)
    _commit(clone, files)
    done = git("push", "--no-verify", "origin", "main", cwd=clone, HOME=str(home), check=False)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert head_of(api) == before


def test_refs_of_other_families_cannot_be_pushed(hub: EmbeddedHub, repo: str, home: Path) -> None:
    clone = _clone(hub, home)
    for name in ("refs/foo/x", "refs/convert/parquet", f"refs/heads/{'a' * 40}"):
        done = git("push", "origin", f"HEAD:{name}", cwd=clone, HOME=str(home), check=False)
        assert "only branches, tags and pull requests" in done.stderr
    assert git("push", "origin", "--delete", "main", cwd=clone, HOME=str(home), check=False).returncode != 0


def test_the_owner_may_force_push_and_move_tags(hub: EmbeddedHub, api: HfApi, repo: str, home: Path) -> None:
    write(api, {"a": b"1"})
    clone = _clone(hub, home)
    git("tag", "v1", cwd=clone)
    git("push", "-q", "origin", "v1", cwd=clone)
    git("reset", "-q", "--hard", "HEAD~", cwd=clone)
    assert git("push", "origin", "main", cwd=clone, check=False).returncode != 0
    git("push", "-qf", "origin", "main", cwd=clone)
    git("tag", "-f", "v1", cwd=clone)
    git("push", "-qf", "origin", "v1", cwd=clone)
    (tag,) = api.list_repo_refs(repo).tags
    assert tag.target_commit == head_of(api) == git("rev-parse", "HEAD", cwd=clone).stdout.strip()


def test_other_users_cannot_push_or_see_private_repos(hub: EmbeddedHub, api: HfApi, repo: str, home: Path) -> None:
    api.create_repo("ann/secret", private=True)
    clone = _clone(hub, home, token="bob-token")
    _commit(clone, {"a": b"1"})
    assert "403" in git("push", "origin", "main", cwd=clone, HOME=str(home), check=False).stderr
    done = git("clone", _address(hub, "ann/secret", "bob-token"), "x", cwd=home, check=False)
    assert "not found" in done.stderr
    anonymous = git("clone", f"{hub.url}/ann/secret", "x", cwd=home, check=False)
    assert "could not read Username" in anonymous.stderr
    git("clone", "-q", f"{hub.url}/{repo}", "open", cwd=home)


def test_pushes_and_api_commits_share_one_history(hub: EmbeddedHub, api: HfApi, repo: str, home: Path) -> None:
    clone = _clone(hub, home)
    write(api, {"api.txt": b"1"})
    _commit(clone, {"git.txt": b"1"})
    assert "rejected" in git("push", "origin", "main", cwd=clone, HOME=str(home), check=False).stderr
    git("pull", "-q", "--rebase", "origin", "main", cwd=clone, HOME=str(home))
    git("push", "-q", "origin", "main", cwd=clone, HOME=str(home))
    write(api, {"after.txt": b"1"})
    assert set(api.list_repo_files(repo)) == {".gitattributes", "api.txt", "git.txt", "after.txt"}
    done = git("fsck", "--strict", cwd=hub.root / "repos" / "models" / f"{REPO}.git")
    assert done.stdout + done.stderr == ""


def test_a_moved_repo_can_still_be_cloned(hub: EmbeddedHub, api: HfApi, repo: str, home: Path) -> None:
    api.move_repo(repo, "demo/moved")
    assert (_clone(hub, home) / ".gitattributes").exists()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "info/refs", 403),
        ("GET", "info/refs?service=git-evil", 403),
        ("GET", "HEAD", 404),
        ("GET", "objects/info/packs", 404),
        ("GET", "config", 404),
        ("POST", "git-upload-archive", 404),
        ("GET", "git-upload-pack", 405),
        ("GET", "info/refs?service=git-upload-pack%00", 403),
        ("POST", "info/lfs/locks/verify", 404),
    ],
)
def test_nothing_else_of_git_is_served(http: httpx.Client, repo: str, method: str, path: str, status: int) -> None:
    assert http.request(method, f"/{REPO}.git/{path}").status_code == status


def test_malformed_git_requests_are_never_a_server_error(http: httpx.Client, repo: str) -> None:
    headers = {"Git-Protocol": "version=2; rm -rf /", "Content-Encoding": "gzip"}
    for service in ("git-upload-pack", "git-receive-pack"):
        for body in (b"", b"\xff" * 100, b"0000", b"ffff", b"0004" * 1000):
            kind = {"Content-Type": f"application/x-{service}-request"}
            assert http.post(f"/{REPO}.git/{service}", content=body, headers=kind).status_code < 500
            assert http.post(f"/{REPO}.git/{service}", content=body, headers=headers | kind).status_code < 500
            assert http.post(f"/{REPO}.git/{service}", content=body).status_code < 500
    assert http.get(f"/api/models/{REPO}/refs").status_code == 200


def test_a_lock_left_by_a_killed_writer_stops_no_push(hub: EmbeddedHub, api: HfApi, repo: str, home: Path) -> None:
    clone = _clone(hub, home)
    _commit(clone, {"t.txt": b"text"})
    lock = hub.root / "repos" / "models" / f"{REPO}.git" / "refs" / "heads" / "main.lock"
    lock.touch()
    git("push", "-q", "origin", "main", cwd=clone, HOME=str(home))
    assert head_of(api) == git("rev-parse", "HEAD", cwd=clone).stdout.strip()
    assert not lock.exists()


OLD_HUB = Path(__file__).parents[1] / "fixtures" / "hub-0.1.0.tar.xz"


@pytest.fixture
def old_hub(tmp_path: Path) -> Path:
    """The folder of a Hub that hfver 0.1.0 made."""
    with tarfile.open(OLD_HUB) as archive:
        # Python has filters since 3.11.4, and 3.12 warns without one.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(tmp_path)  # noqa: S202 - our own archive
    return tmp_path / "hub"


def test_the_folder_of_an_older_version_accepts_pushes(old_hub: Path, home: Path) -> None:
    """Its hook names a module that has moved since."""
    with EmbeddedHub(old_hub) as hub:
        clone = _clone(hub, home, repo="acme/bot")
        _commit(clone, {"pushed.txt": b"new"})
        git("push", "-q", "origin", "main", cwd=clone, HOME=str(home))
        _commit(clone, {"p.txt": POINTER.encode()})
        done = git("push", "--no-verify", "origin", "main", cwd=clone, HOME=str(home), check=False)
        assert "is missing" in done.stderr
        api = HfApi(endpoint=hub.url, token=hub.token)
        assert "pushed.txt" in api.list_repo_files("acme/bot")


def test_version_0_1_can_run_the_hook_of_this_version(hub: EmbeddedHub) -> None:
    """It does not say which module to run, so the hook's default must be the one that 0.1 has."""
    environment = {"PATH": os.environ["PATH"], "HFVER_PYTHON": "echo"}
    hook = hub.root / "hooks" / "pre-receive"
    done = subprocess.run([hook], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "-P -m hfver.server.prereceive\n"
