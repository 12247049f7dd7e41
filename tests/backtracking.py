"""A backtracking matcher that counts its steps, so that the growth of an expression is measured without a clock.

It reads what `re` itself parsed, tries what `re` tries in the same order, and knows the parts of the language that
this package uses; another part raises KeyError. `tests/test_expressions.py` holds it to `re`'s own answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Code = list[tuple[Any, ...]]
MANY = 1_000  # a repetition of more counts as one without an end


class Costly(Exception):
    """More steps than allowed."""


class Program:
    """An expression made ready to run. flags and groups are those of the compiled pattern."""

    def __init__(self, pattern: re.Pattern[Any]) -> None:
        tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self.tree = tree
        self.code = _sequence(tree, tree.state.flags, isinstance(pattern.pattern, bytes))
        self.steps = 0

    def match(self, text: str, at: int, most: int, whole: bool = False) -> int:
        """Where a match that begins at a place ends, -1 without one. Raises Costly beyond so many steps."""
        return self._run([*self.code, ("end", whole)], text, at, (), most)[0]

    def search(self, text: str, most: int) -> int:
        """Goes through the text as `finditer` does; returns the number of matches."""
        at = found = 0
        while at <= len(text):
            end = self.match(text, at, most)
            found += end >= 0
            at = max(end, at + 1)
        return found

    def _run(self, code: Code, text: str, at: int, groups: tuple[tuple[int, int], ...], most: int) -> tuple[int, Any]:
        stack = [(0, at, groups)]
        while stack:
            pc, at, groups = stack.pop()
            while True:
                self.steps += 1
                if self.steps > most:
                    raise Costly
                name, *rest = code[pc]
                pc += 1
                if name == "char":
                    if at < len(text) and rest[0](text[at]):
                        at += 1
                        continue
                    break
                if name == "split":  # the first is tried first
                    stack.append((pc - 1 + rest[1], at, groups))
                    pc += rest[0] - 1
                elif name == "jump":
                    pc += rest[0] - 1
                elif name == "mark":
                    groups = (*groups, (rest[0], at))
                elif name == "moved":  # a repetition of nothing ends
                    if at == next(place for number, place in reversed(groups) if number == rest[0]):
                        break
                elif name == "again":
                    start, end = (next(p for n, p in reversed(groups) if n == 2 * rest[0] + side) for side in (0, 1))
                    if not text.startswith(text[start:end], at):
                        break
                    self.steps += end - start
                    at += end - start
                elif name == "at":
                    if not rest[0](text, at):
                        break
                elif name == "look":
                    inner, back, wanted = rest
                    found = at >= back and self._run(inner, text, at - back, groups, most)[0] >= 0
                    if found is not wanted:
                        break
                elif name == "atomic":
                    at, inside = self._run(rest[0], text, at, groups, most)
                    if at < 0:
                        break
                    groups = inside
                elif name == "end":
                    if not rest[0] or at == len(text):
                        return at, groups
                    break
                else:
                    raise KeyError(name)
        return -1, groups


_END = [("end", False)]


def _sequence(tree: Any, flags: int, ascii_only: bool) -> Code:
    return [part for node, value in tree for part in _node(node, value, flags, ascii_only)]


def _node(node: Any, value: Any, flags: int, ascii_only: bool) -> Code:
    if node in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
        return [("char", _member(node, tuple(value) if node is op.IN else value, flags, ascii_only))]
    if node is op.AT:
        return [("at", _place(value, flags))]
    if node is op.BRANCH:
        return _choice([_sequence(branch, flags, ascii_only) for branch in value[1]])
    if node is op.SUBPATTERN:
        group, added, removed, inner = value
        body = _sequence(inner, (flags | added) & ~removed, ascii_only)
        return body if group is None else [("mark", 2 * group), *body, ("mark", 2 * group + 1)]
    if node in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        low, high, inner = value
        code = _repeat(_sequence(inner, flags, ascii_only), low, high, node is op.MIN_REPEAT, inner.getwidth()[0] == 0)
        return [("atomic", [*code, *_END])] if node is op.POSSESSIVE_REPEAT else code
    if node is op.ATOMIC_GROUP:
        return [("atomic", [*_sequence(value, flags, ascii_only), *_END])]
    if node in (op.ASSERT, op.ASSERT_NOT):
        direction, inner = value
        back = inner.getwidth()[0] if direction < 0 else 0
        return [("look", [*_sequence(inner, flags, ascii_only), *_END], back, node is op.ASSERT)]
    if node is op.GROUPREF:
        return [("again", value)]
    raise KeyError(node)


def _choice(branches: list[Code]) -> Code:
    code = branches[-1]
    for branch in reversed(branches[:-1]):
        code = [("split", 1, len(branch) + 2), *branch, ("jump", len(code) + 1), *code]
    return code


def _repeat(body: Code, low: int, high: int, lazy: bool, may_be_empty: bool) -> Code:
    def either(size: int) -> tuple[Any, ...]:
        return ("split", size, 1) if lazy else ("split", 1, size)

    code = body * min(low, MANY)
    if high == op.MAXREPEAT or high > MANY:
        loop = [("mark", -1), *body, ("moved", -1)] if may_be_empty else body
        return [*code, either(len(loop) + 2), *loop, ("jump", -len(loop) - 1)]
    optional: Code = []
    for _ in range(high - low):
        optional = [either(len(body) + len(optional) + 1), *body, *optional]
    return code + optional


@cache
def _member(node: Any, value: Any, flags: int, ascii_only: bool) -> Callable[[str], bool]:
    folded = flags & re.IGNORECASE

    @cache
    def holds(char: str) -> bool:
        return any(_is(node, value, one, flags, ascii_only) for one in ({char.lower(), char.upper()} if folded else {char}))

    return holds


def _is(node: Any, value: Any, char: str, flags: int, ascii_only: bool) -> bool:
    if node is op.LITERAL:
        return ord(char) == value
    if node is op.NOT_LITERAL:
        return ord(char) != value
    if node is op.ANY:
        return char != "\n" or bool(flags & re.DOTALL)
    negated = value[0][0] is op.NEGATE
    return any(within(kind, what, char, ascii_only) for kind, what in value[negated:]) is not negated


_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}


def within(kind: Any, what: Any, char: str, ascii_only: bool) -> bool:
    """Is a character of one item of a class?"""
    if kind is op.LITERAL:
        return ord(char) == what
    if kind is op.RANGE:
        return bool(what[0] <= ord(char) <= what[1])
    return re.match(_CATEGORIES[what], char, re.ASCII if ascii_only else 0) is not None


def _place(where: Any, flags: int) -> Callable[[str, int], bool]:
    lines = flags & re.MULTILINE

    def boundary(text: str, at: int) -> bool:
        before, behind = text[at - 1 : at] if at else "", text[at : at + 1]
        return bool(re.match(r"\w", before)) is not bool(re.match(r"\w", behind))

    places: dict[Any, Callable[[str, int], bool]] = {
        op.AT_BEGINNING: lambda text, at: at == 0 or bool(lines and text[at - 1] == "\n"),
        op.AT_BEGINNING_STRING: lambda _, at: at == 0,
        op.AT_END: lambda text, at: text[at:] in ("", "\n") or bool(lines and text[at] == "\n"),
        op.AT_END_STRING: lambda text, at: at == len(text),
        op.AT_BOUNDARY: boundary,
        op.AT_NON_BOUNDARY: lambda text, at: not boundary(text, at),
    }
    return places[where]
