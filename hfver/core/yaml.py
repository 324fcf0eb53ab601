"""YAML as hfver reads and writes it: plain values, bounded, without aliases or duplicate keys."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["YamlError", "dump_yaml", "load_yaml"]


MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 4300
"""Longest integer in characters; Python itself refuses to convert longer ones, for the time that it takes."""


class YamlError(ValueError):
    """The bytes are not YAML as hfver reads it.

    Attributes:
        problem: What is wrong.
        line: Where, counted from 1; None if it is not known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        """Describe the problem and its line."""
        super().__init__(f"not valid YAML ({f'line {line}: ' if line else ''}{problem})")
        self.problem, self.line = problem, line


def load_yaml(data: bytes, *, limit: int = MAX_BYTES, max_depth: int = MAX_DEPTH, lenient: bool = False) -> Any:
    """Parse YAML safely: bounded size and depth, plain values, no duplicate keys, and no aliases.

    249 bytes of aliases can expand to 28 MB. Numbers are those of YAML 1.2: ``5e-5`` is one, and ``1:30`` and ``0123``,
    which YAML 1.1 reads as 90 and 83, are text.

    Args:
        data: The bytes, UTF-8 or UTF-16.
        limit: Most bytes that are accepted.
        max_depth: Most levels of nesting that are accepted.
        lenient: Read a date that does not exist, or an integer that is too long, as text instead of refusing it.

    Raises:
        ValueError: The bytes break one of these rules (``YamlError`` if they are not YAML at all).
    """
    if len(data) > limit:
        raise ValueError(f"{len(data)} bytes are more than the {limit} allowed")
    try:
        return _load(data, max_depth, lenient=lenient)
    except (yaml.YAMLError, RecursionError) as error:
        if _is_too_deep(data, error, max_depth):
            raise YamlError("nested too deeply") from None
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise YamlError(" ".join(str(problem).split())[:160], mark.line + 1 if mark else None) from None


def _load(data: bytes, max_depth: int, *, lenient: bool) -> Any:
    loader = (_LenientLoader if lenient else _Loader)(data, max_depth)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _is_too_deep(data: bytes, error: Exception, max_depth: int) -> bool:
    """Return whether the parser gave up on the nesting before :class:`_Loader` could count it.

    The scanner looks ahead for a ``:``, so it may meet a thousand brackets before it reports the first one. Newer
    releases of libyaml bound them there, with a message of their own; the brackets left open say what it was about.
    """
    mark = getattr(error, "problem_mark", None)
    before = data[: mark.index] if mark else b""
    left_open = before.count(b"[") + before.count(b"{") - before.count(b"]") - before.count(b"}")
    return isinstance(error, RecursionError) or left_open > max_depth


def dump_yaml(data: Any) -> bytes:
    """Write plain values as YAML, in their order and without aliases."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110).encode()


_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(yaml.composer.Composer, _Parser):  # type: ignore[misc]
    """Composes nodes in Python, where rules can be enforced, from the events of libyaml if it is installed."""

    def __init__(self, stream: bytes, max_depth: int) -> None:
        _Parser.__init__(self, stream)
        yaml.composer.Composer.__init__(self)
        self._depth, self._max_depth = 0, max_depth

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", self.peek_event().start_mark)
        self._depth += 1
        if self._depth > self._max_depth:
            raise yaml.composer.ComposerError(None, None, "nested too deeply", self.peek_event().start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key occurs twice", node.start_mark)
        return mapping

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int | str:
        # Python bounds decimal numbers only, and cannot write a longer one whatever it was read from.
        if len(node.value) > MAX_DIGITS:
            raise ValueError(f"an integer has more than {MAX_DIGITS} digits")
        return int(yaml.SafeLoader.construct_yaml_int(self, node))


class _LenientLoader(_Loader):
    """Leaves scalars that only look like a number or a date as they are written."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int | str:
        try:
            return super().construct_yaml_int(node)
        except ValueError:
            return str(node.value)

    def construct_yaml_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError:
            return str(node.value)


_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+)\Z")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z"
    r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
)
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

# PyYAML reads YAML 1.1, where a number may also be octal or sexagesimal: a short commit hash such as 0123456 would
# become 42798, and 100 kB of "1:1:1:…" would take minutes.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_NUMBERS[0], _INT, list("-+0123456789"))
_Loader.add_implicit_resolver(_NUMBERS[1], _FLOAT, list("-+.0123456789"))
_Loader.yaml_constructors = dict(yaml.SafeLoader.yaml_constructors)
_Loader.yaml_constructors[_NUMBERS[0]] = lambda loader, node: loader.construct_yaml_int(node)
_Loader.yaml_constructors["tag:yaml.org,2002:timestamp"] = lambda loader, node: loader.construct_yaml_timestamp(node)
for _tag in ("binary", "omap", "pairs", "set"):
    _Loader.yaml_constructors[f"tag:yaml.org,2002:{_tag}"] = yaml.SafeLoader.construct_undefined


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the parent's signature
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        # PyYAML folds these Unicode line breaks into a space unless they are escaped.
        style = '"' if _BREAKS.intersection(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_BREAKS = frozenset("\x85\u2028\u2029\ufeff")
_EXPONENT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+\Z")
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+.0123456789"))
_Dumper.add_representer(str, _Dumper.represent_str)
