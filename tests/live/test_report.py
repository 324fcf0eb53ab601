"""The report of a live run, which a person sends on."""

from __future__ import annotations

from pathlib import Path

from tests.live.report import NOT_SHARED, Belief, Report
from tests.live.target import Secret, Target

HERE = Path(__file__).parent


def test_a_report_says_what_was_expected_and_found(tmp_path: Path) -> None:
    beliefs = [
        Belief("a", "It holds.", 1, 1),
        Belief("b", "It differs.", 412, 500, note="a | b\nc hf_secret"),
        Belief("c", "Nothing is known.", None, "x"),
        Belief("d", "The embedded Hub differs.", True, False, not_shared=True),
    ]
    outcomes = {"test_one": ("passed", ""), "test_two": ("failed", "HubError: hf_secret")}
    Report("https://hub.example", "hf_secret", beliefs, outcomes, ["acme/left"]).write(tmp_path / "report.md")
    lines = (tmp_path / "report.md").read_text().splitlines()
    assert "| b | It differs. | 412 | 500 (a / b c TOKEN) | differs |" in lines
    assert "| c | Nothing is known. | not known | x | learned |" in lines
    assert "- Beliefs: 1 holds, 1 differs, 1 learned, 1 not shared" in lines
    assert "- Tests: 1 passed, 1 failed" in lines
    assert "- Not deleted, delete it by hand: acme/left" in lines
    assert "- failed: test_two: HubError: TOKEN" in lines
    assert {f"- {name}: {reason}" for name, reason in NOT_SHARED.items()} <= set(lines)


def test_what_the_embedded_hub_does_not_share_is_asked_for() -> None:
    sources = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    forms = {"gitattributes-": ("quoted", "rooted")}
    asked = {f"{start}{end}" for start, ends in forms.items() for end in ends if f'"{end}"' in sources}
    assert {name for name in NOT_SHARED if f'"{name}"' not in sources} <= asked


def test_a_traceback_does_not_show_the_token() -> None:
    target = Target("https://hub.example", Secret("hf_secret"), "acme", embedded=False)
    assert "hf_secret" not in repr(target) + repr(target.place)
    assert f"Bearer {target.token}" == "Bearer hf_secret"
