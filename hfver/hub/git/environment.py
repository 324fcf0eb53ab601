"""The environment that git runs in: without the user's configuration, hooks and prompts, and with the Hub's token.

The token is in the environment, never in an argument, an address or a file: other users can read process lists.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from pathlib import Path

from hfver.hub.client import HubRepo

__all__ = ["git_environment", "git_remote", "was_redirected"]

_NEUTRAL = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_ASKPASS": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NAMESPACE": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS": "",
}


_REDIRECTED = re.compile(r"returned error: 30[1278]\b")
"""How libcurl, and so git in every language, reports a redirect that it does not follow."""


def was_redirected(stderr: str) -> bool:
    """Return whether git failed because the Hub redirected it, as it does for a renamed repo."""
    return _REDIRECTED.search(stderr) is not None


def git_environment(folder: Path, remote: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which git ignores the settings of the user and the calling process.

    Args:
        folder: The bare repository.
        remote: More settings, such as those of `git_remote`.
    """
    settings = {
        "core.hooksPath": os.devnull,
        "gc.autoDetach": "false",
        "http.followRedirects": "false",  # git would send the token along
        "http.lowSpeedLimit": "1000",  # give up below 1000 bytes per second ...
        "http.lowSpeedTime": "60",  # ... for 60 seconds
        "http.postBuffer": str(16 * 1024 * 1024),
        "protocol.allow": "never",  # a server must not redirect git to a local path or a program
        "protocol.http.allow": "always",
        "protocol.https.allow": "always",
        **(remote or {}),
    }
    numbered = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        numbered |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return _NEUTRAL | {"GIT_DIR": str(folder), "GIT_OBJECT_DIRECTORY": str(folder / "objects")} | numbered


def git_remote(repo: HubRepo) -> dict[str, str]:
    """Return the settings for the remote ``origin``: the repo's address, and the token as a password."""
    remote = {"remote.origin.url": repo.git_url}
    if repo.hub.is_loopback:
        remote["remote.origin.proxy"] = ""  # a proxy cannot reach this machine's loopback
    _, _, token = repo.hub.session.headers().get("authorization", "").partition(" ")
    if token:
        basic = base64.b64encode(f"hfver:{token}".encode()).decode()  # a Hub accepts any user name
        remote[f"http.{repo.hub.endpoint}/.extraHeader"] = f"Authorization: Basic {basic}"
    return remote
