"""The TOML of a lock: sorted, one line per file, so that equal locks are equal bytes and diffs are readable."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hfver.core.lockfile.lock import Lock, Package
from hfver.errors import BadConfig

__all__ = ["MAX_BYTES", "decode_lock", "encode_lock", "refuse"]

SCHEMA = 1
"""The version of the format. A newer schema is refused with the hint to upgrade."""

MAX_BYTES = 16 * 1024 * 1024
"""Maximum size of a lock."""

_HEADER = """\
# Written by hfver: the exact versions, commits and files of the models that this project uses.
# Keep it under version control. Change it by: hfver lock
"""
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)


def encode_lock(lock: Lock) -> bytes:
    """Encode a lock: packages sorted by repo, one line per file."""
    tables = "".join("\n" + "".join(_table(package)) for package in lock.ordered)
    return f"{_HEADER}schema = {SCHEMA}\n{tables}".encode()


def decode_lock(raw: bytes, path: Path) -> Lock:
    """Decode a lock.

    Args:
        raw: The content of the file.
        path: The file, for error messages.

    Raises:
        BadConfig: The content is not a valid lock, or was written by a newer version of hfver. The message names the
            line or the key.
    """
    table: dict[str, Any] = {}
    try:
        table = _parse(raw, path)
        _check_schema(table, path)
        return Lock(packages=tuple(Package.model_validate(one) for one in _packages(table)), path=path)
    except ValidationError as error:
        raise refuse(path, _explain(error, table)) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise refuse(path, str(error).splitlines()[0][:200]) from None


def refuse(path: Path, problem: str) -> BadConfig:
    """Return the error for a lock that cannot be used."""
    return BadConfig(
        f"{path}: {problem}.",
        f"Restore the last good one (git checkout -- {path.name}), or delete it and run: hfver lock NS/NAME@SPEC",
    )


def _table(package: Package) -> Iterator[str]:
    yield "[[package]]\n"
    for key in ("repo", "hub", "spec", "version", "commit", "digest", "ledger", "allow_code", "base"):
        value = getattr(package, key)
        if value is not None and value is not False:
            yield f"{key} = {_scalar(value)}\n"
    if package.datasets:
        yield "datasets = [\n" + "".join(f"    {_inline(one)},\n" for one in package.datasets) + "]\n"
    yield "[package.files]\n"
    for path, entry in sorted(package.files.items()):
        yield f"{_scalar(path)} = {_inline(entry)}\n"


def _inline(record: BaseModel) -> str:
    pairs = record.model_dump(exclude_none=True).items()
    return "{ " + ", ".join(f"{key} = {_scalar(value)}" for key, value in pairs) + " }"


def _scalar(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f'"{"".join(map(_escaped, value))}"'


def _escaped(char: str) -> str:
    """Escape what a basic string of TOML must not contain, and what would be invisible in a diff."""
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    if 0xD800 <= ord(char) < 0xE000:
        return "\N{REPLACEMENT CHARACTER}"
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _parse(raw: bytes, path: Path) -> dict[str, Any]:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    # Conflict markers are not TOML, but the parser's message about them would help nobody.
    if conflict := _CONFLICT.search(text.replace("\r\n", "\n")):
        line = text.replace("\r\n", "\n").count("\n", 0, conflict.start()) + 1
        raise BadConfig(
            f"{path}: line {line} is a conflict marker of a git merge.",
            f"Use one side (git checkout --ours {path.name}), then run: hfver lock",
        )
    return tomllib.loads(text)


def _check_schema(table: Mapping[str, Any], path: Path) -> None:
    # Before anything else is checked: a newer format should say "upgrade", not that a key is unknown.
    schema = table.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise BadConfig(
            f"{path} has schema {schema}; this version of hfver supports schemas up to {SCHEMA}.",
            "Upgrade hfver: pip install --upgrade hfver",
        )
    if type(schema) is not int or schema != SCHEMA:
        raise ValueError(f"schema must be {SCHEMA}")
    if unknown := sorted(set(table) - {"schema", "package"}):
        raise ValueError(f"unknown key {unknown[0][:80]}")


def _packages(table: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    packages = table.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(one, dict) for one in packages):
        raise ValueError("package must be an array of tables, written [[package]]")
    return packages


def _explain(error: ValidationError, table: Mapping[str, Any]) -> str:
    """Return the first error, with the package and the key that it is about."""
    first = error.errors(include_url=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    key = "".join(f"{part}." for part in first["loc"]).rstrip(".")
    return f"{_first_invalid(table)}{key}{': ' if key else ''}{message}"


def _first_invalid(table: Mapping[str, Any]) -> str:
    """Name the first package that is not valid; empty if only the packages together are not."""
    for number, one in enumerate(_packages(table), 1):
        try:
            Package.model_validate(one)
        except ValidationError:
            repo = one.get("repo")
            return f"package {number}{f' ({repo[:80]})' if isinstance(repo, str) else ''}: "
    return ""
