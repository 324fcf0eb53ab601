"""YAML as Kubernetes, KServe, Compose and CI systems write it: the commands in it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import yaml

from hfver.lint.shell_words import Word, commands_in

__all__ = ["arguments_in", "scripts_in"]

_COMMAND = ("command", "entrypoint", "args")


@lru_cache(maxsize=1)
def _nodes(text: str) -> list[yaml.Node] | None:
    """List every node of a file once, however often an alias repeats it; None if it is not YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        waiting: list[yaml.Node] = [node for node in yaml.compose_all(text, loader) if node is not None]
    except (yaml.YAMLError, RecursionError):
        return None
    found: dict[int, yaml.Node] = {}
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            if isinstance(node, yaml.MappingNode):
                waiting.extend(part for pair in node.value for part in pair)
            elif isinstance(node, yaml.SequenceNode):
                waiting.extend(node.value)
    return list(found.values())


def scripts_in(text: str) -> list[tuple[str, int]] | None:
    """List the scalars that can be shell text, each with its offset; None if the file is not YAML."""
    nodes = _nodes(text)
    if nodes is None:
        return None
    scalars = (node for node in nodes if isinstance(node, yaml.ScalarNode) and " " in node.value)
    return [_source(text, node) for node in scalars]


def arguments_in(text: str) -> Iterator[tuple[list[Word], str]]:
    """List the command lines that containers are given, each with its image or model format."""
    for node in _nodes(text) or []:
        if isinstance(node, yaml.MappingNode):
            fields = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
            parts = [fields[key] for key in _COMMAND if key in fields]
            if any(isinstance(part, yaml.SequenceNode) for part in parts) or (parts and "image" in fields):
                yield [word for part in parts for word in _words(text, part)], _context(fields)


def _context(fields: dict[str, yaml.Node]) -> str:
    """Name the image, or the server that KServe starts for a model format."""
    image, model = fields.get("image"), fields.get("modelFormat")
    if isinstance(image, yaml.ScalarNode):
        return str(image.value)
    formats = model.value if isinstance(model, yaml.MappingNode) else []
    names = [value.value for key, value in formats if key.value == "name"]
    return "huggingfaceserver" if "huggingface" in names else "".join(str(name).lower() for name in names)


def _words(text: str, node: yaml.Node) -> list[Word]:
    if isinstance(node, yaml.SequenceNode):
        scalars = [item for item in node.value if isinstance(item, yaml.ScalarNode)]
        return [Word(str(item.value), item.start_mark.index) for item in scalars]
    script, start = _source(text, node)
    return next(commands_in(script, start), [])


def _source(text: str, node: yaml.Node) -> tuple[str, int]:
    """Give a scalar as it stands in the file, with its offset; what is YAML's own there becomes spaces."""
    start, end = node.start_mark.index, node.end_mark.index
    source, style = text[start:end], getattr(node, "style", None)
    if style in ("|", ">"):
        header = source.partition("\n")[0]
        source = " " * len(header) + source[len(header) :]
    elif style in ("'", '"'):
        source = f" {source[1:-1]} "
    if style != "|":
        source = source.replace("\n", " ")  # YAML folds the lines into one
    return source, start
