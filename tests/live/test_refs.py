"""Beliefs about branches, tags, commits and pull requests."""

from __future__ import annotations

import json
from pathlib import Path

from tests.live.conftest import Believe
from tests.live.target import PATIENCE, Target, seconds_until
from tests.server.tools import file_line, lfs_line

SOON = f"within {PATIENCE:.0f} s"


def soon(seconds: float | None) -> tuple[str, str]:
    return (SOON if seconds is not None else f"not {SOON}", f"after {seconds:.1f} s" if seconds is not None else "")


def test_refs_show_a_write_soon(target: Target, shared: str, believe: Believe) -> None:
    head = target.head(shared)
    target.branch(shared, "fresh/branch", head)
    found, note = soon(seconds_until(lambda: target.refs(shared)["branches"].get("fresh/branch") == head))
    believe("fresh-branch", "A new branch is listed in refs.", found, SOON, note=note)
    commit = target.commit(shared, file_line("fresh.txt", b"fresh"), branch="fresh/branch")
    found, note = soon(seconds_until(lambda: target.refs(shared)["branches"].get("fresh/branch") == commit))
    believe("fresh-commit", "The refs name a branch's new commit.", found, SOON, note=note)
    assert target.tag(shared, "fresh-tag", commit, "A message").is_success
    found, note = soon(seconds_until(lambda: "fresh-tag" in target.refs(shared)["tags"]))
    believe("fresh-tag", "A new tag is listed in refs.", found, SOON, note=note)
    assert target.send("DELETE", f"/api/models/{shared}/branch/fresh%2Fbranch").is_success
    found, note = soon(seconds_until(lambda: "fresh/branch" not in target.refs(shared)["branches"]))
    believe("fresh-deletion", "A deleted branch is not listed anymore.", found, SOON, note=note)


def test_a_new_repo_is_known_soon(target: Target, believe: Believe) -> None:
    name = target.create("fresh")
    found, note = soon(seconds_until(lambda: target.send("GET", f"/api/models/{name}/refs").status_code == 200))
    believe("fresh-repo", "A new repo can be read by its maker.", found, SOON, note=note)
    believe(
        "first-branch",
        "A new repo has one branch, main, with a commit.",
        sorted(target.refs(name)["branches"]),
        ["main"],
    )
    tree = [item["path"] for item in target.get(f"/api/models/{name}/tree/main")]
    believe("first-files", "The first commit has .gitattributes alone.", tree, [".gitattributes"])


def test_refs_are_listed_by_name_and_kind(target: Target, shared: str, believe: Believe) -> None:
    head = target.head(shared)
    names = ["v2.0.0", "v10.0.0", "v1.0.0"]
    for name in names:
        assert target.tag(shared, f"order-{name}", head).is_success
    seconds_until(lambda: len([tag for tag in target.refs(shared)["tags"] if tag.startswith("order-")]) == 3)
    listed = [tag for tag in target.refs(shared)["tags"] if tag.startswith("order-")]
    believe("tags-complete", "Every tag is listed.", sorted(listed), sorted(f"order-{name}" for name in names))
    by_name = "by name" if listed == sorted(listed) else "in another order"
    believe("tags-order", "Tags are listed by name; hfver depends on no order.", by_name, "by name")


def test_tags_of_the_api(target: Target, shared: str, believe: Believe, tmp_path: Path) -> None:
    commit = target.commit(shared, file_line("tagged.txt", b"tagged"))
    assert target.tag(shared, "api-tag", commit, "The title\n\nAnd a body.").is_success
    seconds_until(lambda: "api-tag" in target.refs(shared)["tags"])
    believe(
        "tag-peeled",
        "Refs name the commit of an annotated tag.",
        target.refs(shared)["tags"]["api-tag"] == commit,
        True,
    )
    resolved = target.get(f"/api/models/{shared}/revision/api-tag?expand=sha")["sha"]
    believe("tag-resolves", "A revision that is a tag resolves to its commit.", resolved == commit, True)
    target.git(shared, tmp_path, "init", "-q")
    target.git(shared, tmp_path, "fetch", "-q", "origin", "refs/tags/api-tag:refs/tags/api-tag")
    kind = target.git(shared, tmp_path, "cat-file", "-t", "api-tag").stdout.strip()
    believe("tag-annotated", "A tag of the API is an annotated tag in git.", kind, "tag")
    message = target.git(shared, tmp_path, "for-each-ref", "--format=%(contents)", "refs/tags/api-tag").stdout.strip()
    believe("tag-message", "A tag of the API keeps its message.", message, "The title\n\nAnd a body.")
    assert target.tag(shared, "bare-tag", commit).is_success
    target.git(shared, tmp_path, "fetch", "-q", "origin", "refs/tags/bare-tag:refs/tags/bare-tag")
    kind = target.git(shared, tmp_path, "cat-file", "-t", "bare-tag").stdout.strip()
    believe("tag-without-message", "A tag without a message is a plain ref to the commit.", kind, "commit")


def test_tags_that_are_refused(target: Target, shared: str, believe: Believe) -> None:
    first = target.head(shared)
    second = target.commit(shared, file_line("twice.txt", b"twice"))
    assert target.tag(shared, "twice", first, "once").is_success
    answers = [target.tag(shared, "twice", commit, "again").status_code for commit in (first, second)]
    believe("tag-twice", "A tag that exists is refused, on the same commit too.", answers, [409, 409])
    believe(
        "tag-not-moved", "A tag that was refused has not moved.", target.refs(shared)["tags"]["twice"] == first, True
    )
    believe("tag-bad-name", "A tag with a bad name is refused.", target.tag(shared, "a..b", first).status_code, 400)
    answer = target.tag(shared, "nowhere", "0" * 40)
    believe("tag-no-commit", "A tag on an unknown commit is refused.", answer.status_code, 404)


def test_a_tag_of_git_is_peeled(target: Target, shared: str, believe: Believe, tmp_path: Path) -> None:
    target.git(shared, tmp_path, "init", "-q")
    target.git(shared, tmp_path, "fetch", "-q", "--depth=1", "origin", "main")
    commit = target.git(shared, tmp_path, "rev-parse", "FETCH_HEAD").stdout.strip()
    target.git(shared, tmp_path, "tag", "-a", "git-tag", "-m", "By git", commit)
    target.git(shared, tmp_path, "push", "-q", "origin", "git-tag")
    seconds_until(lambda: "git-tag" in target.refs(shared)["tags"])
    found = target.refs(shared)["tags"].get("git-tag") == commit
    believe("git-tag-peeled", "Refs name the commit of an annotated tag that git pushed.", found, True)


def test_a_stale_parent_is_refused(target: Target, shared: str, believe: Believe) -> None:
    for branch in ("main", "stale/branch"):
        start = target.head(shared)
        if branch != "main":
            target.branch(shared, branch, start)
        moved = target.commit(shared, file_line(f"moved-{len(branch)}.txt", branch.encode()), branch=branch)
        answer = target.post_commit(shared, file_line("lost.txt"), branch=branch, parent=start)
        kind = branch.partition("/")[0]
        believe(f"stale-parent-{kind}", f"A stale parent on {kind} is refused.", answer.status_code, 412)
        still = target.head(shared, branch) == moved
        believe(f"stale-parent-{kind}-unmoved", f"After that, {kind} is where it was.", still, True)
        accepted = target.post_commit(shared, file_line("kept.txt"), branch=branch, parent=moved).status_code
        believe(f"right-parent-{kind}", f"The right parent on {kind} is accepted.", accepted, 200)


def test_a_pull_request_is_pushed_to_and_merged(target: Target, shared: str, believe: Believe, tmp_path: Path) -> None:
    title, path = "A pull request", f"/api/models/{shared}/discussions"
    answer = target.send("POST", path, json={"title": title, "description": "Text", "pullRequest": True})
    number = answer.json()["num"]
    ref = f"refs/pr/{number}"
    opened = target.get(f"{path}/{number}")
    believe("pull-draft", "A pull request of the API is a draft.", opened["status"], "draft")
    believe("pull-base", "Its base is main.", (opened.get("changes") or {}).get("base"), "refs/heads/main")
    target.git(shared, tmp_path, "init", "-q")
    target.git(shared, tmp_path, "fetch", "-q", "origin", f"{ref}:work", "main")
    target.git(shared, tmp_path, "symbolic-ref", "HEAD", "refs/heads/work")
    target.git(shared, tmp_path, "reset", "-q", "--hard")
    (tmp_path / "pushed.txt").write_text("pushed")
    target.git(shared, tmp_path, "add", "pushed.txt")
    target.git(shared, tmp_path, "commit", "-q", "-m", "Pushed by git")
    pushed = target.git(shared, tmp_path, "push", "-q", "origin", f"work:{ref}", check=False).returncode
    believe("pull-push", "git may push to refs/pr/N.", pushed, 0)
    head = target.git(shared, tmp_path, "rev-parse", "work").stdout.strip()
    listed = seconds_until(lambda: target.refs(shared)["pullRequests"].get(ref) == head)
    believe("pull-ref", "Refs name the head of a pull request.", soon(listed)[0], SOON, note=soon(listed)[1])
    assert target.send("POST", f"{path}/{number}/status", json={"status": "open"}).is_success
    believe("pull-open", "A draft is opened by its status.", target.get(f"{path}/{number}")["status"], "open")
    before = target.head(shared)
    assert target.send("POST", f"{path}/{number}/merge", json={}).is_success
    seconds_until(lambda: target.head(shared) != before)
    target.git(shared, tmp_path, "fetch", "-q", "origin", "main")
    parents = target.git(shared, tmp_path, "log", "-1", "--format=%P", "FETCH_HEAD").stdout.split()
    believe("merge-squash", "A merge is one commit on main, with main as its only parent.", parents == [before], True)
    subject = target.git(shared, tmp_path, "log", "-1", "--format=%s", "FETCH_HEAD").stdout.strip()
    named = title in subject and str(number) in subject
    believe("merge-title", "Its title has the title and the number of the pull request.", named, True, note=subject)
    merged = target.get(f"{path}/{number}")
    believe("merge-status", "Its status is merged.", merged["status"], "merged")
    oid = (merged.get("changes") or {}).get("mergeCommitId")
    believe("merge-commit", "It names the merge commit.", oid == target.head(shared), True)
    still = target.refs(shared)["pullRequests"].get(ref) == head
    believe("merge-ref-stays", "The ref of a merged pull request stays where it was.", still, True)
    everything = target.get(f"{path}?type=pull_request")["discussions"]
    found = any(item["num"] == number for item in everything)
    believe("pulls-of-any-status", "A list of pull requests without a status has merged ones.", found, True)
    asked = target.get(f"{path}?type=pull_request&status=all")["discussions"]
    believe("pulls-status-all", "status=all lists merged ones.", any(item["num"] == number for item in asked), True)


def test_objects_that_only_a_tag_reaches(target: Target, shared: str, believe: Believe, tmp_path: Path) -> None:
    start, content = target.head(shared), b"only a tag reaches this" * 100
    target.branch(shared, "short", start)
    oid = target.upload(shared, content)
    line = lfs_line("only.bin", oid, size=len(content))
    commit = target.commit(shared, line, file_line("only.txt", b"only"), branch="short")
    assert target.tag(shared, "only", commit, "Only this").is_success
    assert target.send("DELETE", f"/api/models/{shared}/branch/short").is_success
    for revision in ("only", commit):
        kind = "tag" if revision == "only" else "commit"
        answer = target.follow(f"/{shared}/resolve/{revision}/only.txt").content
        believe(f"tag-only-{kind}", f"A file that only a tag reaches is served by {kind}.", answer, b"only")
        served = target.follow(f"/{shared}/resolve/{revision}/only.bin").content == content
        believe(f"tag-only-lfs-{kind}", f"An LFS file that only a tag reaches is served by {kind}.", served, True)
    listed = [item["path"] for item in target.get(f"/api/models/{shared}/tree/{commit}")]
    believe("tag-only-tree", "The tree of such a commit is listed.", {"only.bin", "only.txt"} <= set(listed), True)
    target.git(shared, tmp_path, "init", "-q")
    fetched = target.git(shared, tmp_path, "fetch", "-q", "--depth=1", "origin", commit, check=False).returncode
    believe("want-commit", "git may want a commit by its id.", fetched, 0)


def test_git_filters_and_wants_by_id(target: Target, shared: str, believe: Believe, tmp_path: Path) -> None:
    target.commit(shared, file_line("wanted.txt", b"wanted by its id"))
    target.git(shared, tmp_path, "init", "-q")
    target.git(shared, tmp_path, "fetch", "-q", "--depth=1", "--filter=blob:none", "origin", "main")
    listing = target.git(shared, tmp_path, "rev-list", "--objects", "--missing=print", "FETCH_HEAD").stdout.split()
    missing = [word[1:] for word in listing if word.startswith("?")]
    believe("git-filter-none", "git filters blobs.", bool(missing), True, note=f"{len(missing)} left out")
    fetched = target.git(
        shared, tmp_path, "-c", "fetch.negotiationAlgorithm=noop", "fetch", "-q", "--filter=blob:none", "--no-tags",
        "--no-write-fetch-head", "origin", *missing[:3], check=False,
    )  # fmt: skip
    believe("want-blob", "git may want a blob by its id.", fetched.returncode, 0)
    other = tmp_path / "limit"
    other.mkdir()
    target.git(shared, other, "init", "-q")
    limited = target.git(
        shared, other, "fetch", "-q", "--depth=1", "--filter=blob:limit=8k", "origin", "main", check=False
    )
    believe("git-filter-limit", "git filters blobs by size.", limited.returncode, 0)


def test_names_that_are_refused_or_unknown(target: Target, shared: str, believe: Believe) -> None:
    def answer(path: str, **options: str | None) -> str:
        response = target.send("GET", path, **options)
        return f"{response.status_code} {response.headers.get('x-error-code', '')}".strip()

    for name, path, expected in [
        ("error-no-file", f"/{shared}/resolve/main/absent.txt", "404 EntryNotFound"),
        ("error-no-revision", f"/{shared}/resolve/absent/README.md", "404 RevisionNotFound"),
        ("error-no-repo", f"/api/models/{shared}-absent/refs", "404 RepoNotFound"),
        ("error-tree-of-file", f"/api/models/{shared}/tree/main/.gitattributes", "404 EntryNotFound"),
        ("error-no-revision-api", f"/api/models/{shared}/revision/absent", "404 RevisionNotFound"),
    ]:
        believe(name, f"What {path.replace(shared, 'REPO')} answers.", answer(path), expected)
    anonymous = answer(f"/api/models/{shared}/refs", token=None)
    believe("error-anonymous", "Nobody in particular may not know of a private repo.", anonymous, "401 RepoNotFound")
    wrong = target.send("GET", "/api/whoami-v2", token="hf_not_a_token").status_code
    believe("token-unknown", "An unknown token is refused by whoami.", wrong, 401)


def test_what_the_token_is(target: Target, believe: Believe) -> None:
    answer = target.send("GET", "/api/whoami-v2")
    believe("token-whoami", "whoami answers the token of this run.", answer.status_code, 200)
    data = answer.json() if answer.status_code == 200 else {}
    role = ((data.get("auth") or {}).get("accessToken") or {}).get("role")
    believe(
        "token-role", "whoami says what kind of token it is.", role in ("write", "fineGrained"), True, note=str(role)
    )
    spaces = {data.get("name"), *(org.get("name") for org in data.get("orgs") or [])}
    believe("token-namespace", "whoami names the namespace of this run.", target.namespace in spaces, True)
    body = json.dumps({"name": "x", "organization": "huggingface", "type": "model", "visibility": "private"})
    headers = {"content-type": "application/json"}
    foreign = target.send("POST", "/api/repos/create", content=body, headers=headers).status_code
    believe("token-foreign-namespace", "A repo in a foreign namespace is refused.", foreign, 403)
