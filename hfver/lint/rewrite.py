"""The syntax of an added argument: libcst's tree, which keeps every space and comment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst
from libcst.metadata import PositionProvider

from hfver.lint.report import Finding

__all__ = ["PinCalls"]


class PinCalls(cst.CSTTransformer):
    """Pins the calls at some places.

    Args:
        pins: First line and column of a call, last line and the column behind it, all from 1, to what to write there.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, pins: Mapping[tuple[int, int, int, int], Finding]) -> None:
        super().__init__()
        self._pins = pins

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:  # noqa: N802
        """Pin a call if it is one of those."""
        where = self.get_metadata(PositionProvider, original_node)
        pin = self._pins.get((where.start.line, where.start.column + 1, where.end.line, where.end.column + 1))
        return updated_node if pin is None or pin.commit is None else _pin(updated_node, pin.commit, pin.position)


def _pin(call: cst.Call, commit: str, position: int | None) -> cst.Call:
    quote = _quote(call)
    literal = cst.SimpleString(f"{quote}{commit}{quote}")
    index = _find_revision(call.args, position)
    if index is None:
        return _append(call, literal)
    arguments = list(call.args)
    arguments[index] = arguments[index].with_changes(value=literal)
    return call.with_changes(args=arguments)


def _quote(call: cst.Call) -> str:
    """Take the quotes that the call itself uses."""
    for argument in call.args:
        if isinstance(argument.value, cst.SimpleString):
            return argument.value.quote[0]
    return '"'


def _find_revision(arguments: Sequence[cst.Arg], position: int | None) -> int | None:
    for index, argument in enumerate(arguments):
        if argument.keyword is not None and argument.keyword.value == "revision":
            return index
    if position is None or position >= len(arguments):
        return None
    before = arguments[: position + 1]
    return None if any(argument.keyword or argument.star for argument in before) else position


def _append(call: cst.Call, literal: cst.SimpleString) -> cst.Call:
    last = call.args[-1]
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    added = cst.Arg(literal, keyword=cst.Name("revision"), equal=equal)
    if isinstance(last.comma, cst.Comma):
        gap = last.comma.whitespace_after
        added = added.with_changes(comma=cst.Comma(whitespace_after=_end(gap)))
        before = last.with_changes(comma=last.comma.with_changes(whitespace_after=_between(call, gap)))
    else:
        gap = last.whitespace_after_arg
        added = added.with_changes(whitespace_after_arg=_end(gap))
        comma = cst.Comma(whitespace_after=_between(call, gap))
        before = last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
    return call.with_changes(args=[*call.args[:-1], before, added])


def _end(gap: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """What stands between the last argument and the bracket, without the comments: they stay where they are."""
    if not isinstance(gap, cst.ParenthesizedWhitespace):
        return gap
    return gap.with_changes(first_line=cst.TrailingWhitespace(newline=gap.first_line.newline), empty_lines=[])


def _between(call: cst.Call, gap: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """What stands between two arguments of this call; comments behind the last one stay with it."""
    pattern = _pattern(call)
    if isinstance(gap, cst.ParenthesizedWhitespace) and (pattern or _has_comment(gap)):
        opening = call.whitespace_before_args
        indented = pattern or (opening if isinstance(opening, cst.ParenthesizedWhitespace) else gap)
        return gap.with_changes(indent=indented.indent, last_line=indented.last_line)
    if pattern is None:
        return cst.SimpleWhitespace(" ")
    newline = cst.TrailingWhitespace(newline=pattern.first_line.newline)
    return pattern.with_changes(first_line=newline, empty_lines=[])


def _has_comment(gap: cst.ParenthesizedWhitespace) -> bool:
    return gap.first_line.comment is not None or any(line.comment for line in gap.empty_lines)


def _pattern(call: cst.Call) -> cst.ParenthesizedWhitespace | None:
    """How the call goes to a new line for an argument; None where the last one stays on the line."""
    gaps = [call.whitespace_before_args]
    gaps += [argument.comma.whitespace_after for argument in call.args[:-1] if isinstance(argument.comma, cst.Comma)]
    return gaps[-1] if isinstance(gaps[-1], cst.ParenthesizedWhitespace) else None
