"""What a release changes in an author's files: names that only this machine knows become names on the Hub.

The folder stays as it is. The changed bytes are made in memory before anything is hashed, so they are what the content
digest, the manifest, the comparison with the last release and the upload all see. Three things are changed:

- ``adapter_config.json``: PEFT records the folder that the base was loaded from. A folder in the Hugging Face cache
  becomes the repo and the commit that it stands for; elsewhere nobody could load the adapter by that path.
- ``config.json``: the key that ``hfver.load`` adds, so that ``save_pretrained`` keeps where the weights came from, is
  removed again: it is known to the lineage, and would be wrong for what is made from this model in turn.
- ``README.md``: a folder in the Hugging Face cache becomes the name of its repo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from hfver.core.digests import digest_of, load_json
from hfver.core.manifest import CARD, FileEntry
from hfver.model.checkpoint.checkpoint import BaseHint, Checkpoint

LOADED_FROM = "hfver_loaded_from"
"""The key of a transformers config under which ``hfver.load`` keeps the release: ``{"repo": …, "revision": …}``."""

ADAPTER_CONFIG = "adapter_config.json"
BASE_NAME = "base_model_name_or_path"

# Bounded, so that a hostile README costs no more than one pass over it: a repo id has at most 200 characters.
_CACHE_FOLDER = re.compile(r"models--(?P<repo>[^\s/\\]{1,200})[/\\]snapshots[/\\](?P<commit>[0-9a-f]{40})")
# In prose a path ends where a blank, a quote or a bracket of Markdown does.
_WORD = re.compile(r"[^\s\"'`()\[\]<>|,]+")
# What stands before a path in one word: the address that the Trainer makes of it, or the "base_model:adapter:" of PEFT.
_BEFORE_PATH = re.compile(r"\w+://[^/]+/|(?:[^:=/\\]*[:=])*?(?=~?[/\\]|[A-Za-z]:[/\\])")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def from_cache_path(path: str) -> tuple[str, str] | None:
    """Return the repo and commit that a folder of the Hugging Face cache stands for; None for any other name."""
    match = _CACHE_FOLDER.search(path)
    return (_repo(match), match["commit"]) if match else None


def find_loaded_from(content: Mapping[str, bytes]) -> BaseHint | None:
    """Return the release that ``hfver.load`` noted in a config of the folder; None if there is no valid note."""
    for path, data in sorted(content.items()):
        note = _config(path, data).get(LOADED_FROM)
        if isinstance(note, dict) and isinstance(note.get("repo"), str):
            revision = note.get("revision")
            is_commit = isinstance(revision, str) and _COMMIT.fullmatch(revision)
            return BaseHint(note["repo"], revision if is_commit else None, "finetune")
    return None


def rewrite_configs(content: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the configs that a release holds in a different form than the folder, by path.

    Args:
        content: The bytes of the folder's small files, by path.
    """
    changed: dict[str, bytes] = {}
    for path, data in content.items():
        config = _config(path, data)
        if LOADED_FROM in config:
            changed[path] = _encode({key: value for key, value in config.items() if key != LOADED_FROM}, data)
        base = config.get(BASE_NAME) if PurePosixPath(path).name == ADAPTER_CONFIG else None
        if isinstance(base, str) and (found := from_cache_path(base)):
            changed[path] = _encode(config | {BASE_NAME: found[0], "revision": found[1]}, data)
    return changed


def rewrite_card(content: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the README with the names of repos in place of folders in the cache, if there are any in it."""
    readme = content.get(CARD)
    if readme is None or b"models--" not in readme:
        return {}
    return {CARD: _WORD.sub(_without_cache, readme.decode()).encode()}


def with_base(checkpoint: Checkpoint, source: str, revision: str | None) -> Checkpoint:
    """Return an adapter whose config names this base, if it names something else.

    A config that names the same repo stays as it is, with or without a revision: the lineage has the exact commit, and
    the content digest must not change because the base's main moved between two runs of the same command.

    Args:
        checkpoint: The checkpoint.
        source: The id of the base's repo.
        revision: The base's commit.
    """
    named = checkpoint.adapter_config.get(BASE_NAME)
    if checkpoint.kind != "adapter" or (isinstance(named, str) and named.casefold() == source.casefold()):
        return checkpoint
    config = {**checkpoint.adapter_config, BASE_NAME: source, "revision": revision}
    content = dict(checkpoint.content)
    content[ADAPTER_CONFIG] = _encode(config, content[ADAPTER_CONFIG])
    if isinstance(named, str) and CARD in content and re.match(r"[/\\~.]|[A-Za-z]:[/\\]", named):
        content[CARD] = content[CARD].replace(named.encode(), source.encode())
    files = {**checkpoint.files, ADAPTER_CONFIG: entry_of(content[ADAPTER_CONFIG])}
    return replace(checkpoint, content=content, files=files, adapter_config=config)


def entry_of(data: bytes) -> FileEntry:
    """Return the size and SHA-256 of bytes in memory."""
    return FileEntry(size=len(data), sha256=digest_of(data).removeprefix("sha256:"))


def _config(path: str, data: bytes) -> dict[str, Any]:
    """Parse a config that may have to be changed; what cannot be parsed is reported by whoever reads the folder."""
    name = PurePosixPath(path).name
    if name not in ("config.json", ADAPTER_CONFIG) or not (LOADED_FROM.encode() in data or b"models--" in data):
        return {}
    try:
        config = load_json(data, limit=len(data))
    except ValueError:
        return {}
    return config if isinstance(config, dict) else {}


def _encode(config: Mapping[str, Any], original: bytes) -> bytes:
    """Write a config as transformers and PEFT do, so that one without the note is the same bytes as before."""
    return (json.dumps(config, indent=2) + ("\n" if original.endswith(b"\n") else "")).encode()


def _repo(match: re.Match[str]) -> str:
    # The cache writes the slash of an id as two hyphens, which no id contains.
    return match["repo"].replace("--", "/", 1)


def _without_cache(word: re.Match[str]) -> str:
    found = _CACHE_FOLDER.search(word[0])
    if found is None:
        return word[0]
    before, rest = _BEFORE_PATH.match(word[0], 0, found.start()), word[0][found.end() :]
    return f"{before[0] if before else ''}{_repo(found)}{'' if rest in ('/', chr(92)) else rest}"
