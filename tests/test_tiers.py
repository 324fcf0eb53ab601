"""Every test is in a tier, and the fifths of the slow tier leave none out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import COLLECTED
from tests.tiers import FIFTHS, fifth_of

ROOT = Path(__file__).parent.parent


def test_the_fifths_of_the_slow_tier_are_all_of_it(request: pytest.FixtureRequest) -> None:
    found = request.config.stash[COLLECTED]
    more = [item for item in found if item.get_closest_marker("more")]
    fifths = [fifth_of(more, number) for number in range(1, FIFTHS + 1)]
    assert sorted(item.nodeid for fifth in fifths for item in fifth) == sorted(item.nodeid for item in more)
    assert len({item.nodeid for item in more}) == len(more)


def test_a_test_is_in_one_tier_and_in_one_fifth() -> None:
    everything, fast, slow = _collected("-m", ""), _collected(), _collected("-m", "more")
    assert len(fast) == 1
    assert len(slow) == FIFTHS
    assert sorted(fast + slow) == everything
    assert _collected("-m", "more", "--fifth", "2") == [test for test in slow if "part 2 of 5" in test]


@pytest.mark.parametrize(
    ("target", "selection"),
    [("test", ""), ("test-more", " -m more $(if $(FIFTH),--fifth $(FIFTH))"), ("test-all", " -m '' -p tests.full_run")],
)
def test_make_selects_a_tier_by_its_mark_alone(target: str, selection: str) -> None:
    recipe = (ROOT / "Makefile").read_text().partition(f"\n{target}: ")[2].partition("\n\n")[0]
    assert recipe.splitlines()[1:] == [f"\t$(PYTEST){selection}"]


def _collected(*options: str) -> list[str]:
    """List the tests of a file with both tiers that pytest would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", *options, "tests/crash/test_yank.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(line for line in done.stdout.splitlines() if "::" in line)
