"""One model and one precedence for all settings, and what a project's file may not decide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hfver.core.about import __version__
from hfver.core.cache_folder import default_folder
from hfver.core.policy import Alias, Policy
from hfver.core.settings import load_settings, resolve_policy
from hfver.core.settings_files import VARIABLES, user_path
from hfver.core.version import Bump
from hfver.errors import BadConfig

Write = Callable[[str], Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no settings but those that the test writes."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


@pytest.fixture
def project(home: Path) -> Write:
    return lambda text: _write(home / "project" / "hfver.toml", text)


@pytest.fixture
def user(home: Path) -> Write:
    return lambda text: _write(user_path(), text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def sources() -> dict[str, tuple[Any, str, str]]:
    return {one.key: (one.value, one.source.kind, one.source.name) for one in load_settings().values}


def test_each_place_wins_over_the_next(project: Write, user: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sources()["http.retries"] == (5, "default", "")
    mine = user("[http]\nretries = 1\npause = 2\ntimeout = 3\n")
    theirs = project("[http]\nretries = 10\npause = 20\n")
    monkeypatch.setenv("HFVER_HTTP_RETRIES", "100")
    found = sources()
    assert found["http.retries"] == (100, "environment", "HFVER_HTTP_RETRIES")
    assert found["http.pause"] == (20.0, "project", str(theirs))
    assert found["http.timeout"] == (3.0, "user", str(mine))
    assert load_settings().settings.http.model_dump() == {
        "retries": 100,
        "pause": 20.0,
        "timeout": 3.0,
        "floor": 30_000,
    }
    assert load_settings().files == (theirs, mine)
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example.com")
    assert sources()["hub.url"] == ("https://hub.example.com", "environment", "HF_ENDPOINT")
    chosen = load_settings(options={"hub.url": "http://127.0.0.1:1"})
    assert chosen.settings.hub.url == "http://127.0.0.1:1"
    assert {str(one.source) for one in chosen.values if one.key == "hub.url"} == {"--hub"}


def test_tables_of_names_are_merged_by_name(project: Write, user: Write) -> None:
    mine = user('[rules]\nweights = "major"\ndocs = "minor"\n[metrics.a]\nmin = 1\n[secrets]\nallow = ["a:1"]\n')
    theirs = project('[rules]\nweights = "patch"\n[metrics.b]\nmax = 2\n[secrets]\nallow = []\n')
    policy = resolve_policy()
    assert policy.rules == {"weights": Bump.PATCH, "docs": Bump.MINOR}
    assert policy.metrics.keys() == {"a", "b"}
    assert policy.secrets.allow == ()
    found = sources()
    assert found["rules.weights"] == ("patch", "project", str(theirs))
    assert found["rules.docs"] == ("minor", "user", str(mine))
    assert found["secrets.allow"] == ([], "project", str(theirs))
    assert policy.files == (theirs, mine)
    assert policy.file == theirs


def test_a_file_with_no_rule_has_no_say_in_the_policy(project: Write) -> None:
    path = project("[http]\nretries = 1\n")
    assert (resolve_policy().files, resolve_policy().file) == ((), path)


def test_the_whole_answer_is_json(project: Write) -> None:
    path = project('[metrics.a]\nmin = 1\n[models]\nbot = { repo = "acme/bot", spec = "^1.2" }\n')
    told = load_settings().to_json()
    assert told["files"] == [str(path)]
    rows = {row["key"]: row for row in told["settings"]}
    assert rows["metrics.a"]["value"] == {"higher_is_better": True, "min": 1.0}
    assert rows["models.bot"]["value"] == {"repo": "acme/bot", "spec": "^1.2"}
    assert rows["rules"] == {"key": "rules", "value": {}, "source": "default", "from": None}
    assert {row["source"] for row in told["settings"]} == {"default", "project"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[htp]\nretries = 1", "htp: no such setting; did you mean http?"),
        ("[http]\nretry = 1", "http.retry: no such setting; did you mean retries?"),
        ("require-hfver = '>=0'", "require-hfver: no such setting; did you mean requires-hfver?"),
        ("requires_signature = true", "requires_signature: no such setting; did you mean require_signature?"),
        ("[http]\nretries = -1", "http.retries: Input should be greater than or equal to 0."),
        ("[http]\ntimeout = 0", "http.timeout: Input should be greater than 0."),
        ("[http]\npause = inf", "http.pause: Input should be a finite number."),
        (
            "[models]\nbot = { repo = 'a/b', specs = '^1' }",
            "models.bot.specs: no such setting; did you mean spec?",
        ),
        ("[models]\nbot = { repo = 'acme/bot', spec = '^^' }", "models.bot.spec: '^^' is not a version or a range."),
        ("[models]\n'acme/bot' = '^^'", "models.acme/bot: '^^' is not a version or a range."),
        ("[models]\nbot = { repo = '//' }", "models.bot.repo: '//' is not a repo id."),
        ("[models]\n'a/b/c' = '^1'", "models.a/b/c: 'a/b/c' is not a repo id."),
        ("[models]\n'a/b' = { repo = 'acme/bot' }", "models.a/b: not an alias: use letters"),
        (
            "[models]\nbot = { repo = 'acme/bot' }\n'Acme/bot' = '^1'",
            "models.Acme/bot: Acme/bot is named twice, as latest and as ^1.",
        ),
        ("[models]\nbot = 3", "models.bot: Input should be"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_near(project: Write, text: str, said: str) -> None:
    path = project(text)
    with pytest.raises(BadConfig) as caught:
        load_settings()
    assert caught.value.message.startswith(f"{path}: ")
    assert said in caught.value.message
    assert "docs/" in caught.value.hint
    with pytest.raises(BadConfig):
        resolve_policy()


@pytest.mark.parametrize(
    ("variable", "text"),
    [("RETRIES", "many"), ("RETRIES", "-1"), ("PAUSE", "nan"), ("TIMEOUT", "0"), ("TIMEOUT", "1s")],
)
def test_a_wrong_variable_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    monkeypatch.setenv(f"HFVER_HTTP_{variable}", text)
    with pytest.raises(BadConfig, match=f"HFVER_HTTP_{variable} is '{text}': ") as caught:
        load_settings()
    assert caught.value.hint.startswith("Unset it, or set it to ")


def test_a_project_cannot_decide_what_is_the_users_own(project: Write, user: Write, home: Path) -> None:
    """Neither where a token is sent, nor which checks count as done."""
    project('cache = "cache"\n')
    with pytest.raises(BadConfig, match="cannot set cache: it decides which checks"):
        load_settings()
    project('[hub]\nurl = "https://evil.example.com"\n')
    with pytest.raises(BadConfig, match=r"cannot set hub\.url: it decides to which host a token is sent") as caught:
        load_settings()
    assert "HF_ENDPOINT" in caught.value.hint
    with pytest.raises(BadConfig, match=r"cannot set hub\.url"):
        resolve_policy()
    project("")
    path = user('cache = "memory"\n')
    assert load_settings().settings.cache == path.parent / "memory"


def test_the_users_cache_folder_is_used(user: Write, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "xdg"))
    assert default_folder() == home / "xdg" / "hfver"
    path = user('cache = "memory"\n')
    assert default_folder() == path.parent / "memory"
    user('cache = "/var/hfver-of-mine"\n')
    assert default_folder() == Path("/var/hfver-of-mine")
    monkeypatch.setenv("HFVER_CACHE", str(home / "own"))
    assert default_folder() == home / "own"


def test_a_project_cannot_drop_the_users_demand_for_signatures(project: Write, user: Write, home: Path) -> None:
    user('[signature]\npublic_key = "mine.pub"\nrepos = ["acme/*"]\n')
    project("require_signature = false\n[signature]\nrequire = false\n")
    rule = resolve_policy().signature_for("acme/bot")
    assert rule is not None
    assert rule.public_key == user_path().parent / "mine.pub"
    assert resolve_policy().signature_for("other/bot") is None
    project('[signature]\npublic_key = "theirs.pub"\n')
    rule = resolve_policy().signature_for("acme/bot")
    assert rule is not None
    assert rule.public_key == home / "project" / "theirs.pub"


def test_a_policy_that_is_handed_over_counts_alone(project: Write, user: Write, home: Path) -> None:
    user("require_signature = true\n")
    project('[rules]\nweights = "patch"\n')
    other = _write(home / "other.toml", '[rules]\ndocs = "minor"\n')
    policy = resolve_policy(other)
    assert (policy.rules, policy.signature_for("a/b"), policy.files) == ({"docs": Bump.MINOR}, None, (other,))


def test_what_came_with_a_release_is_not_the_projects(project: Write, home: Path) -> None:
    project('[rules]\nweights = "patch"\n')
    pulled = home / "project" / "model"
    _write(pulled / ".hfver" / "manifest.json", "{}")
    _write(pulled / "hfver.toml", '[rules]\nweights = "minor"\n[models]\nbot = { repo = "evil/bot" }\n')
    assert resolve_policy(start=pulled).rules == {"weights": Bump.PATCH}
    assert resolve_policy(start=pulled).aliases == {}
    assert load_settings(pulled).files == (home / "project" / "hfver.toml",)
    # What it demands counts all the same.
    _write(pulled / "hfver.toml", "require_signature = true\n")
    assert resolve_policy(start=pulled).signature_for("acme/bot") is not None
    assert resolve_policy().signature_for("acme/bot") is None


def test_what_lies_in_a_shared_folder_is_nobodys(home: Path) -> None:
    shared = home / "shared"
    (shared / "work").mkdir(parents=True)
    shared.chmod(0o1777)
    _write(shared / "hfver.toml", '[models]\nbot = { repo = "evil/bot" }\n')
    assert resolve_policy(start=shared / "work").aliases == {}
    assert resolve_policy(start=shared).aliases == {"bot": Alias(repo="evil/bot")}


@pytest.mark.parametrize("spec", [">=99", "^99.1", ">=0.1,<0.1.0", "99.x"])
def test_a_file_for_another_hfver_is_refused_before_its_keys_are_read(project: Write, spec: str) -> None:
    project(f'requires-hfver = "{spec}"\nnew_key = 1\n')
    for read in (load_settings, resolve_policy):
        with pytest.raises(BadConfig, match=f"requires hfver {spec.replace('^', '.')}, and this is") as caught:
            read()
        assert caught.value.hint.startswith("Install" if "<" in spec else "Upgrade hfver: pip install --upgrade ")


def test_a_file_for_this_hfver_is_read(project: Write) -> None:
    path = project('requires-hfver = ">=0.1"\n')
    assert sources()["requires-hfver"] == (">=0.1", "project", str(path))
    project(f'requires-hfver = "{__version__}"\n')
    load_settings()
    project('requires-hfver = "new"\n')
    with pytest.raises(BadConfig, match="requires-hfver: 'new' is not a version or a range"):
        load_settings()
    project("requires-hfver = 2\n")
    with pytest.raises(BadConfig, match="requires-hfver: "):
        load_settings()


def test_aliases_and_requirements(project: Write, user: Write) -> None:
    user('[models]\nbot = { repo = "me/bot" }\nmine = { repo = "me/own", spec = "~1.1" }\n')
    project('[models]\n"acme/base" = "^1.2"\nbot = { repo = "acme/bot", spec = "1.x" }\n')
    policy = resolve_policy()
    assert policy.aliases == {"bot": Alias(repo="acme/bot", spec="1.x"), "mine": Alias(repo="me/own", spec="~1.1")}
    # What a person calls their models is nothing that a project requires.
    assert policy.requirements == {"acme/base": "^1.2", "acme/bot": "1.x"}
    user('[models]\nother = { repo = "ACME/bot", spec = "^9" }\n')
    assert resolve_policy().aliases.keys() == {"bot"}
    user('[models]\n"acme/base" = "^9"\n')
    with pytest.raises(BadConfig, match="requires acme/base: models are required by projects"):
        resolve_policy()


def test_pyproject_holds_them_too(home: Path) -> None:
    path = _write(home / "project" / "pyproject.toml", "[tool.hfver.http]\nretries = 7\n")
    assert sources()["http.retries"] == (7, "project", str(path))
    path.write_text("[tool]\nhfver = 3\n")
    with pytest.raises(BadConfig, match="is not a table"):
        load_settings()
    path.write_text("tool = 3\n")
    assert sources()["http.retries"] == (5, "default", "")


def test_no_policy_is_an_empty_policy(home: Path) -> None:
    assert resolve_policy() == Policy()
