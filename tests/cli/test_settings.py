"""``hfver config``, ``--policy``, and the schema of the file."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.settings_files import VARIABLES, SettingsFile
from hfver.core.settings_model import Settings, validate_file
from hfver.core.settings_schema import settings_schema
from tests.api.conftest import REPO, write_folder

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "project"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_config_prints_every_setting_with_its_source(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "hfver.toml").write_text('[http]\nretries = 7\n[rules]\nweights = "patch"\n')
    monkeypatch.setenv("HFVER_HTTP_TIMEOUT", "9")
    data = told(capsys, "config", "--hub", "https://hub.example.com")
    rows = {row["key"]: row for row in data["settings"]}
    assert set(data) == {"files", "settings"}
    assert data["files"] == [str(project / "hfver.toml")]
    assert rows["http.retries"] == {
        "key": "http.retries",
        "value": 7,
        "source": "project",
        "from": str(project / "hfver.toml"),
    }
    assert (rows["http.timeout"]["value"], rows["http.timeout"]["from"]) == (9.0, "HFVER_HTTP_TIMEOUT")
    assert (rows["hub.url"]["value"], rows["hub.url"]["source"]) == ("https://hub.example.com", "option")
    assert rows["cache"]["value"].endswith("/hfver")
    sections = {key.partition(".")[0] for key in rows}
    assert sections == {info.alias or name for name, info in Settings.model_fields.items()}
    assert main(["config"]) == 0
    out, err = capsys.readouterr()
    assert f"http.retries{' ' * 10}" in out
    assert str(project / "hfver.toml") in err


def test_config_reads_the_file_that_is_asked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "hfver.toml").write_text("broken")
    (project / "other.toml").write_text("[http]\nretries = 8\n")
    data = told(capsys, "config", "--policy", "other.toml")
    assert {row["key"]: row["value"] for row in data["settings"]}["http.retries"] == 8
    assert main(["config"]) == 2
    assert "hfver.toml cannot be read" in capsys.readouterr().err


def test_the_schema_in_the_repo_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    """To refresh it: hfver config --schema > docs/hfver.schema.json."""
    assert main(["config", "--schema"]) == 0
    printed = capsys.readouterr().out
    assert printed == (ROOT / "docs" / "hfver.schema.json").read_text()
    assert json.loads(printed) == settings_schema()


def test_the_schema_knows_every_key_of_a_file() -> None:
    schema = settings_schema()
    assert set(schema["properties"]) == {info.alias or name for name, info in Settings.model_fields.items()} - {"hub"}
    for table in (schema, *schema["definitions"].values()):
        assert table["additionalProperties"] is False
        for name, field in table["properties"].items():
            assert "$ref" in field or field.get("description"), name


def test_the_documentation_shows_what_a_file_may_hold() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    blocks = [tomllib.loads(block.partition("```")[0]) for block in text.split("```toml\n")[1:]]
    shown = {key for block in blocks for key in block}
    for block in blocks:
        validate_file("project", SettingsFile(ROOT / "hfver.toml", block))
    assert shown == set(settings_schema()["properties"]) - {"cache", "require_signature"}
    assert all(f"`{name}`" in text for name in (*VARIABLES.values(), "cache", "require_signature"))


def test_the_policy_is_an_option_and_its_file_is_named_once(
    local_hub: LocalHub, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub, folder, strict = str(local_hub.path), str(write_folder(tmp_path / "folder")), tmp_path / "strict.toml"
    near = project / "hfver.toml"
    strict.write_text("require_signature = true\n[signature]\nidentity = 'me'\nissuer = 'https://example.com'\n")
    release = ["release", folder, "--repo", REPO, "--hub", hub, "--smoke", "off"]
    assert main([*release, "--policy", str(strict)]) == 1
    out, err = capsys.readouterr()
    assert err.count(f"Policy: {strict}") == 1
    assert "requires signed releases of" in err
    assert main(release) == 0
    assert "Policy:" not in capsys.readouterr().err
    near.write_text('[rules]\nweights = "minor"\n')
    assert main(["show", REPO, "--hub", hub]) == 0
    out, err = capsys.readouterr()
    assert f"Policy: {near}" in err
    assert "Policy:" not in out
    for command in (["show", REPO], ["pull", REPO], ["verify", REPO], ["changelog", REPO], ["lock", REPO], ["sync"]):
        assert told(capsys, *command, "--hub", hub)["policy"] == [str(near)], command
        assert main([*command, "--hub", hub, "--policy", str(strict)]) == 3, command
        assert "Policy:" in capsys.readouterr().err
    assert told(capsys, "diff", REPO, folder, "--hub", hub)["policy"] == [str(near)]
    assert told(capsys, "outdated", "--hub", hub, "--policy", str(strict))["policy"] == [str(strict)]
    assert told(capsys, "yank", f"{REPO}@1.0.0", "--reason", "x", "--hub", hub)["policy"] == [str(near)]
    assert told(capsys, "adopt", REPO, "--dry-run", "--hub", hub)["policy"] == [str(near)]


def test_a_policy_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "acme/bot", "--policy", "nowhere.toml"]) == 2
    assert "nowhere.toml cannot be read" in capsys.readouterr().err
