"""Beliefs about files, Git-LFS, listings, cards and limits."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from uuid import uuid4

import pytest

from hfver.core.lfs import lfs_attributes
from tests.faults.plain_attributes import LFS
from tests.live.conftest import Believe
from tests.live.target import Target
from tests.server.tools import file_line, lfs_line, sha256

TEXT = b"plain text\n"
BINARY = b"\x00\xff" * 64


@pytest.fixture
def branch(target: Target, shared: str) -> str:
    """A branch that starts with the files of a new repo."""
    name = f"files/{uuid4().hex[:8]}"
    target.branch(shared, name, target.head(shared))
    return name


def attributes(target: Target, repo: str, revision: str) -> str:
    return target.follow(f"/{repo}/raw/{revision}/.gitattributes").text


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        ("bare", "odd.data"),
        ("space", "odd[[:space:]]name.data"),
        ("nested", "in/folder.data"),
        ("suffix", "*.data"),
        ("quoted", '"/odd.data"'),
        ("rooted", "/odd.data"),
    ],
)
def test_the_hub_reads_gitattributes(
    target: Target, shared: str, branch: str, believe: Believe, form: str, rule: str
) -> None:
    path = {"space": "odd name.data", "nested": "in/folder.data"}.get(form, "odd.data")
    text = f"*.safetensors {LFS}\n{rule} {LFS}\n"
    oid = target.upload(shared, form.encode() * 50)
    lines = (file_line(".gitattributes", text.encode()), lfs_line(path, oid, size=len(form) * 50))
    found = attributes(target, shared, target.commit(shared, *lines, branch=branch)).removeprefix(text)
    known = form not in ("quoted", "rooted")
    claim = f"A rule for an LFS file is known in its {form} form, so that nothing is appended."
    believe(f"gitattributes-{form}", claim, found, "" if known else None, embedded=None if known else "")


def test_the_hub_appends_to_gitattributes(target: Target, shared: str, branch: str, believe: Believe) -> None:
    text = f"*.safetensors {LFS}\n"
    paths = ("bare.data", "a blank.data", "in/folder.data")
    oid = target.upload(shared, b"appended" * 50)
    lines = [lfs_line(path, oid, size=400) for path in paths]
    commit = target.commit(shared, file_line(".gitattributes", text.encode()), *lines, branch=branch)
    found = attributes(target, shared, commit)
    believe("gitattributes-kept", "What was sent stays, and rules are appended.", found.startswith(text), True)
    added = sorted(found.removeprefix(text).splitlines())
    expected = sorted(f"{path.replace(' ', '[[:space:]]')} {LFS}" for path in paths)
    believe("gitattributes-form", "The rules are bare paths, with [[:space:]] for a blank.", added, expected)


def modes(target: Target, repo: str, files: dict[str, tuple[int, bytes]], rules: str | None = None) -> dict[str, str]:
    listed = [
        {"path": path, "size": size, "sample": base64.b64encode(sample).decode()}
        for path, (size, sample) in files.items()
    ]
    body = {"files": listed} | ({} if rules is None else {"gitAttributes": rules})
    answer = target.send("POST", f"/api/models/{repo}/preupload/main", json=body)
    answer.raise_for_status()
    return {file["path"]: file["uploadMode"] for file in answer.json()["files"]}


def test_preupload_chooses_where_a_file_goes(target: Target, shared: str, believe: Believe) -> None:
    files = {
        "text.txt": (len(TEXT), TEXT),
        "binary.txt": (len(BINARY), BINARY),
        "tokenizer.json": (11_000_000, b"{}"),
        "empty.txt": (0, b""),
        "model.safetensors": (len(BINARY), BINARY),
    }
    expected = {"text.txt": "regular", "binary.txt": "lfs", "tokenizer.json": "lfs", "empty.txt": "regular"}
    found = modes(target, shared, files)
    for path in files:
        name, wanted = path.partition(".")[0], expected.get(path, "lfs")
        believe(f"preupload-{name}", f"Where preupload sends {path}.", found[path], wanted)
    ruled = modes(target, shared, {"text.odd": (len(TEXT), TEXT)}, f"*.odd {LFS}\n")["text.odd"]
    believe("preupload-rules", "preupload takes the .gitattributes that is sent with it.", ruled, "lfs")
    ours = lfs_attributes(["tokenizer.json", "training notes.txt"]).decode()
    small = {"tokenizer.json": (2, b"{}"), "training notes.txt": (2, b"no")}
    found = modes(target, shared, small, ours)
    believe("preupload-own-rules", "preupload reads the rules that hfver writes.", set(found.values()), {"lfs"})


def test_lfs_files_are_copied_by_their_id(
    target: Target, shared: str, branch: str, believe: Believe, tmp_path: Path
) -> None:
    content = uuid4().bytes * 100
    oid = target.upload(shared, content)
    first = target.commit(shared, lfs_line("first.bin", oid, size=len(content)), branch=branch)
    copied = target.post_commit(shared, lfs_line("second.bin", oid, size=len(content)))
    believe("lfs-copy", "An LFS file is committed to another branch without an upload.", copied.status_code, 200)
    served = target.follow(f"/{shared}/resolve/main/second.bin").content == content
    believe("lfs-copy-content", "It has the same content.", served, True)
    (item,) = (one for one in target.get(f"/api/models/{shared}/tree/{first}") if one["path"] == "first.bin")
    believe("lfs-listed", "A listing names the SHA-256 and the size.", (item["lfs"]["oid"], item["size"]), (oid, 1600))
    believe("xet-hash", "A listing names a Xet hash.", "xetHash" in item, None, embedded=False)
    unknown = target.post_commit(shared, lfs_line("none.bin", "0" * 64, size=10)).status_code
    believe("lfs-unknown", "An object that was not uploaded is refused.", unknown >= 400, True, note=str(unknown))


def test_content_is_served_by_range(target: Target, shared: str, branch: str, believe: Believe) -> None:
    content = uuid4().bytes * 1000
    oid = target.upload(shared, content)
    lines = (lfs_line("ranged.bin", oid, size=len(content)), file_line("ranged.txt", TEXT))
    commit = target.commit(shared, *lines, branch=branch)
    for name, whole in (("bin", content), ("txt", TEXT)):
        path = f"/{shared}/resolve/{commit}/ranged.{name}"
        part = target.follow(path, headers={"range": "bytes=2-5"})
        believe(f"range-{name}", "A range is served alone.", (part.status_code, part.content), (206, whole[2:6]))
        head = target.send("HEAD", path)
        believe(f"commit-header-{name}", "The commit is named.", head.headers.get("x-repo-commit") == commit, True)
        etag = (head.headers.get("x-linked-etag") or head.headers.get("etag", "")).removeprefix("W/").strip('"')
        blob = hashlib.sha1(b"blob %d\x00" % len(whole) + whole, usedforsecurity=False).hexdigest()
        wanted = sha256(whole) if name == "bin" else blob
        believe(f"etag-{name}", "The ETag is the SHA-256 of an LFS file, else the blob.", etag == wanted, True)
    moved = target.send("GET", f"/{shared}/resolve/{commit}/ranged.bin").headers.get("location", "")
    away = bool(moved) and "://" in moved and not moved.startswith(target.endpoint)
    believe("content-host", "LFS content comes from another host.", away, True, embedded=False)


def test_listings_have_pages(target: Target, shared: str, branch: str, believe: Believe) -> None:
    count = 1100
    commit = target.commit(
        shared, *(file_line(f"many/{number:04}.txt", b"x") for number in range(count)), branch=branch
    )
    path, pages, found = f"/api/models/{shared}/tree/{commit}?recursive=true", 0, set()
    while path:
        answer = target.send("GET", path)
        pages += 1
        found |= {item["path"] for item in answer.json() if item["path"].startswith("many/") and item["type"] == "file"}
        path = answer.links.get("next", {}).get("url", "")
    believe("listing-complete", "The pages of a listing have every file.", len(found), count)
    believe("listing-pages", "A long listing has pages, with a Link header.", pages > 1, True, note=f"{pages} pages")


CARDS = {
    "plain": ("license: apache-2.0", True),
    "other": ("license: other\nlicense_name: our-own\nlicense_link: LICENSE", True),
    "tags-no-list": ("tags: {a: b}", False),
    "license-unknown": ("license: proprietary", False),
    "not-yaml": ("license: [", False),
}


@pytest.mark.parametrize("name", CARDS)
def test_cards_are_judged(target: Target, believe: Believe, name: str) -> None:
    front, accepted = CARDS[name]
    body = {"repoType": "model", "content": f"---\n{front}\n---\n# Title\n"}
    answer = target.send("POST", "/api/validate-yaml", json=body)
    claim, found, note = f"Whether {front!r} is accepted.", answer.status_code == 200, answer.text[:200]
    believe(f"card-{name}", claim, found, accepted, note=note)


def test_limits(target: Target, shared: str, believe: Believe) -> None:
    path = f"/api/models/{shared}/discussions"
    for name, title, text, accepted in [
        ("title-200", "t" * 200, "x", True),
        ("title-201", "t" * 201, "x", False),
        ("text-65536", "title", "x" * 65_536, True),
        ("text-65537", "title", "x" * 65_537, False),
    ]:
        body = {"title": title, "description": text, "pullRequest": False}
        answer = target.send("POST", path, json=body)
        believe(f"limit-{name}", "Whether a discussion of that size is accepted.", answer.is_success, accepted)
    limits = sorted(name for name in answer.headers if "ratelimit" in name.lower())
    believe("rate-limit-headers", "An answer says what is left of the rate limit.", bool(limits), True, embedded=False)
    outside = target.post_commit(shared, file_line("../outside.txt")).status_code
    believe("path-outside", "A path that leads out is refused.", outside >= 400, True, note=str(outside))


def test_a_moved_repo_answers_by_its_old_name(target: Target, believe: Believe, tmp_path: Path) -> None:
    old, new = target.create("move"), target.name("moved")
    target.commit(old, file_line("note.txt", TEXT))
    target.api.move_repo(old, new)
    found = target.send("GET", f"/api/models/{old}/refs").status_code
    believe("moved-api", "The API redirects from the old name.", found in (301, 302, 307, 308), True, note=str(found))
    resolve = target.send("GET", f"/{old}/resolve/main/note.txt").status_code
    believe("moved-resolve", "Files redirect, too.", resolve in (301, 302, 307, 308), True, note=str(resolve))
    final = target.follow(f"/api/models/{old}?expand=sha").json()["id"]
    believe("moved-name", "What it leads to has the new name.", final == new, True)
    target.git(old, tmp_path, "init", "-q")
    door = target.send("GET", f"/{old}/info/refs?service=git-upload-pack").status_code
    believe("moved-git", "git is redirected, too.", door in (301, 302, 307, 308), True, note=str(door))
    followed = target.git(old, tmp_path, "-c", "http.followRedirects=false", "ls-remote", "origin", check=False)
    believe("moved-git-refused", "So git that follows no redirect fails.", followed.returncode != 0, True)
