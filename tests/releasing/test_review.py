"""Releases by pull request: opening, updating, merging and finishing one, and everything that may go wrong between."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, DiscussionComment, DiscussionWithDetails, HfApi
from huggingface_hub.errors import HfHubHTTPError

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER, STAGES
from hfver.errors import BadRef, Conflict, HfverError, HubNotFound, Refused, UsageError, VerificationError
from hfver.hub.git import push as pushing
from hfver.hub.session import HubSession
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"


class Killed(BaseException):
    """Stands for a killed process; no handler in the code catches it."""


def release(directory: Path, hub: LocalHub, **options: Any) -> Any:
    return hfver.release(directory, REPO, hub=hub, **({"smoke": "off"} | options))


def propose(directory: Path, hub: LocalHub, **options: Any) -> Any:
    return release(directory, hub, review=True, **options)


def finish(hub: LocalHub, number: int = 1) -> Any:
    return hfver.finish(f"{REPO}#{number}", hub=hub)


def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


def merge(hub: LocalHub, number: int = 1) -> None:
    api(hub).merge_pull_request(REPO, number)


def details(hub: LocalHub, number: int = 1) -> DiscussionWithDetails:
    return api(hub).get_discussion_details(REPO, number)


def comments(hub: LocalHub, number: int = 1) -> list[str]:
    return [event.content for event in details(hub, number).events if isinstance(event, DiscussionComment)]


def message_at(hub: LocalHub, revision: str) -> str:
    commit = api(hub).list_repo_commits(REPO, revision=revision)[0]
    return f"{commit.title}\n\n{commit.message}"


def blobs(hub: LocalHub, revision: str) -> dict[str, str]:
    found: list[Any] = list(api(hub).list_repo_tree(REPO, recursive=True, revision=revision))
    return {item.path: item.blob_id for item in found if hasattr(item, "blob_id")}


def versions(hub: LocalHub) -> list[str | None]:
    return [one.version for one in reversed(hfver.versions(REPO, hub=hub).releases)]


def ledger(hub: LocalHub) -> list[dict[str, Any]]:
    path = api(hub).hf_hub_download(REPO, LEDGER, force_download=True)
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_a_first_release_is_published_by_a_merge(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    asked = propose(checkpoint(1), local_hub, message="For refunds")
    assert (asked.version, asked.published, asked.bump, asked.tag) == ("1.0.0", False, "major", None)
    assert asked.review.url == asked.url == f"{local_hub.url}/{REPO}/discussions/1"
    assert hfver.versions(REPO, hub=local_hub).releases == ()
    seen = details(local_hub)
    assert (seen.status, seen.conflicting_files, seen.title[:25]) == ("open", [], "Release 1.0.0: For refund")
    assert [branch.name for branch in api(local_hub).list_repo_refs(REPO).branches] == ["main"]
    merge(local_hub)
    done = finish(local_hub)
    assert (done.version, done.published, done.commit, done.digest) == ("1.0.0", True, asked.commit, asked.digest)
    assert (hfver.resolve(REPO, hub=local_hub).commit, done.note) == (asked.commit, None)
    assert comments(local_hub)[-1].startswith(f"Published as `{REPO}@1.0.0`, commit `{asked.commit}`")
    assert {**blobs(local_hub, asked.commit), LEDGER: blobs(local_hub, "main")[LEDGER]} == blobs(local_hub, "main")


def test_finishing_again_notes_that_it_is_published(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    propose(checkpoint(1), local_hub)
    merge(local_hub)
    first, again = finish(local_hub), finish(local_hub)
    assert (again.commit, again.note, first.note) == (first.commit, "published already", None)
    assert sum(text.startswith("Published as") for text in comments(local_hub)) == 1
    assert len(ledger(local_hub)) == 1
    assert "already" in release(checkpoint(1, name="same"), local_hub, version="1.0.0").note


def test_a_merge_leaves_the_ledger_and_stages_alone(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    stages = [CommitOperationAdd(STAGES, b"{}\n")]
    api(local_hub).create_commit(REPO, stages, commit_message="stages")
    asked = propose(checkpoint(1), local_hub)
    diff = str(details(local_hub).diff)
    assert "+++ b/VERSION" in diff
    assert LEDGER not in diff
    assert STAGES not in diff
    later = [CommitOperationAdd(STAGES, b'{"production": []}\n')]
    api(local_hub).create_commit(REPO, later, commit_message="promote")
    before = blobs(local_hub, "main")
    merge(local_hub)
    after = blobs(local_hub, "main")
    assert (after[LEDGER], after[STAGES]) == (before[LEDGER], before[STAGES])
    assert versions(local_hub) == ["1.0.0"]
    assert {path: blob for path, blob in after.items() if path not in (LEDGER, STAGES)} == blobs(
        local_hub, asked.commit
    )
    assert finish(local_hub).version == "1.1.0"
    assert versions(local_hub) == ["1.0.0", "1.1.0"]
    assert blobs(local_hub, "main")[STAGES] == before[STAGES]


def test_the_description_has_what_a_reviewer_needs(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    metrics = tmp_path / "metrics.json"
    metrics.write_text('{"mmlu": 0.61}')
    release(checkpoint(), local_hub, metrics=metrics)
    metrics.write_text('{"mmlu": 0.64, "evil|name<!--": 1}')
    folder = checkpoint(1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "no_such|setting": "<b>"}))
    asked = propose(folder, local_hub, metrics=metrics, message="Better at `refunds`", smoke="auto")
    text = comments(local_hub)[0]
    for wanted in (
        f"`{REPO}@2.0.0` would be a **MAJOR** release after `1.0.0`",
        "Better at `refunds`",
        "| Level | Rule | Where | What it means |",
        "of the weights changed (",
        r"`config.json:no_such\|setting` |",
        "| `mmlu` | 0.61 | 0.64 | +0.03 |",
        "**passed** on cpu, float32",
        "| `weights-finite` | passed |",
        f"hfver smoke {REPO}@refs/pr/1",
        f"hfver release --finish {REPO}#1",
        asked.commit,
        asked.digest,
    ):
        assert wanted in text
    assert text.count("<!--") == 1
    assert asked.smoke.status == "passed"
    assert hfver.resolve(f"{REPO}@refs/pr/1", hub=local_hub).commit == asked.commit
    assert hfver.smoke_eval(f"{REPO}@refs/pr/1", hub=local_hub, device="cpu").status == "passed"


def test_the_same_command_again_changes_nothing(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, requests: list[str]
) -> None:
    folder = checkpoint(1)
    first = propose(folder, local_hub)
    requests.clear()
    again = propose(folder, local_hub)
    assert (again.commit, again.review, again.digest) == (first.commit, first.review, first.digest)
    assert "already" in again.note
    assert [request for request in requests if not request.startswith("GET")] == []
    other = propose(folder, local_hub, message="In other words")
    assert (other.review.number, other.commit == first.commit) == (1, False)
    assert "run again" in comments(local_hub)[-1]


def test_an_overtaken_pull_request_is_updated_by_the_same_command(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    release(checkpoint(), local_hub)
    folder = checkpoint(1)
    first = propose(folder, local_hub)
    assert first.version == "1.1.0"
    release(checkpoint(2), local_hub)
    with pytest.raises(HfHubHTTPError, match="conflicts"):
        merge(local_hub)
    with pytest.raises(Refused, match="not merged yet"):
        finish(local_hub)
    second = propose(folder, local_hub)
    assert (second.version, second.review.number, second.bytes_sent) == ("1.2.0", 1, 0)
    assert f"`{REPO}@1.1.0` was published in the meantime" in comments(local_hub)[-1]
    seen = details(local_hub)
    assert (seen.conflicting_files, seen.title.startswith("Release 1.2.0")) == ([], True)
    assert f"`{REPO}@1.2.0` would be" in comments(local_hub)[0]
    assert LEDGER not in str(seen.diff)
    third = propose(folder, local_hub)
    assert (third.commit, "already" in third.note) == (second.commit, True)
    merge(local_hub)
    assert finish(local_hub).commit == second.commit
    assert versions(local_hub) == ["1.0.0", "1.1.0", "1.2.0"]
    audited = hfver.audit(REPO, hub=local_hub)
    assert audited.to_json()["clean"] is True, audited.to_json()
    assert hfver.verify(f"{REPO}@1.2.0", hub=local_hub).evidence == "ledger"
    assert hfver.audit(REPO, hub=local_hub).clean


def test_a_yank_during_a_review_is_kept(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    release(checkpoint(1), local_hub)
    folder = checkpoint(2)
    propose(folder, local_hub)
    hfver.yank(f"{REPO}@1.0.0", reason="It lies.", hub=local_hub)
    if details(local_hub).conflicting_files:  # the card on main names what was yanked
        propose(folder, local_hub)
    merge(local_hub)
    finish(local_hub)
    assert [line["event"] for line in ledger(local_hub)] == ["release", "release", "yank", "release"]
    assert hfver.resolve(f"{REPO}@1.0.0", hub=local_hub).yanked == "It lies."


def test_a_merged_pull_request_has_to_be_finished(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint(1)
    propose(folder, local_hub)
    merge(local_hub)
    with pytest.raises(Refused) as caught:
        propose(folder, local_hub)
    assert f"--finish {REPO}#1" in caught.value.hint
    assert len(list(api(local_hub).get_repo_discussions(REPO))) == 1


def test_a_merged_pull_request_that_was_overtaken_is_opened_again(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    release(checkpoint(), local_hub)
    folder = checkpoint(1)
    propose(folder, local_hub)
    merge(local_hub)
    release(checkpoint(2), local_hub)
    with pytest.raises(Conflict, match=r"as it was reviewed: 1\.1\.0"):
        finish(local_hub)
    again = propose(folder, local_hub)
    assert (again.review.number, again.version) == (2, "1.2.0")
    merge(local_hub, 2)
    assert finish(local_hub, 2).version == "1.2.0"
    assert versions(local_hub) == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_release_beside_an_open_pull_request_is_allowed(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    """An open pull request reserves nothing: the version belongs to whoever publishes first."""
    release(checkpoint(), local_hub)
    one, two = propose(checkpoint(1), local_hub), propose(checkpoint(2), local_hub)
    assert (one.version, two.version, two.review.number) == ("1.1.0", "1.1.0", 2)
    merge(local_hub, 1)
    with pytest.raises(HfHubHTTPError, match="conflicts"):
        merge(local_hub, 2)
    assert finish(local_hub, 1).version == "1.1.0"
    assert propose(checkpoint(2, name="again"), local_hub).review.number == 2
    merge(local_hub, 2)
    assert finish(local_hub, 2).version == "1.2.0"


def test_what_cannot_be_finished(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    client = api(local_hub)
    assert client.create_discussion(REPO, "A question").num == 1
    assert propose(checkpoint(1), local_hub).review.number == 2
    client.change_discussion_status(REPO, 2, "closed")
    by_hand = client.create_commit(
        REPO, [CommitOperationAdd("notes.txt", b"n")], commit_message="By hand", create_pr=True
    )
    merge(local_hub, 3)
    assert by_hand.pr_num == 3
    for number, kind, words in (
        (1, Refused, "not a pull request"),
        (2, Refused, "closed"),
        (3, VerificationError, "notes.txt"),
        (9, HubNotFound, "not found"),
    ):
        with pytest.raises(kind, match=words):
            finish(local_hub, number)
    for text in ("acme/bot", "acme/bot#0", "acme/bot#x", "acme#1"):
        with pytest.raises(BadRef):
            hfver.finish(text, hub=local_hub)
    assert versions(local_hub) == ["1.0.0"]


def test_what_others_push_to_a_pull_request_is_never_released(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    folder = checkpoint(1)
    propose(folder, local_hub)
    added = [CommitOperationAdd("notes.txt", b"Mine now.\n")]
    api(local_hub).create_commit(REPO, added, commit_message="Notes", revision="refs/pr/1")
    with pytest.raises(VerificationError):
        hfver.resolve(f"{REPO}@refs/pr/1", hub=local_hub)
    with pytest.raises(Refused, match="commits that hfver did not make"):
        propose(folder, local_hub, message="Again")
    merge(local_hub)
    with pytest.raises(VerificationError):
        finish(local_hub)
    assert versions(local_hub) == ["1.0.0"]
    assert api(local_hub).list_repo_refs(REPO).tags[0].name == "v1.0.0"


def test_a_ledger_line_that_others_push_to_a_pull_request_is_detected(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    release(checkpoint(), local_hub)
    propose(checkpoint(1), local_hub)
    client = api(local_hub)
    raw = Path(client.hf_hub_download(REPO, LEDGER, revision="refs/pr/1")).read_bytes()
    line = Line(event="yank", repo=REPO, version="1.0.0", reason="x", date=datetime.now(UTC), author="mallory")
    forged = [CommitOperationAdd(LEDGER, Ledger.decode(raw, REPO).append(line).raw)]
    client.create_commit(REPO, forged, commit_message=message_at(local_hub, "refs/pr/1"), revision="refs/pr/1")
    with pytest.raises(VerificationError):
        hfver.resolve(f"{REPO}@refs/pr/1", hub=local_hub)
    merge(local_hub)
    with pytest.raises(VerificationError):
        finish(local_hub)


def test_what_main_must_not_show_is_not_reviewed(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub, version="2.0.0")
    for options in ({"pre": "rc"}, {"version": "1.9.0"}):
        with pytest.raises(UsageError, match="cannot be reviewed"):
            propose(checkpoint(1, name=str(options)), local_hub, **options)
    assert list(api(local_hub).get_repo_discussions(REPO)) == []


def test_a_pull_request_that_was_opened_twice_counts_once(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint(1)
    propose(folder, local_hub)
    twin = api(local_hub).create_pull_request(REPO, details(local_hub).title).num
    assert propose(folder, local_hub).review.number == 1
    assert details(local_hub, twin).status == "closed"


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, number: int) -> Iterator[list[str]]:
    """Kill the process after the Hub received a given write and before its answer arrives; 0 kills before the first."""
    writes: list[str] = []
    request, git = HubSession.request, pushing._Git.__call__

    def counted(name: str, act: Callable[[], Any]) -> Any:
        writes.append(name)
        if len(writes) < number:
            return act()
        if len(writes) == number:
            act()
        raise Killed  # also for every later write, because a killed process does not clean up

    def watched(self: HubSession, method: Any, path: str, what: str, **options: Any) -> Any:
        act: Callable[[], Any] = lambda: request(self, method, path, what, **options)  # noqa: E731
        if method == "GET" or path.endswith(("/objects/batch", "/preupload")):
            return act()
        return counted(f"{method} {path}", act)

    def ran(self: pushing._Git, *arguments: str) -> str:
        act: Callable[[], Any] = lambda: git(self, *arguments)  # noqa: E731
        return str(counted("git push", act) if arguments[0] == "push" else act())

    with monkeypatch.context() as patch:
        patch.setattr(HubSession, "request", watched)
        patch.setattr(pushing._Git, "__call__", ran)
        yield writes


def test_a_review_that_is_killed_anywhere_is_completed_by_the_same_command(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    release(checkpoint(), local_hub)
    folder, number = checkpoint(1), 0
    while True:
        number += 1
        try:
            with killing(monkeypatch, number) as writes:
                propose(folder, local_hub)
        except Killed:
            assert versions(local_hub) == ["1.0.0"]
            again = propose(folder, local_hub)
            assert (again.review.number, details(local_hub, again.review.number).status) == (number, "open")
            assert details(local_hub, again.review.number).conflicting_files == []
            api(local_hub).change_discussion_status(REPO, number, "closed")
        else:
            break
    assert number > len(writes) >= 7
    merge(local_hub, number)
    assert finish(local_hub, number).version == "1.1.0"


def test_a_finish_that_is_killed_anywhere_is_completed_by_the_same_command(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3, 4):
        propose(checkpoint(number), local_hub)
        merge(local_hub, number)
        try:
            with killing(monkeypatch, number) as writes:
                finish(local_hub, number)
        except Killed:
            assert finish(local_hub, number).published
        assert len(versions(local_hub)) == len(ledger(local_hub)) == number
        assert sum(text.startswith("Published as") for text in comments(local_hub, number)) == 1
    assert len(writes) == 3


def test_of_several_processes_that_finish_one_publishes(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    asked = propose(checkpoint(1), local_hub)
    merge(local_hub)
    outcomes: list[Any] = []

    def work() -> None:
        try:
            outcomes.append(finish(local_hub).commit)
        except HfverError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(outcomes) == {asked.commit}
    assert len(ledger(local_hub)) == 1


def test_several_processes_open_one_pull_request(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    folder, outcomes = checkpoint(1), list[Any]()

    def work() -> None:
        try:
            outcomes.append(propose(folder, local_hub).review.number)
        except Conflict as conflict:
            outcomes.append(conflict)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = propose(folder, local_hub)
    found = list(api(local_hub).get_repo_discussions(REPO, discussion_status="open"))
    assert [one.num for one in found] == [again.review.number]
    assert {one for one in outcomes if not isinstance(one, Conflict)} <= {one.num for one in found}
    assert details(local_hub, again.review.number).conflicting_files == []
    assert hfver.resolve(f"{REPO}@refs/pr/{again.review.number}", hub=local_hub).commit == again.commit
    merge(local_hub, again.review.number)
    assert finish(local_hub, again.review.number).commit == again.commit


def test_the_command_line(local_hub: LocalHub, checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--hub", str(local_hub.path)]
    folder = str(checkpoint(1))
    assert main(["release", folder, "--repo", REPO, "--smoke", "off", "--review", "--json", *where]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["published"], answer["review"]["number"]) == (False, 1)
    assert answer["review"]["url"].endswith(f"/{REPO}/discussions/1")
    assert main(["release", "--finish", f"{REPO}#1", *where]) == 1
    assert "Merge it" in capsys.readouterr().err
    merge(local_hub)
    assert main(["release", "--finish", f"{REPO}#1", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "1.0.0"
    assert main(["release", "--finish", f"{REPO}#1", *where]) == 0
    assert "published already" in capsys.readouterr().out
    assert main(["release", *where]) == 2
    assert main(["release", folder, "--finish", f"{REPO}#1", *where]) == 2
