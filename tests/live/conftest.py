"""The Hub of the live tests: huggingface.co if a token and a namespace are given, otherwise an embedded Hub."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest

from hfver.api.hubs import LocalHub
from tests.conftest import LIVE
from tests.live.report import NOT_SHARED, Belief, Report
from tests.live.target import Secret, Target

HERE = Path(__file__).parent
HUGGING_FACE = "https://huggingface.co"
_REPORT = pytest.StashKey[Report]()


class Believe(Protocol):
    """Notes a belief and what was found of it; the test fails in the end if they differ."""

    def __call__(
        self, name: str, text: str, found: object, expected: object = None, *, embedded: object = None, note: str = ""
    ) -> None:
        """Note a belief.

        Args:
            name: Its short name.
            text: A sentence.
            found: What was found.
            expected: What should be found; None where nothing is known.
            embedded: What is found on the embedded Hub, where that deliberately differs or nothing else is known.
            note: A measurement.
        """


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
            # The client passes `data=` to its HTTP library; hfver cannot silence that for several threads at once.
            item.add_marker(pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning"))
            if LIVE.get("HFVER_LIVE_NAMESPACE"):
                item.add_marker(pytest.mark.timeout(1800))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    outcome = yield
    report = item.config.stash.get(_REPORT, None)
    if report is not None and (outcome.when == "call" or outcome.failed) and HERE in item.path.parents:
        earlier = report.outcomes.get(item.name, ("passed", ""))[0]
        error = str(call.excinfo.value).strip().split("\n")[0] if outcome.failed and call.excinfo else ""
        if earlier != "failed":
            report.outcomes[item.name] = (outcome.outcome, error)
    return outcome


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Target]:
    """The Hub. Every repo that was made on it is deleted in the end, and the report is written."""
    with ExitStack() as stack:
        target = _embedded(stack, tmp_path_factory) if not LIVE.get("HFVER_LIVE_NAMESPACE") else _real()
        place = "the embedded Hub" if target.embedded else target.endpoint
        report = request.config.stash[_REPORT] = Report(place, target.token)
        try:
            yield target
        finally:
            report.left = target.delete_all()
            if path := LIVE.get("HFVER_LIVE_REPORT"):
                report.write(Path(path))


def _embedded(stack: ExitStack, folders: pytest.TempPathFactory) -> Target:
    # The user is not the owner of the Hub, so that content goes over HTTP.
    hub = stack.enter_context(LocalHub(folders.mktemp("live") / "hub", users={"live": "hf_live"}))
    return Target(hub.url, Secret("hf_live"), "live", embedded=True)


def _real() -> Target:
    token = LIVE.get("HF_TOKEN")
    if not token:
        pytest.fail("HFVER_LIVE_NAMESPACE is set, but HF_TOKEN is not: set both, or none for the embedded Hub.")
    return Target(LIVE.get("HF_ENDPOINT") or HUGGING_FACE, Secret(token), LIVE["HFVER_LIVE_NAMESPACE"], embedded=False)


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give each test a machine that remembers nothing; call it for another such machine."""

    def forget(machine: str) -> None:
        monkeypatch.setenv("HFVER_CACHE", str(tmp_path / f"cache-{machine}"))

    forget("first")
    monkeypatch.chdir(tmp_path)
    return forget


@pytest.fixture
def believe(target: Target, request: pytest.FixtureRequest) -> Iterator[Believe]:
    """Note what is believed and found. On the embedded Hub its own answer is expected where that is a different one."""
    differences: list[str] = []

    def note_belief(
        name: str, text: str, found: object, expected: object = None, *, embedded: object = None, note: str = ""
    ) -> None:
        if embedded is not None:
            assert name in NOT_SHARED, f"say in NOT_SHARED why the embedded Hub differs: {name}"
        not_shared = target.embedded and embedded is not None
        request.config.stash[_REPORT].beliefs.append(Belief(name, text, expected, found, note, not_shared))
        wanted = embedded if not_shared else expected
        assert wanted is not None or not target.embedded, f"{name}: say what the embedded Hub answers"
        if wanted is not None and found != wanted:
            differences.append(f"{name}: expected {wanted!r}, found {found!r}")

    yield note_belief
    assert differences == []


@pytest.fixture(scope="session")
def shared(target: Target) -> str:
    """A private repo that tests of single beliefs share; each uses paths and branches of its own."""
    return target.create("beliefs")
