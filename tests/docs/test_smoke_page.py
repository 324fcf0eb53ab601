"""docs/smoke.md lists every task and every check."""

from __future__ import annotations

import re
from pathlib import Path

from hfver.model.smoke.tasks import OWN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "smoke.md").read_text()


def test_every_task_is_listed() -> None:
    assert [tag for tag in OWN if f"`{tag}`" not in PAGE] == []


def test_every_check_is_listed() -> None:
    code = "".join(path.read_text() for path in (ROOT / "hfver" / "model" / "smoke").glob("*.py"))
    patterns = (r'\bcheck\(\s*"([a-z-]+)"', r'SmokeCheck\(\s*name="([a-z-]+)"')
    names = {name for pattern in patterns for name in re.findall(pattern, code)}
    assert len(names) >= 15
    assert sorted(name for name in names if f"| `{name}` |" not in PAGE) == []
