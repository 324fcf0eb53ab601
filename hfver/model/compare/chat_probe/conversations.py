"""Conversations that reach what two templates do differently: of what these name, and of what callers send."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from .trees import OWN, Plan

__all__ = ["Conversations"]

_TOOLS: tuple[Any, ...] = (
    None,
    [],
    [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Wetter für Köln 天気",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "city": {"type": "string", "description": "Stadt é"},
                        "days": {"type": "integer", "default": 1},
                        "units": {"type": ["string", "null"], "enum": ["°C", "°F"]},
                        "list": {"type": "array", "items": {"type": "number"}},
                    },
                    "required": ["city"],
                },
            },
        }
    ],
    [{"type": "function", "function": {"name": "now", "parameters": {}}}, {"name": "flat", "description": "x"}],
)
_ROLES = ("system", "user", "assistant", "tool", "developer", "function", "ipython", "tool_response", "model")
_CONTENTS: tuple[Any, ...] = (
    "Hi.",
    "",
    "  spaced \n",
    "<think>\nwhy\n</think>\n\nBecause 'x' <b>.",
    "</think>",
    None,
    [{"type": "text", "text": "part"}],
    [{"type": "image"}, {"type": "text", "text": "see"}],
    [
        {"type": "image_url", "image_url": {"url": "u"}},
        {"type": "video", "video": "v"},
        {"type": "audio", "audio": "a"},
    ],
    ["bare", "list"],
    [],
    {"a": "é"},
    "/no_think",
    "/think",
    "<tool_response>x</tool_response>",
)


def _call(arguments: Any, *, wrapped: bool = True, **more: Any) -> dict[str, Any]:
    held = {"name": "get_weather", "arguments": arguments}
    return {"id": "call00001", "type": "function", "function": held, **more} if wrapped else {**held, **more}


_CALLS: tuple[Any, ...] = (
    None,
    [],
    [_call({"city": "Köln", "days": 2, "deep": {"a": [1, None, True]}, "many": [1, "é"], "none": None})],
    [_call('{"city": "Paris"}')],
    [_call({}), _call({"city": "Rom"})],
    [_call({"x": 1}, wrapped=False)],
    [{"function": {"name": "now"}}, {"name": "now"}],
    {"name": "now", "arguments": {}},
    True,
)


class Conversations:
    """Conversations that are made for two templates: of what these name, and of what callers send."""

    def __init__(self, trees: tuple[Any, Any], plans: tuple[Plan, Plan]) -> None:
        self.random = random.Random(0)  # noqa: S311 - the same conversations each time
        changed = sorted({text for tree, plan in zip(trees, plans, strict=True) for text in _changed_texts(tree, plan)})
        others = sorted({text for tree in trees for text in _literals(tree)} - set(changed))
        self.literals = [*changed[:30], *others[:30]]
        names = {name for tree in trees for name in _names(tree)}
        given = {"messages", "tools", "documents", "add_generation_prompt"}
        self.variables = sorted(set().union(*(_undeclared(tree) for tree in trees)) - given - _GLOBALS)
        known = {"role", "content", "tool_calls", "type", "text", "function", "arguments"}
        self.keys = sorted(names - known - {"id", "messages"})
        self.roles = [*_ROLES, *(text for text in self.literals if text.isidentifier() and text not in _ROLES)][:24]
        self.changed = [text for text in changed if text.isidentifier()][:12]
        # Templates may ask for the number of turns.
        self.lengths = sorted({number for tree in trees for number in _numbers(tree)})
        self.types = [text for text in self.literals if text.isidentifier()][:24]
        self.contents = [*_CONTENTS, *self._mentioned()]

    def all(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield conversations with their number: those of a plan, which have none, then what chance makes."""
        for variables in self._planned():
            yield 0, variables
        number = 0
        while True:
            number += 1
            yield number, self._made()

    def _planned(self) -> Iterator[dict[str, Any]]:
        user = {"role": "user", "content": "Hi."}
        answer = {"role": "assistant", "content": "Yes."}
        yield {"messages": [user]}
        yield {"messages": [user, answer], "add_generation_prompt": True}
        for turns in sorted({17, *self.lengths, *(number + 1 for number in self.lengths)}):
            yield _given(([user, answer] * turns)[:turns], add_generation_prompt=True)
        yield from self._with_variables(user, answer)
        for role in self.roles:
            other = {"role": role, "content": "Other."}
            yield from map(_given, ([other], [user, other], [other, user], [user, answer, other, user]))
        for content in self.contents:
            for role in ("user", "system", "assistant", "tool"):
                yield from (_given([user, {"role": role, "content": content}, user], add_generation_prompt=True),)
                yield _given([{"role": role, "content": content}])
                yield _given([{"role": role, "content": content}, user])
        for calls in _CALLS:
            called = {"role": "assistant", "content": None, "tool_calls": calls}
            for result in ("", "21", [{"type": "text", "text": "21"}], {"degrees": 21}, None):
                results = [{"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": result}] * 2
                for tools in _TOOLS:
                    yield _given([user, called, *results, answer, user], tools=tools)
                    yield _given([user, called, results[0]], tools=tools, add_generation_prompt=True)
                    yield _given([user, {**called, "content": "<think>why</think>I ask."}, results[0]], tools=tools)
        for key in (*self.keys, "reasoning_content", "reasoning", "thinking"):
            for value in self._values(key):
                said = {**answer, key: value}
                yield _given([user, said, user, said])
                yield _given([{**user, key: value}, said], add_generation_prompt=True)

    def _with_variables(self, user: dict[str, Any], answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for name in self.variables:
            for value in self._values(name):
                for messages in ([user], [{"role": "system", "content": "S."}, user, answer, user]):
                    for tools in (None, _TOOLS[2]):
                        yield _given(messages, tools=tools, add_generation_prompt=True, **{name: value})

    def _mentioned(self) -> Iterator[Any]:
        for text in self.literals:
            yield from (text, f"a {text} b")
        for kind in self.types:
            yield [{"type": kind, kind: "x", "text": "y"}]
            yield [{kind: "x"}, {"type": kind}]
            yield [{"type": kind}]
        yield [{"text": "y"}, {"type": "text", "text": "z"}]
        yield [{**dict.fromkeys(self.keys, "x"), "name": "get_weather"}]

    def _values(self, _name: str) -> list[Any]:
        plain = [
            True,
            False,
            None,
            "",
            "text",
            0,
            1,
            5,
            [],
            ["a"],
            [{"title": "t", "text": "d", "type": "x"}],
            {"a": 1},
        ]
        return [*plain, *self.literals[:24]]

    def _made(self) -> dict[str, Any]:
        choose = self.random.choice
        length = self.random.randint(0, 6)
        if self.lengths and self.random.random() < 0.3:
            length = min(choose(self.lengths) + choose((-1, 0, 1)), 24)
        messages = [self._message() for _ in range(length)]
        extra = {name: choose(self._values(name)) for name in self.variables if self.random.random() < 0.5}
        given = _given(messages, tools=choose(_TOOLS), add_generation_prompt=choose((True, False)))
        if self.random.random() < 0.2:
            extra["documents"] = choose(([], [{"title": "T", "text": "D", "doc_id": "1"}]))
        made = {**given, **extra}
        # Not every program that uses a template gives all of these.
        absent = [key for key in ("tools", "documents", "add_generation_prompt") if self.random.random() < 0.1]
        return {key: value for key, value in made.items() if key not in absent}

    def _message(self) -> dict[str, Any]:
        choose = self.random.choice
        role = choose(("user", "assistant", "system", "tool"))
        if self.random.random() < 0.4:
            role = choose(self.changed if self.changed and self.random.random() < 0.5 else self.roles)
        content = choose(self.contents) if self.random.random() < 0.5 else "Hi."
        message = {"role": role, "content": content}
        if self.random.random() < 0.3:
            message["tool_calls"] = choose(_CALLS)
        for key in self.keys:
            if self.random.random() < 0.2:
                message[key] = choose(self._values(key))
        if self.random.random() < 0.05:
            del message["content"]
        return message


def _given(messages: list[Any], **more: Any) -> dict[str, Any]:
    return {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": False, **more}


_GLOBALS = {
    *("raise_exception", "strftime_now", "namespace", "range", "dict", "lipsum", "cycler", "joiner", "loop", "__seen"),
    *("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"),
}


def _undeclared(tree: Any) -> set[str]:
    from jinja2 import meta

    return set(meta.find_undeclared_variables(tree))


def _literals(tree: Any) -> Iterator[str]:
    """Yield the texts that a template compares something with, or looks for."""
    for kind in (nodes.Compare, nodes.Call, nodes.Filter, nodes.Test):
        for node in tree.find_all(kind):
            for inner in node.find_all(nodes.Const):
                if isinstance(inner.value, str) and 0 < len(inner.value) <= 60:
                    yield inner.value


def _changed_texts(tree: Any, plan: Plan) -> Iterator[str]:
    """Yield the texts that changed parts of a template name."""
    for node in tree.find_all(nodes.Node):
        if id(node) in plan.expressions or (isinstance(node, nodes.Output) and id(node) in plan.statements):
            for inner in (node, *node.find_all(nodes.Const)):
                if (
                    isinstance(inner, nodes.Const)
                    and isinstance(inner.value, str)
                    and 0 < len(inner.value.strip()) <= 60
                ):
                    yield inner.value.strip()


def _numbers(tree: Any) -> Iterator[int]:
    """Yield the small numbers that a template compares something with."""
    for node in tree.find_all(nodes.Compare):
        for inner in node.find_all(nodes.Const):
            if type(inner.value) is int and 1 < inner.value <= 100:
                yield inner.value


def _names(tree: Any) -> Iterator[str]:
    """Yield the keys that a template reads from anything."""
    for node in tree.find_all(nodes.Getattr):
        if node.attr not in OWN:
            yield node.attr
    for node in tree.find_all(nodes.Getitem):
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            yield node.arg.value
    for node in tree.find_all(nodes.Compare):
        # "tool_calls" in message
        if isinstance(node.expr, nodes.Const) and isinstance(node.expr.value, str) and node.expr.value.isidentifier():
            yield node.expr.value
