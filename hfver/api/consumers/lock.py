"""An hfver.lock: does it take the newer side?"""

from __future__ import annotations

from pathlib import Path

from hfver.api.consumers.judgement import Answer, Compared, Judge, safe, unknown
from hfver.core.lockfile.files import read_lock
from hfver.core.ref import Latest
from hfver.core.version import Range, parse_version
from hfver.model.compare import Change

__all__ = ["judge_lock"]


def judge_lock(path: Path, compared: Compared) -> Judge:
    """Look up what the lock requires of the repo.

    Raises:
        BadConfig: The lock cannot be read.
    """
    lock = read_lock(path)
    answer = _answer(lock.packages, compared)
    return lambda change: _of(change, answer)


def _of(change: Change, answer: Answer) -> Answer:
    del change  # a lock takes a version as a whole, or not at all
    return answer


def _answer(packages: tuple[object, ...], compared: Compared) -> Answer:
    from hfver.core.lockfile.lock import Package

    if compared.newer is None:
        return unknown("The newer side is no version of a repo, so no lock can name it.")
    repo, version = compared.newer
    found = [one for one in packages if isinstance(one, Package) and one.repo.lower() == repo.lower()]
    if not found:
        return safe(f"The lock does not have {repo}.")
    package = next((one for one in found if one.spec), found[0])
    if package.version == version:
        return unknown(f"The lock has {package} already.")
    spec = package.parsed_spec
    taken = spec.allows(parse_version(version)) if isinstance(spec, Range) else isinstance(spec, Latest)
    if taken:
        return unknown(f"The lock keeps {package}, but {spec} takes {version} when it is updated.")
    return safe(f"The lock requires {spec}, which does not take {version}.")
