"""What a child process may do, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hfver.model.child import Child, ChildStopped, JobRaised, Limits
from hfver.model.child.process import _ask_ps, _read_proc

JOBS = Path(__file__).with_name("jobs.py")
LIMITS = Limits(cpu=20, wall=120)
GIB = 1024**3


@pytest.fixture
def child() -> Iterator[Child]:
    with Child(JOBS, memory=GIB // 2, cpu=60, settings={"one": 1}) as started:
        yield started
    assert not psutil.pid_exists(started.pid)


def ask(child: Child, job: str, question: Any = None, limits: Limits = LIMITS) -> Any:
    return child.ask(job, json.dumps(question), limits)


@pytest.mark.parametrize("value", [None, 1, "é\n\ud800", [1, {"a": []}], "x" * 10_000_000])
def test_plain_values_go_there_and_back(child: Child, value: Any) -> None:
    assert ask(child, "echo", value) == value
    assert ask(child, "settings") == {"one": 1}


def test_it_gets_no_token_and_no_path_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "PYTHONPATH", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    with Child(JOBS, memory=GIB, cpu=60) as child:
        found = ask(child, "environment")
    assert "secret" not in found.values()
    assert found["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("job", "question", "limits", "message"),
    [
        ("spin", None, Limits(cpu=1, wall=100), "did not finish within 1 s"),
        ("sleep", 600, Limits(cpu=20, wall=1.5), "did not finish within 1.5 s"),
        ("use_up", None, LIMITS, "needed more than 0.5 GiB of memory"),
        ("use_up_unseen", GIB, LIMITS, "needed more than 0.5 GiB of memory"),
        ("much", 70_000_000, LIMITS, "gave an answer of more than 64 MiB"),
        ("die", signal.SIGSEGV, LIMITS, "crashed (SIGSEGV)"),
        ("die", signal.SIGKILL, LIMITS, "was killed, probably because the machine ran out of memory"),
        ("leave", None, LIMITS, "crashed (exit code 0)"),
        ("lie", "[]\n", LIMITS, "gave no answer that can be read"),
        ("lie", "[" * 100_000 + "\n", LIMITS, "gave no answer that can be read"),
        ("lie", '{"raised": 1}\n', LIMITS, "gave no answer that can be read"),
    ],
)
def test_what_ends_it(child: Child, job: str, question: Any, limits: Limits, message: str) -> None:
    with pytest.raises(ChildStopped) as caught:
        ask(child, job, question, limits)
    assert str(caught.value) == message
    assert not child.is_alive
    assert not psutil.pid_exists(child.pid)
    with pytest.raises(ChildStopped, match="was not tried"):
        ask(child, "echo")


def test_processor_time_is_counted_for_each_job_and_for_all(child: Child) -> None:
    with Child(JOBS, memory=GIB, cpu=2) as short, pytest.raises(ChildStopped, match="did not finish"):
        ask(short, "spin", limits=Limits(cpu=50, wall=100))
    for _ in range(3):
        ask(child, "sleep", 0.01, Limits(cpu=1, wall=100))


def test_what_a_job_raises_comes_back(child: Child) -> None:
    with pytest.raises(JobRaised, match="what is missing") as caught:
        ask(child, "fail")
    assert (caught.value.kind, caught.value.library_missing) == ("KeyError", False)
    with pytest.raises(JobRaised) as caught:
        ask(child, "missing")
    assert caught.value.library_missing
    with pytest.raises(JobRaised, match="a panic"):
        ask(child, "panic")
    with pytest.raises(JobRaised):
        ask(child, "unreadable")
    with pytest.raises(JobRaised, match="none such"):
        ask(child, "none such")
    with pytest.raises(JobRaised):
        child.ask("echo", "broken", LIMITS)
    assert ask(child, "echo", 1) == 1


def test_what_it_started_ends_with_it() -> None:
    with Child(JOBS, memory=GIB, cpu=60) as child:
        other = ask(child, "start_another")
        assert psutil.pid_exists(other)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(other) and psutil.Process(other).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_interrupt_ends_it() -> None:
    threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), Child(JOBS, memory=GIB, cpu=60) as child:
        ask(child, "spin")
    assert not psutil.pid_exists(child.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a process whose parent is gone")
def test_it_does_not_outlive_a_killed_parent() -> None:
    program = f"""
from pathlib import Path
from hfver.model.child import Child, Limits
with Child(Path({str(JOBS)!r}), memory=2**30, cpu=60) as child:
    print(child.pid, flush=True)
    child.ask("spin", "null", Limits(50, 100))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        number = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/statm").exists() or not Path("/bin/ps").exists(), reason="needs both")
def test_both_ways_to_read_a_process_memory_agree() -> None:
    ways = [read(os.getpid()) for read in (_read_proc, _ask_ps)]
    assert min(ways) > 0.8 * max(ways)
