"""YAML as hfver reads and writes it: plain values, bounded, without aliases or duplicate keys."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["dump_yaml", "load_yaml"]


MAX_BYTES = 1024 * 1024


MAX_DEPTH = 64


def load_yaml(data: bytes, *, limit: int = MAX_BYTES) -> Any:
    """Parse YAML safely: bounded size, plain values, no duplicate keys, and no aliases.

    249 bytes of aliases can expand to 28 MB. ``5e-5`` is a number, as in JSON and YAML 1.2.

    Raises:
        ValueError: The bytes break one of these rules or are no YAML.
    """
    if len(data) > limit:
        raise ValueError(f"{len(data)} bytes are more than the {limit} allowed")
    try:
        return yaml.load(data, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer types
    except (yaml.YAMLError, RecursionError) as error:
        reason = "nested too deeply" if _is_too_deep(data, error) else " ".join(str(error).split())[:160]
        raise ValueError(f"no valid YAML ({reason})") from None


def _is_too_deep(data: bytes, error: Exception) -> bool:
    """Return whether the parser gave up on the nesting before :class:`_Loader` could count it.

    The scanner looks ahead for a ``:``, so it may meet a thousand brackets before it reports the first one. Newer
    releases of libyaml bound them there, with a message of their own; the brackets left open say what it was about.
    """
    mark = getattr(error, "problem_mark", None)
    before = data[: mark.index] if mark else b""
    left_open = before.count(b"[") + before.count(b"{") - before.count(b"]") - before.count(b"}")
    return isinstance(error, RecursionError) or left_open > MAX_DEPTH


def dump_yaml(data: Any) -> bytes:
    """Write plain values as YAML, in their order and without aliases."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110).encode()


_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(yaml.composer.Composer, _Parser):  # type: ignore[misc]
    """Composes nodes in Python, where rules can be laid down, from events that libyaml reads where it is there."""

    depth = 0

    def __init__(self, stream: bytes) -> None:
        _Parser.__init__(self, stream)
        yaml.composer.Composer.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", None)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", None)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key is there twice", node.start_mark)
        return mapping


_EXPONENT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z")

_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
_Loader.yaml_constructors = dict(yaml.SafeLoader.yaml_constructors)
for _tag in ("binary", "omap", "pairs", "set"):
    _Loader.yaml_constructors[f"tag:yaml.org,2002:{_tag}"] = yaml.SafeLoader.construct_undefined


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the parent's signature
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # PyYAML folds these line breaks of Unicode's into a space unless they are escaped.
        style = '"' if _BREAKS.intersection(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_BREAKS = frozenset("\x85\u2028\u2029\ufeff")
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
_Dumper.add_representer(str, _Dumper.represent_str)
