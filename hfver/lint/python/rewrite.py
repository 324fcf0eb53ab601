"""Add an argument to a call in libcst's syntax tree, which keeps every space and comment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst
from libcst.metadata import PositionProvider

from hfver.lint.report import Diagnostic

__all__ = ["PinCalls"]


class PinCalls(cst.CSTTransformer):
    """Writes commits into the calls at given places.

    Args:
        pins: By place (first line and column of the call, last line and the column after it, all from 1): the
            diagnostic with the commit to write.
    """

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, pins: Mapping[tuple[int, int, int, int], Diagnostic]) -> None:
        super().__init__()
        self._pins = pins

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:  # noqa: N802
        """Write the commit into a call if it is at one of the places."""
        # libcst counts columns from 0.
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
    """Return the quotes that the call itself uses; double quotes if it has no string."""
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
    # After a keyword or a star, the index no longer tells which argument it is.
    before = arguments[: position + 1]
    return None if any(argument.keyword or argument.star for argument in before) else position


def _append(call: cst.Call, literal: cst.SimpleString) -> cst.Call:
    last = call.args[-1]
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    added = cst.Arg(literal, keyword=cst.Name("revision"), equal=equal)
    if isinstance(last.comma, cst.Comma):
        gap = last.comma.whitespace_after
        added = added.with_changes(comma=cst.Comma(whitespace_after=_before_bracket(gap)))
        before = last.with_changes(comma=last.comma.with_changes(whitespace_after=_before_argument(call, gap)))
    else:
        gap = last.whitespace_after_arg
        added = added.with_changes(whitespace_after_arg=_before_bracket(gap))
        comma = cst.Comma(whitespace_after=_before_argument(call, gap))
        before = last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
    return call.with_changes(args=[*call.args[:-1], before, added])


def _before_bracket(gap: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """Return the whitespace before the closing bracket, without comments: they stay with the argument before."""
    if not isinstance(gap, cst.ParenthesizedWhitespace):
        return gap
    return gap.with_changes(first_line=cst.TrailingWhitespace(newline=gap.first_line.newline), empty_lines=[])


def _before_argument(call: cst.Call, gap: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    """Return the whitespace between two arguments of this call; a comment after the last one stays with it."""
    line_break = _line_break(call)
    if isinstance(gap, cst.ParenthesizedWhitespace) and (line_break or _has_comment(gap)):
        opening = call.whitespace_before_args
        indented = line_break or (opening if isinstance(opening, cst.ParenthesizedWhitespace) else gap)
        return gap.with_changes(indent=indented.indent, last_line=indented.last_line)
    if line_break is None:
        return cst.SimpleWhitespace(" ")
    newline = cst.TrailingWhitespace(newline=line_break.first_line.newline)
    return line_break.with_changes(first_line=newline, empty_lines=[])


def _has_comment(gap: cst.ParenthesizedWhitespace) -> bool:
    return gap.first_line.comment is not None or any(line.comment for line in gap.empty_lines)


def _line_break(call: cst.Call) -> cst.ParenthesizedWhitespace | None:
    """Return the line break before the call's last argument; None if that argument is on the line of the one before."""
    gaps = [call.whitespace_before_args]
    gaps += [argument.comma.whitespace_after for argument in call.args[:-1] if isinstance(argument.comma, cst.Comma)]
    return gaps[-1] if isinstance(gaps[-1], cst.ParenthesizedWhitespace) else None
