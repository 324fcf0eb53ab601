"""The commands in YAML as Kubernetes, KServe, Compose and CI systems write it."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from hfver.lint.text.shell_words import Command, ShellWord, commands_in, constants_in

__all__ = ["commands_in_yaml"]

_COMMAND_KEYS = ("command", "entrypoint", "args")


def commands_in_yaml(text: str) -> list[Command] | None:
    """Return the commands in a YAML file: in scalars that can be shell text, and in the arguments of containers.

    Returns:
        None if the file is not YAML, as the templates of a Helm chart are not.
    """
    nodes = _all_nodes(text)
    if nodes is None:
        return None
    return [*_commands_in_scripts(text, nodes), *_container_commands(text, nodes)]


def _all_nodes(text: str) -> list[yaml.Node] | None:
    """Return every node of a file once, no matter how often aliases repeat it; None if the file is not YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        # Composed and not loaded: only nodes know where they are in the file.
        stack: list[yaml.Node] = [node for node in yaml.compose_all(text, loader) if node is not None]
    except (yaml.YAMLError, RecursionError):
        return None
    seen: dict[int, yaml.Node] = {}
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            if isinstance(node, yaml.MappingNode):
                stack.extend(part for pair in node.value for part in pair)
            elif isinstance(node, yaml.SequenceNode):
                stack.extend(node.value)
    return list(seen.values())


def _commands_in_scripts(text: str, nodes: list[yaml.Node]) -> Iterator[Command]:
    for node in nodes:
        if isinstance(node, yaml.ScalarNode) and " " in node.value:
            script, start = _source(text, node)
            yield from map(Command, commands_in(script, start, constants_in(script)))


def _container_commands(text: str, nodes: list[yaml.Node]) -> Iterator[Command]:
    for node in nodes:
        if isinstance(node, yaml.MappingNode):
            fields = {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}
            parts = [fields[key] for key in _COMMAND_KEYS if key in fields]
            # A single string is a command only beside an image; elsewhere "command" can mean anything.
            if any(isinstance(part, yaml.SequenceNode) for part in parts) or (parts and "image" in fields):
                yield Command([word for part in parts for word in _words(text, part)], _server(fields))


def _server(fields: dict[str, yaml.Node]) -> str:
    """Return the image of a container, or the server that KServe starts for a model format."""
    image, model = fields.get("image"), fields.get("modelFormat")
    if isinstance(image, yaml.ScalarNode):
        return str(image.value)
    entries = model.value if isinstance(model, yaml.MappingNode) else []
    formats = [value.value for key, value in entries if key.value == "name"]
    return "huggingfaceserver" if "huggingface" in formats else "".join(str(name).lower() for name in formats)


def _words(text: str, node: yaml.Node) -> list[ShellWord]:
    if isinstance(node, yaml.SequenceNode):
        scalars = [item for item in node.value if isinstance(item, yaml.ScalarNode)]
        return [ShellWord(str(item.value), item.start_mark.index) for item in scalars]
    script, start = _source(text, node)
    return next(commands_in(script, start), [])


def _source(text: str, node: yaml.Node) -> tuple[str, int]:
    """Return a scalar as it is in the file, with its offset there; YAML's own characters become spaces."""
    start, end = node.start_mark.index, node.end_mark.index
    source, style = text[start:end], getattr(node, "style", None)
    if style in ("|", ">"):
        header = source.partition("\n")[0]
        source = " " * len(header) + source[len(header) :]
    elif style in ("'", '"'):
        source = f" {source[1:-1]} "
    if style != "|":
        source = source.replace("\n", " ")  # in every other style, YAML folds the lines into one
    return source, start
