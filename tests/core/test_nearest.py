"""The search for a project's files ends where anybody could leave one."""

from __future__ import annotations

from pathlib import Path

from hfver.core.settings_files import project_file


def test_a_policy_in_a_shared_folder_above_is_not_honored(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    start = shared / "mine" / "below"
    start.mkdir(parents=True)
    (shared / "hfver.toml").write_text("require_signature = true")
    found = project_file(start)
    assert found is not None and found.path == shared / "hfver.toml"
    shared.chmod(0o1777)
    assert project_file(start) is None
    (tmp_path / "hfver.toml").write_text("require_signature = true")
    assert project_file(start) is None
    (shared / "mine" / "hfver.toml").write_text("require_signature = true")
    found = project_file(start)
    assert found is not None and found.path == shared / "mine" / "hfver.toml"
