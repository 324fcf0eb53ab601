"""Required signatures: a release and every read are refused without them; and how many requests the checks need."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER, SIGNATURE
from hfver.core.policy import Policy
from hfver.core.settings import PolicyLike, resolve_policy
from hfver.errors import BadConfig, PolicyViolation, Refused, SignatureInvalid, VerificationError
from tests.registry.signing.conftest import REPO, MakeFolder, MakePair, Pair, release, unpublish

Write = Callable[[str], None]


def trusting(pair: Pair) -> str:
    return f'require_signature = true\n[signature]\npublic_key = "{pair.public}"\n'


def test_a_release_without_a_signature_is_refused(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, policy: Write
) -> None:
    mine, other, made = make_pair("mine"), make_pair("other"), folder()
    policy("require_signature = true\n")
    with pytest.raises(PolicyViolation, match="requires signed releases") as caught:
        release(made, local_hub)
    assert "--sign" in caught.value.hint
    policy(trusting(mine))
    with pytest.raises(PolicyViolation, match="readers would reject a release signed by anyone else"):
        release(made, local_hub, sign=other.sign)
    with pytest.raises(PolicyViolation):
        release(made, local_hub, sign="sigstore")
    policy('[signature]\nidentity = "me@example.com"\nissuer = "https://accounts.example.com"\n')
    with pytest.raises(PolicyViolation, match="readers would reject a release signed with a key"):
        release(made, local_hub, sign=mine.sign)
    assert not HfApi(endpoint=local_hub.url, token=local_hub.token).repo_exists(REPO)
    policy(trusting(mine))
    assert release(made, local_hub, sign=mine.sign).version == "1.0.0"


def reads(hub: LocalHub, directory: Path) -> list[Callable[[], object]]:
    return [
        lambda: hfver.load(REPO, hub=hub),
        lambda: hfver.pull(REPO, hub=hub),
        lambda: hfver.pull(REPO, directory / "new", hub=hub),
        lambda: hfver.resolve(REPO, hub=hub),
        lambda: hfver.verify(REPO, hub=hub),
        lambda: hfver.smoke_eval(REPO, hub=hub),
        lambda: hfver.diff(REPO, f"{REPO}@1.0.0", hub=hub),
        lambda: hfver.changelog(REPO, hub=hub),
        lambda: hfver.verify(str(directory / "old"), hub=hub),
        lambda: hfver.verify(str(directory / "old"), offline=True),
    ]


def test_every_read_fails_closed(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, policy: Write, tmp_path: Path
) -> None:
    release(folder(), local_hub)
    commit = hfver.pull(REPO, tmp_path / "old", hub=local_hub).release.commit
    policy(trusting(make_pair("mine")))
    for read in reads(local_hub, tmp_path):
        with pytest.raises(SignatureInvalid, match="has no signature"):
            read()
    with pytest.raises(SignatureInvalid, match="has no signature"):
        hfver.pull(f"{REPO}@{commit}", hub=local_hub)
    assert not (tmp_path / "new").exists()
    policy('require_signature = true\n[signature]\nrepos = ["other/*"]\n')
    assert hfver.resolve(REPO, hub=local_hub).version == "1.0.0"
    policy("require_signature = true\n")
    with pytest.raises(BadConfig, match="does not say by whom"):
        hfver.resolve(REPO, hub=local_hub)


def test_every_read_refuses_an_untrusted_signer(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, policy: Write, tmp_path: Path
) -> None:
    release(folder(), local_hub, sign=make_pair("theirs").sign)
    hfver.pull(REPO, tmp_path / "old", hub=local_hub)
    policy(trusting(make_pair("mine")))
    for read in reads(local_hub, tmp_path):
        with pytest.raises(SignatureInvalid, match=r"signed with key [0-9a-f]{16}, not with key "):
            read()


def test_a_commit_that_is_not_a_release_cannot_be_signed(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, policy: Write
) -> None:
    release(folder(), local_hub, sign=pair.sign)
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    operations = [CommitOperationAdd("config.json", b"{}")]
    api.create_branch(REPO, branch="evil", revision=str(api.list_repo_commits(REPO)[-1].commit_id))
    commit = api.create_commit(REPO, operations, commit_message="other", revision="evil").oid
    policy(trusting(pair))
    with pytest.raises(SignatureInvalid, match="is not an hfver release"):
        hfver.pull(f"{REPO}@{commit}", hub=local_hub)


def test_a_verdict_is_remembered_for_one_key_only(
    local_hub: LocalHub,
    folder: MakeFolder,
    make_pair: MakePair,
    policy: Write,
    requests: list[str],
    fresh: Callable[[], None],
) -> None:
    mine, other = make_pair("mine"), make_pair("other")
    release(folder(), local_hub, sign=mine.sign)
    fresh()
    hfver.resolve(REPO, hub=local_hub)
    requests.clear()
    policy(trusting(mine))
    found = hfver.resolve(REPO, hub=local_hub)
    assert requests == [f"GET /api/models/{REPO}/refs", f"GET /{REPO}/resolve/{found.commit}/{SIGNATURE}"]
    requests.clear()
    hfver.resolve(REPO, hub=local_hub)
    hfver.resolve(f"{REPO}@{found.commit}", hub=local_hub)
    assert requests == [f"GET /api/models/{REPO}/refs"]
    policy(trusting(other))
    with pytest.raises(SignatureInvalid, match=r"signed with key [0-9a-f]{16}, not with key "):
        hfver.resolve(REPO, hub=local_hub)
    # A replaced key in the same file counts as a different key.
    mine.public.write_bytes(other.public.read_bytes())
    policy(trusting(mine))
    with pytest.raises(SignatureInvalid, match=r"signed with key [0-9a-f]{16}, not with key "):
        hfver.resolve(REPO, hub=local_hub)


def test_a_pull_downloads_the_signature_once(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, requests: list[str], fresh: Callable[[], None]
) -> None:
    release(folder(), local_hub, sign=pair.sign)
    fresh()
    hfver.pull(REPO, hub=local_hub)
    requests.clear()
    assert hfver.verify(REPO, hub=local_hub, public_key=pair.public).signed_by
    assert requests == [f"GET /api/models/{REPO}/refs"]


def test_a_signature_damaged_in_the_cache_is_requested_again(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair
) -> None:
    release(folder(), local_hub, sign=pair.sign)
    snapshot = hfver.pull(REPO, hub=local_hub).path
    (snapshot / SIGNATURE).resolve().write_bytes(b"{}")
    assert hfver.verify(REPO, hub=local_hub, public_key=pair.public).signed_by


def test_an_old_signed_release_under_a_new_version(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, policy: Write, fresh: Callable[[], None]
) -> None:
    """Somebody with write access publishes 1.0.0, which has a valid signature, as 2.0.0, by a tag and a ledger line."""
    old = release(folder(), local_hub, sign=pair.sign)
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    api.create_tag(REPO, tag="v2.0.0", revision=old.commit)
    ledger = Ledger.decode(Path(api.hf_hub_download(REPO, LEDGER)).read_bytes(), REPO)
    line = ledger.entries[-1].line
    forged = ledger.append(Line.model_validate({**line.model_dump(), "version": "2.0.0"}))
    api.create_commit(REPO, [CommitOperationAdd(LEDGER, forged.raw)], commit_message="Publish 2.0.0")
    fresh()
    policy(trusting(pair))
    with pytest.raises(VerificationError, match=r"its manifest is the one of acme/bot@1\.0\.0"):
        hfver.pull(f"{REPO}@2.0.0", hub=local_hub)
    assert hfver.pull(f"{REPO}@1.0.0", hub=local_hub).release.version == "1.0.0"


def test_a_signed_release_in_another_repo(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, policy: Write, tmp_path: Path
) -> None:
    release(folder(), local_hub, sign=pair.sign)
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    api.create_repo("evil/bot")
    models = local_hub.path / "repos" / "models"
    fetch = ["git", "-C", str(models / "evil" / "bot.git"), "fetch", "-q", "-f", "-u", str(models / "acme" / "bot.git")]
    subprocess.run([*fetch, "+refs/*:refs/*"], check=True)
    policy(trusting(pair))
    with pytest.raises(VerificationError):
        hfver.pull("evil/bot@1.0.0", hub=local_hub)


def test_a_pending_release_by_an_untrusted_signer_stays_pending(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, policy: Write, fresh: Callable[[], None]
) -> None:
    mine = make_pair("mine")
    release(folder(1), local_hub, sign=make_pair("theirs").sign)
    unpublish(local_hub)
    fresh()
    policy(trusting(mine))
    with pytest.raises(Refused, match="version tags"):
        release(folder(2), local_hub, sign=mine.sign, version="1.0.1")
    listed = hfver.versions(REPO, hub=local_hub)
    assert (listed.releases, listed.pending) == ((), ("v1.0.0",))


def test_a_policy_in_a_pulled_release_does_not_apply_to_it(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, policy: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs, made = make_pair("mine"), make_pair("theirs"), folder()
    (made / "hfver.toml").write_text(f'[signature]\npublic_key = "{theirs.public}"\n')
    release(made, local_hub, sign=theirs.sign)
    pulled = hfver.pull(REPO, Path("model"), hub=local_hub).path.resolve()
    assert (pulled / "hfver.toml").is_file()
    policy(trusting(mine))
    monkeypatch.chdir(pulled)
    with pytest.raises(SignatureInvalid, match=r"signed with key [0-9a-f]{16}, not with key "):
        hfver.verify(".", offline=True)
    policy("")
    assert hfver.verify(".", offline=True).signed_by == f"key {theirs.public}"


def test_a_given_policy_replaces_the_nearest_one(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, policy: Write, tmp_path: Path
) -> None:
    strict = tmp_path / "strict.toml"
    strict.write_text(trusting(pair))
    made = folder()
    with pytest.raises(PolicyViolation, match="requires signed releases"):
        release(made, local_hub, policy=strict)
    release(made, local_hub)
    hfver.pull(REPO, tmp_path / "old", hub=local_hub)
    reads_by_policy: list[Callable[[PolicyLike], object]] = [
        lambda given: hfver.load(REPO, hub=local_hub, policy=given),
        lambda given: hfver.pull(REPO, hub=local_hub, policy=given),
        lambda given: hfver.resolve(REPO, hub=local_hub, policy=given),
        lambda given: hfver.verify(REPO, hub=local_hub, policy=given),
        lambda given: hfver.smoke_eval(REPO, hub=local_hub, policy=given),
        lambda given: hfver.diff(REPO, f"{REPO}@1.0.0", hub=local_hub, policy=given),
        lambda given: hfver.changelog(REPO, hub=local_hub, policy=given),
        lambda given: hfver.verify(str(tmp_path / "old"), offline=True, policy=given),
        lambda given: hfver.lock(REPO, hub=local_hub, policy=given),
    ]
    for read in reads_by_policy:
        for given in (strict, str(strict), resolve_policy(strict)):
            with pytest.raises(SignatureInvalid, match="has no signature"):
                read(given)
    # Only the given policy applies: the requirements of the nearest file do not.
    policy(trusting(pair))
    assert hfver.resolve(REPO, hub=local_hub, policy=Policy()).version == "1.0.0"
    with pytest.raises(SignatureInvalid, match="has no signature"):
        hfver.resolve(REPO, hub=local_hub)


@pytest.mark.parametrize(
    "text",
    [
        '[signature]\npublic_key = "k"\nidentity = "me"\nissuer = "x"\n',
        '[signature]\nidentity = "me"\n',
        "[signature]\nrequire = 3\n",
        '[signature]\nkey = "k"\n',
        'require_signature = "yes, please"\n',
    ],
)
def test_a_policy_with_contradicting_or_incomplete_signers(policy: Write, tmp_path: Path, text: str) -> None:
    policy(text)
    with pytest.raises(BadConfig, match="signature"):
        resolve_policy(start=tmp_path / "project")


def test_naming_a_signer_requires_signatures(policy: Write, tmp_path: Path) -> None:
    home = tmp_path / "project"
    policy('[signature]\npublic_key = "keys/mine.pub"\nrepos = ["acme/*"]\n')
    (home / "below").mkdir()
    found = resolve_policy(start=home / "below")
    assert found.signature.public_key == home / "keys" / "mine.pub"
    assert (found.wants_signature("ACME/bot"), found.wants_signature("other/bot")) == (True, False)
    policy('[signature]\nrequire = false\npublic_key = "keys/mine.pub"\n')
    assert not resolve_policy(start=home).wants_signature(REPO)
    policy('require_signature = true\n[signature]\nrequire = false\npublic_key = "keys/mine.pub"\n')
    assert resolve_policy(start=home).wants_signature(REPO)
    assert json.loads(resolve_policy(start=home).model_dump_json())["require_signature"] is True
