"""The commands by group, each with its one line of ``hfver --help``.

The order of groups and commands is the order of the help. A command ``NAME`` is in ``hfver.cli.commands.NAME`` and is
imported only when it is run or explained, so that ``hfver --help`` imports none of them. A group without commands is
not shown.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GROUPS", "names"]

GROUPS: Mapping[str, Mapping[str, str]] = {
    "Release": {
        "release": "Publish a checkpoint folder as the next version of a repo",
        "yank": "Withdraw a release from ranges without deleting it",
        "adopt": "Bring version tags that were made without hfver under the ledger",
    },
    "Use": {
        "versions": "List the releases of a repo",
        "show": "Show one release and its files",
        "changelog": "Print what changed from release to release",
        "pull": "Download a release, every file verified",
        "lock": "Write the exact releases that a project uses to hfver.lock",
        "sync": "Download exactly what hfver.lock holds",
        "outdated": "Compare hfver.lock with the newest releases",
    },
    "Check": {
        "verify": "Check a release or a pulled folder byte for byte",
        "smoke": "Load a model, run it briefly and check what it does",
        "golden": "Record how a model behaves, or show a release's record",
        "diff": "Compare two folders or releases, and name the bump",
        "pins": "Find code that loads models without naming a commit",
        "audit": "Check every release, the ledger and its history",
        "doctor": "Check this machine, its settings and the access to a repo",
        "config": "Print every setting and where it comes from",
    },
    "Lineage": {},
    "Stages": {},
    "Deploy": {},
    "Hub": {
        "hub": "Run an embedded Hub: a folder served as a Hub",
    },
}


def names() -> list[str]:
    """List all commands in the order of the help."""
    return [name for commands in GROUPS.values() for name in commands]
